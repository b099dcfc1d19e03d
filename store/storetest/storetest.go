// Package storetest is the conformance suite of package store: what every kind
// of store has to do, whatever it writes to. A kind's test calls Run with a
// Harness that makes places of that kind.
package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// Owner is the user in whose name the suite opens stores.
const Owner = "prod/ci-deployer"

// The credentials that the suite writes. The secrets are canaries: no error
// and no description may show them.
var (
	one     = store.NewCredential("AKIASUITEONE", "canary-one/wJalrXUtnFEMI+K7MDENG=")
	two     = store.NewCredential("AKIASUITETWO", "canary-two/bPxRfiCYEXAMPLEKEY+0=")
	foreign = store.NewCredential("AKIAFOREIGN", "canary-foreign/AbCdEfGhIjKlMn==")
)

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, x := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"an empty place is empty until it is filled", emptyPlace},
		{"the same credential twice is written once", samePutTwice},
		{"a newer credential replaces ours", replace},
		{"foreign content is refused and left alone", foreignRefused},
		{"foreign content is taken over when that is allowed", foreignAdopted},
		{"another user's place is refused even with adopt", otherOwner},
		{"other content is kept", otherContent},
		{"what the place held before can be read", previous},
		{"what is staged is not seen before it is put", staged},
		{"a check changes nothing", check},
		{"no error and no description shows a secret", redaction},
		{"a cancelled context writes nothing", cancelled},
		{"a lost answer is settled by the same put", lostAnswer},
		{"concurrent puts leave one of them", concurrent},
	} {
		t.Run(x.name, func(t *testing.T) { x.run(t, h) })
	}
}

func emptyPlace(t *testing.T, h Harness) {
	p := h.place(t)
	s := p.Open(t, Owner, false)
	if _, ok := h.Payload.(store.ReadablePayload); ok && !h.WriteOnly {
		r, ok := s.(store.Reader)
		if !ok {
			t.Fatal("a store whose payload can be read is no Reader")
		}
		held, err := r.Get(t.Context())
		if !errors.Is(err, store.ErrEmpty) {
			t.Fatalf("get from an empty place: %v, %v, want ErrEmpty", held, err)
		}
	} else if _, ok := s.(store.Reader); ok {
		t.Fatal("a store that cannot be read claims to be a Reader")
	}
	if receipt := h.put(t, p, s, one); !receipt.Changed {
		t.Error("filling an empty place changed nothing")
	}
	if r, ok := s.(store.Reader); ok {
		if held, err := r.Get(t.Context()); err != nil || held.Owner != Owner {
			t.Errorf("owner after filling = %q, %v, want %q", held.Owner, err, Owner)
		}
	}
}

func samePutTwice(t *testing.T, h Harness) {
	p := h.place(t)
	h.put(t, p, p.Open(t, Owner, false), one)
	writes := count(t, p)
	for _, s := range []store.Store{p.Open(t, Owner, false), p.Open(t, Owner, true)} {
		if receipt := h.put(t, p, s, one); receipt.Changed && !h.WriteOnly {
			t.Error("putting the same credential again claims a change")
		}
	}
	if now := count(t, p); now != writes && !h.WriteOnly {
		t.Errorf("putting the same credential again wrote: %d versions became %d", writes, now)
	}
}

func replace(t *testing.T, h Harness) {
	p := h.place(t)
	h.put(t, p, p.Open(t, Owner, false), one)
	s := p.Open(t, Owner, false)
	for _, c := range []store.Credential{two, one, two} {
		if receipt := h.put(t, p, s, c); !receipt.Changed {
			t.Errorf("replacing by %v claims no change", c)
		}
	}
}

