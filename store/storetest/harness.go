package storetest

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// Harness makes the places that a kind of store writes to.
type Harness struct {
	// NewPlace makes a place that is empty but can be written.
	NewPlace func(t *testing.T) Place
	// Payload is the shape that the stores are opened with.
	Payload store.Payload
	// Document holds a credential's place and content that is not ours. The
	// suite puts a foreign credential into it by Payload.
	Document []byte
	// Kept are pieces of Document that every write has to keep.
	Kept []string
	// WriteOnly is for kinds whose service never tells what it holds. Whatever
	// the payload, their stores are no Readers, and may write the same
	// credential again. Their Content is what the stand-in for the service was
	// given: kinds that hold variables show them as dotenv lines.
	WriteOnly bool
	// Unmarked is for kinds whose service keeps no mark of the owner beside the
	// value: they take a place for foreign that exists and is not recorded (see
	// store.Recorded), and cannot tell one user of this program from another.
	Unmarked bool
}

// Place is one place of a kind, and what a person can do to it.
type Place struct {
	// Open makes a new instance of the store at this place, as after a restart.
	Open func(t *testing.T, owner string, adopt bool) store.Store
	// Seed puts content there as a person would, without any mark of ours.
	Seed func(t *testing.T, document []byte)
	// Content reads what is there, nil for nothing.
	Content func(t *testing.T) []byte
	// Writes counts the versions, or whatever else grows with each write. It
	// may be nil.
	Writes func(t *testing.T) int
	// LoseAnswer lets the next n writing calls take effect but lose their
	// answers, for good. It is nil for kinds whose answers cannot be lost.
	LoseAnswer func(t *testing.T, n int)

	recorded *atomic.Bool // that the suite has written it
}

// seeded makes a place that holds a foreign credential amid other content.
func (h Harness) seeded(t *testing.T) Place {
	t.Helper()
	document, err := store.Merge(h.Payload, h.Document, foreign)
	if err != nil {
		t.Fatalf("make foreign document: %v", err)
	}
	p := h.place(t)
	p.Seed(t, document)
	return p
}

// context is what the core hands to a store: it records that the suite has
// written the place.
func (h Harness) context(t *testing.T, p Place) context.Context {
	t.Helper()
	return store.WithRecorded(t.Context(), h.Unmarked && p.recorded != nil && p.recorded.Load())
}

// written records that the place was written by us.
func (p Place) written(h Harness) {
	if h.Unmarked {
		p.recorded.Store(true)
	}
}

// place makes an empty place.
func (h Harness) place(t *testing.T) Place {
	t.Helper()
	p := h.NewPlace(t)
	p.recorded = new(atomic.Bool)
	return p
}

// put writes and checks what every successful write has in common.
func (h Harness) put(t *testing.T, p Place, s store.Store, c store.Credential) store.Receipt {
	t.Helper()
	receipt, err := s.Put(h.context(t, p), c)
	if err != nil {
		t.Fatalf("put %v: %v", c, err)
	}
	p.written(h)
	h.holds(t, p, s, c)
	return receipt
}

// holds checks that the place shows the credential to whoever reads it.
func (h Harness) holds(t *testing.T, p Place, s store.Store, c store.Credential) {
	t.Helper()
	content := p.Content(t)
	if merged, err := store.Merge(h.Payload, content, c); err != nil || !bytes.Equal(merged, content) {
		t.Fatalf("place does not hold %v (%v)", c, err)
	}
	r, ok := s.(store.Reader)
	if !ok {
		return
	}
	held, err := r.Get(t.Context())
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	if !held.Credential.Equal(c) {
		t.Fatalf("get returned %v, want %v", held.Credential, c)
	}
}

func count(t *testing.T, p Place) int {
	t.Helper()
	if p.Writes == nil {
		return 0
	}
	return p.Writes(t)
}
