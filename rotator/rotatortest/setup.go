package rotatortest

import (
	"context"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/store"
)

// Setup is what a scenario may change about the program: its clock and its
// configuration. The zero value is the plain program of New.
type Setup struct {
	// Skew is how far the program's clock is ahead of the world's.
	Skew time.Duration
	// Absent takes the user out of the configuration.
	Absent bool
	// Breaker is the fleet's.
	Breaker rotator.Breaker
	// Tune changes the user's configuration before every step; nil changes
	// nothing. It is shared by clones and gets the world that it is to tune.
	Tune func(*World, *rotator.Target)
}

// Local is the program's clock.
func (w *World) Local() time.Time { return w.Now.Add(w.Skew) }

// Look performs one step that looks at the world even if nothing is due, as a
// sweep does.
func (w *World) Look() Outcome { return w.step(true) }

func (w *World) fleet() *rotator.Fleet {
	fleet := &rotator.Fleet{Targets: map[rotator.User]rotator.Target{}, Breaker: w.Breaker}
	if w.Absent {
		return fleet
	}
	target := w.Target()
	if w.Tune != nil {
		w.Tune(w, &target)
	}
	fleet.Targets[User] = target
	return fleet
}

// NewWithoutKey returns a world whose user has no key and whose places are empty.
func NewWithoutKey(policy rotator.Policy, places ...Place) *World {
	w := New(policy, places...)
	w.Keys, w.Before = nil, nil
	for i := range w.Places {
		w.Places[i].Held, w.Places[i].Reader, w.Places[i].Owner = store.Credential{}, store.Credential{}, ""
	}
	return w
}

// PersonRaces makes a key by hand although there are two: AWS's quota leaks
// when two creates race.
func (w *World) PersonRaces() rotator.KeyID {
	w.newKey()
	k := &w.Keys[len(w.Keys)-1]
	k.Foreign = true
	w.Before, w.Changed = slices.Clone(w.Keys), w.Now
	return k.ID
}

// Uses records a use of a key by somebody whom no place knows.
func (w *World) Uses(id rotator.KeyID) { w.key(id).LastUse = w.Now }

// AsksAll appends a request that holds for all users.
func (w *World) AsksAll(verb string) {
	_, err := w.Journal.Append(context.Background(), rotator.Request{User: rotator.AllUsers(), Verb: verb, At: w.Local()})
	if err != nil {
		panic(err) // memory takes every request
	}
}

// Restores puts an older journal back, as a backup or a failover does.
// What the custody has learnt since is gone with the newer one.
func (w *World) Restores(old *journal.Memory) {
	w.Journal, w.known = old.Clone(), nil
	w.Journal.TakeOver(w.Local())
}

// Entries is the user's whole history.
func (w *World) Entries() []rotator.Entry {
	history, err := w.Journal.History(context.Background(), User, 0, 100_000)
	if err != nil {
		panic(err) // memory answers every question
	}
	entries := make([]rotator.Entry, 0, len(history))
	for _, h := range history {
		entries = append(entries, h.Entry)
	}
	return entries
}