func foreignRefused(t *testing.T, h Harness) {
	p := h.seeded(t)
	before, writes := p.Content(t), count(t, p)
	s := p.Open(t, Owner, false)
	for range 2 {
		if receipt, err := s.Put(t.Context(), one); !errors.Is(err, store.ErrForeign) {
			t.Fatalf("put into foreign content: %+v, %v, want ErrForeign", receipt, err)
		}
		if r, ok := s.(store.Reader); ok {
			held, err := r.Get(t.Context())
			if err != nil || held.Owner != "" || !held.Credential.Equal(foreign) {
				t.Fatalf("get of foreign content: %v of %q, %v", held.Credential, held.Owner, err)
			}
		}
	}
	if c, ok := s.(store.Checker); ok {
		if err := c.Check(t.Context()); !errors.Is(err, store.ErrForeign) {
			t.Errorf("check of foreign content: %v, want ErrForeign", err)
		}
	}
	if !bytes.Equal(before, p.Content(t)) || count(t, p) != writes {
		t.Error("a refused put changed the place")
	}
}

func foreignAdopted(t *testing.T, h Harness) {
	p := h.seeded(t)
	s := p.Open(t, Owner, true)
	if c, ok := s.(store.Checker); ok {
		if err := c.Check(t.Context()); err != nil {
			t.Errorf("check of a place to adopt: %v", err)
		}
	}
	h.put(t, p, s, one)
	// Once it is ours, adopt is needed no longer.
	h.put(t, p, p.Open(t, Owner, false), two)
}

func otherOwner(t *testing.T, h Harness) {
	if h.Unmarked {
		return
	}
	p := h.place(t)
	h.put(t, p, p.Open(t, "prod/somebody-else", false), one)
	before := p.Content(t)
	for _, adopt := range []bool{false, true} {
		s := p.Open(t, Owner, adopt)
		if _, err := s.Put(t.Context(), two); !errors.Is(err, store.ErrForeign) {
			t.Errorf("put into another user's place, adopt %t: %v, want ErrForeign", adopt, err)
		}
		if c, ok := s.(store.Checker); ok {
			if err := c.Check(t.Context()); !errors.Is(err, store.ErrForeign) {
				t.Errorf("check of another user's place, adopt %t: %v, want ErrForeign", adopt, err)
			}
		}
		if r, ok := s.(store.Reader); ok {
			if held, err := r.Get(t.Context()); err != nil || held.Owner != "prod/somebody-else" {
				t.Errorf("owner = %q, %v", held.Owner, err)
			}
		}
	}
	if !bytes.Equal(before, p.Content(t)) {
		t.Error("a refused put changed the place")
	}
}

func otherContent(t *testing.T, h Harness) {
	p := h.seeded(t)
	s := p.Open(t, Owner, true)
	for _, c := range []store.Credential{one, two} {
		h.put(t, p, s, c)
		for _, piece := range h.Kept {
			if !strings.Contains(string(p.Content(t)), piece) {
				t.Errorf("%q is gone after putting %v", piece, c)
			}
		}
	}
}

func previous(t *testing.T, h Harness) {
	p := h.place(t)
	s := p.Open(t, Owner, false)
	hist, ok := s.(store.Historian)
	if !ok {
		return
	}
	if c, err := hist.Previous(t.Context()); !errors.Is(err, store.ErrEmpty) {
		t.Errorf("previous of an empty place: %v, %v, want ErrEmpty", c, err)
	}
	h.put(t, p, s, one)
	h.put(t, p, s, two)
	if c, err := hist.Previous(t.Context()); err != nil || !c.Equal(one) {
		t.Errorf("previous = %v, %v, want %v", c, err, one)
	}
}

func check(t *testing.T, h Harness) {
	p := h.place(t)
	s := p.Open(t, Owner, false)
	c, ok := s.(store.Checker)
	if !ok {
		return
	}
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("check of an empty place: %v", err)
	}
	if content := p.Content(t); len(content) > 0 {
		t.Error("check filled an empty place")
	}
	h.put(t, p, s, one)
	before, writes := p.Content(t), count(t, p)
	if err := c.Check(h.context(t, p)); err != nil {
		t.Errorf("check of a filled place: %v", err)
	}
	if !bytes.Equal(before, p.Content(t)) || count(t, p) != writes {
		t.Error("check wrote")
	}
}
