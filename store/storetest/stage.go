package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// staged stages a credential: readers see the one before until a put.
func staged(t *testing.T, h Harness) {
	p := h.place(t)
	s := p.Open(t, Owner, false)
	stager, ok := s.(store.Stager)
	if !ok {
		return
	}
	nothing(t, stager, "in an empty place")
	h.put(t, p, s, one)
	nothing(t, stager, "after a put")
	before := p.Content(t)
	for range 2 {
		if _, err := stager.Stage(t.Context(), two); err != nil {
			t.Fatalf("stage: %v", err)
		}
		waiting(t, p, two)
	}
	if !bytes.Equal(before, p.Content(t)) {
		t.Error("readers see what was only staged")
	}
	h.put(t, p, p.Open(t, Owner, false), two)
	nothing(t, stager, "after it was put")
	foreignPlace := h.seeded(t)
	foreignStager, _ := foreignPlace.Open(t, Owner, false).(store.Stager)
	if _, err := foreignStager.Stage(t.Context(), one); !errors.Is(err, store.ErrForeign) {
		t.Errorf("stage beside foreign content: %v, want ErrForeign", err)
	}
	lostStage(t, h)
}

// lostStage loses the answer of staging: the same stage again settles it.
func lostStage(t *testing.T, h Harness) {
	t.Helper()
	p := h.place(t)
	s := p.Open(t, Owner, false)
	h.put(t, p, s, one)
	if p.LoseAnswer == nil {
		return
	}
	p.LoseAnswer(t, 1)
	stager, _ := s.(store.Stager)
	if _, err := stager.Stage(t.Context(), two); err != nil && !errors.Is(err, store.ErrAmbiguous) {
		t.Fatalf("stage with a lost answer: %v, want ErrAmbiguous", err)
	}
	again, _ := p.Open(t, Owner, false).(store.Stager)
	if _, err := again.Stage(t.Context(), two); err != nil {
		t.Fatalf("the same stage does not settle a lost answer: %v", err)
	}
	waiting(t, p, two)
}

// nothing checks that nothing waits.
func nothing(t *testing.T, stager store.Stager, when string) {
	t.Helper()
	if held, err := stager.Staged(t.Context()); !errors.Is(err, store.ErrEmpty) {
		t.Errorf("staged %s: %v, %v, want ErrEmpty", when, held.Credential, err)
	}
}

// waiting checks that a fresh instance finds a credential waiting under our mark.
func waiting(t *testing.T, p Place, c store.Credential) {
	t.Helper()
	stager, _ := p.Open(t, Owner, false).(store.Stager)
	if held, err := stager.Staged(t.Context()); err != nil || !held.Credential.Equal(c) || held.Owner != Owner {
		t.Errorf("staged = %v of %q, %v, want %v", held.Credential, held.Owner, err, c)
	}
}
