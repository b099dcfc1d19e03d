package rotatortest

import (
	"context"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// PersonCreates makes a key by hand, if the quota leaves room.
func (w *World) PersonCreates() bool {
	if len(w.Keys) >= 2 {
		return false
	}
	w.remember()
	w.newKey()
	w.Keys[len(w.Keys)-1].Foreign = true
	w.AdvanceTo(w.Now.Add(time.Second)) // within the second of a create it would be R5
	return true
}

// PersonSets makes a key Active or Inactive by hand. Whoever breaks a consumer
// so answers for it.
//
// No list is stale about it: a delete on a list that does not show yet that a
// person made the key Active again is the race R1, which nothing can close.
func (w *World) PersonSets(id rotator.KeyID, status rotator.Status) {
	k := w.key(id)
	if status == rotator.Inactive {
		w.Broken[id] = true
		if k.InactiveSince.IsZero() {
			k.InactiveSince = w.Now
		}
	}
	k.Status = status
	w.remember()
}

// PersonDeletes removes a key by hand.
func (w *World) PersonDeletes(id rotator.KeyID) {
	w.remember()
	w.Broken[id] = true
	w.Keys = slices.DeleteFunc(w.Keys, func(k Key) bool { return k.ID == id })
}

// Drifts puts the credential back that the i-th place held before, as a
// deployment of an older state does. Whoever puts a dead one back breaks the
// consumer himself.
func (w *World) Drifts(i int) bool {
	p := &w.Places[i]
	if p.Prior.IsZero() {
		return false
	}
	w.SignInAll()
	p.Prior, p.Held, p.Since = p.Held, p.Prior, w.Now
	if !w.live(p.Held) {
		w.Broken[rotator.KeyID(p.Held.KeyID())] = true
	}
	return true
}

// Asks appends an operator's request.
func (w *World) Asks(r rotator.Request) {
	r.User, r.At = User, w.Now
	if r.Key != "" {
		w.Named[r.Key] = true
	}
	w.Waived = w.Waived || r.Emergency
	w.known = nil
	if _, err := w.Journal.Append(context.Background(), r); err != nil {
		panic(err) // memory takes every request
	}
}

// LosesJournal starts the journal from nothing. Secrets in custody are gone
// with it, so that only readable places still have theirs.
func (w *World) LosesJournal() {
	w.Bereft = true
	w.startJournal()
}

func (w *World) startJournal() {
	w.Journal, w.known = journal.NewMemory(), nil
	// The program registers its configured users whenever it starts.
	if err := w.Journal.Register(context.Background(), User, w.Now); err != nil {
		panic(err) // memory takes every user
	}
}
