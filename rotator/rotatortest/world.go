// Package rotatortest is a small world to search for crashes in: one user of
// one account, its keys, its stores and the consumers that read them, on a
// clock of its own. A world can be cloned, and every call into it is a boundary
// at which a fault may be put. It checks the invariants of package rotator at
// every effect, with books of its own that know nothing of the core's.
package rotatortest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/store"
)

// User is the one user of every world.
var User = rotator.User{Account: "acct", Name: "robot"}

// SecretPrefix begins every secret of a world, so that a leak can be searched for.
const SecretPrefix = "S3CR3T-"

// Key is an access key as the world knows it.
type Key struct {
	ID      rotator.KeyID
	Secret  string
	Status  rotator.Status
	Created time.Time
	LastUse time.Time
	// Foreign keys were made by a person.
	Foreign bool
	// Given is set once a store was given the key.
	Given bool
	// InactiveSince is when the key was made Inactive.
	InactiveSince time.Time
}

// World is everything outside the program, and its journal.
type World struct {
	Setup

	Now      time.Time
	UserID   string
	Keys     []Key
	Places   []Place
	Journal  *journal.Memory
	Policy   rotator.Policy
	Violated []string
	// Before is the list of keys as it was before the latest change, which a
	// stale answer shows for a while after Changed.
	Before  []Key
	Changed time.Time
	// Broken are the keys that a person cut or deleted.
	Broken map[rotator.KeyID]bool
	// Named are the keys that an operator's request named.
	Named map[rotator.KeyID]bool
	// Bereft is set once the journal was lost.
	Bereft bool
	// Waived is set by an emergency: graces are not checked.
	Waived bool
	serial int
	known  *rotator.Row
	fault  *planned
	calls  []string
	// turn lets one call at a time touch the world: a sweep reads beside a step.
	turn *sync.Mutex
}

// Place is a store with the one consumer that reads it.
type Place struct {
	Name     string
	Readable bool
	Record   bool
	Owner    string // the ownership mark
	Held     store.Credential
	Prior    store.Credential
	// Since is when the present content was written.
	Since time.Time
	// Written is when the program wrote it last.
	Written   time.Time
	Refreshes time.Duration
	// Reader is what the consumer signs in with now.
	Reader store.Credential
	// Stages lets the place take a credential unseen; Unseen is that one.
	Stages bool
	Unseen store.Credential
	// Reloads has the consumer read its place when it is restarted, and only
	// then; Token is the restart asked for last, and Restart when it began,
	// zero once it is over.
	Reloads bool
	Token   string
	Restart time.Time
	// Wave, Soak, Probes and Acks are the consumer's configuration; zero Probes
	// means that it cannot be probed.
	Wave   int
	Soak   time.Duration
	Probes int
	Acks   bool
}

// restartTime is how long a restart takes.
const restartTime = 30 * time.Second

// New returns a world with one old key that every place holds.
func New(policy rotator.Policy, places ...Place) *World {
	w := &World{
		Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), UserID: "AIDA1", Policy: policy,
		Journal: journal.NewMemory(), Named: map[rotator.KeyID]bool{}, Broken: map[rotator.KeyID]bool{},
		turn: &sync.Mutex{},
	}
	w.startJournal()
	old := w.newKey()
	w.Keys[0].Created = w.Now.Add(-policy.MaxAge)
	w.Before = slices.Clone(w.Keys)
	for _, p := range places {
		p.Held, p.Reader, p.Since = old, old, w.Keys[0].Created
		w.Places = append(w.Places, p)
	}
	return w
}

func (w *World) newKey() store.Credential {
	w.serial++
	k := Key{
		ID: rotator.KeyID(fmt.Sprintf("AKIA%04d", w.serial)), Secret: fmt.Sprintf("%s%d", SecretPrefix, w.serial),
		Status: rotator.Active, Created: w.Now,
	}
	w.Keys = append(w.Keys, k)
	return store.NewCredential(string(k.ID), k.Secret)
}

// Clone returns an independent copy without a planned fault.
func (w *World) Clone() *World {
	c := *w
	c.Keys, c.Before, c.Places = slices.Clone(w.Keys), slices.Clone(w.Before), slices.Clone(w.Places)
	c.Violated, c.Named, c.Broken = slices.Clone(w.Violated), maps.Clone(w.Named), maps.Clone(w.Broken)
	c.Journal, c.fault, c.calls, c.turn = w.Journal.Clone(), nil, nil, &sync.Mutex{}
	return &c
}

func (w *World) key(id rotator.KeyID) *Key {
	for i := range w.Keys {
		if w.Keys[i].ID == id {
			return &w.Keys[i]
		}
	}
	return nil
}

// live reports whether a credential signs in.
func (w *World) live(c store.Credential) bool {
	k := w.key(rotator.KeyID(c.KeyID()))
	return k != nil && k.Status == rotator.Active && k.Secret == c.RevealSecret()
}

func (w *World) violatef(format string, args ...any) {
	w.Violated = append(w.Violated, fmt.Sprintf(format, args...))
}

// AdvanceTo moves the clock; consumers read their stores again when it is
// time, and sign in all along with what they have.
func (w *World) AdvanceTo(t time.Time) {
	w.turn.Lock()
	defer w.turn.Unlock()
	if t.Before(w.Now) {
		t = w.Now
	}
	w.SignInAll()
	w.Now = t
	w.SignInAll()
}

// read has the consumer read its place again when it is time.
func (p *Place) read(now time.Time) {
	switch {
	case p.Reloads && !p.Restart.IsZero() && now.Sub(p.Restart) >= restartTime:
		p.Reader, p.Restart = p.Held, time.Time{}
	case !p.Reloads && now.Sub(p.Since) >= p.Refreshes:
		p.Reader = p.Held
	}
}

// SignInAll has every consumer sign in. A key that a person broke is not ours
// to answer for; its consumer reads its store again.
func (w *World) SignInAll() {
	for i := range w.Places {
		p := &w.Places[i]
		p.read(w.Now)
		if p.Reader.IsZero() {
			continue
		}
		if w.live(p.Reader) {
			w.key(rotator.KeyID(p.Reader.KeyID())).LastUse = w.Now
			continue
		}
		if !w.Broken[rotator.KeyID(p.Reader.KeyID())] {
			w.violatef("I1: the consumer of %s does not sign in with %s", p.Name, p.Reader.KeyID())
		}
		p.Reader = p.Held
	}
}
