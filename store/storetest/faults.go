package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// redaction provokes every refusal that the harness allows and looks at what
// comes back.
func redaction(t *testing.T, h Harness) {
	var said []any
	note := func(values ...any) { said = append(said, values...) }
	broken := h.place(t)
	broken.Seed(t, []byte("{[\x00 canary-foreign/AbCdEfGhIjKlMn== \"canary-two\n"))
	for _, p := range []Place{h.seeded(t), h.place(t), broken} {
		for _, owner := range []string{Owner, "prod/somebody-else"} {
			s := p.Open(t, owner, owner == Owner)
			note(s.Describe(), s)
			if c, ok := s.(store.Checker); ok {
				note(c.Check(t.Context()))
			}
			for _, c := range []store.Credential{one, store.NewCredential("", "canary-half"), store.NewCredential("AKIAODD", "canary-odd \x00'\n")} {
				receipt, err := s.Put(t.Context(), c)
				note(receipt, err)
			}
			if r, ok := s.(store.Reader); ok {
				held, err := r.Get(t.Context())
				note(held, err)
			}
			if r, ok := s.(store.Historian); ok {
				c, err := r.Previous(t.Context())
				note(c, err)
			}
			note(s)
		}
	}
	for i, value := range said {
		if shows(value) {
			t.Errorf("thing %d that the store said shows a secret", i)
		}
	}
}

// lostAnswer loses the answers of more and more writing calls: the put either
// says ErrAmbiguous or has succeeded, and the same put again, also by a fresh
// instance, settles it.
func lostAnswer(t *testing.T, h Harness) {
	for n := 1; n <= 3; n++ {
		p := h.place(t)
		if p.LoseAnswer == nil {
			return
		}
		s := p.Open(t, Owner, false)
		h.put(t, p, s, one)
		p.LoseAnswer(t, n)
		if _, err := s.Put(h.context(t, p), two); err != nil && !errors.Is(err, store.ErrAmbiguous) {
			t.Fatalf("put with %d lost answers: %v, want ErrAmbiguous", n, err)
		}
		settled := false
		for range 5 {
			if _, err := p.Open(t, Owner, false).Put(h.context(t, p), two); err == nil {
				settled = true
				break
			}
		}
		if !settled {
			t.Fatalf("the same put does not settle %d lost answers", n)
		}
		h.holds(t, p, s, two)
	}
}

func concurrent(t *testing.T, h Harness) {
	p := h.place(t)
	h.put(t, p, p.Open(t, Owner, false), one)
	shared := p.Open(t, Owner, false)
	credentials := []store.Credential{one, two}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			s := shared
			if i%2 == 1 {
				s = p.Open(t, Owner, false)
			}
			if _, err := s.Put(h.context(t, p), credentials[i/2%2]); err != nil && !errors.Is(err, store.ErrConflict) {
				t.Errorf("concurrent put: %v", err)
			}
		})
	}
	group.Wait()
	content := p.Content(t)
	trace, err := h.Payload.Trace(content)
	if err != nil || trace == "" {
		t.Fatalf("the place holds %q, %v", trace, err)
	}
	// Whoever comes next finds a place that is in order and ours.
	h.put(t, p, p.Open(t, Owner, false), two)
}

// shows reports whether any form of a value shows one of the suite's secrets.
func shows(value any) bool {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(verb, value), "canary-") {
			return true
		}
	}
	return false
}

func cancelled(t *testing.T, h Harness) {
	p := h.place(t)
	s := p.Open(t, Owner, false)
	h.put(t, p, s, one)
	before := p.Content(t)
	ctx, cancel := context.WithCancel(h.context(t, p))
	cancel()
	if _, err := s.Put(ctx, two); !errors.Is(err, context.Canceled) {
		t.Errorf("put under a cancelled context: %v", err)
	}
	if r, ok := s.(store.Reader); ok {
		if _, err := r.Get(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("get under a cancelled context: %v", err)
		}
	}
	if !bytes.Equal(before, p.Content(t)) {
		t.Error("a cancelled put changed the place")
	}
}
