package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

var user = rotator.User{Account: "acct", Name: "robot"}

// secretPrefix begins every secret, so that a leak can be searched for.
const secretPrefix = "S3CR3T-"

// key is an access key as the world knows it.
type key struct {
	id       rotator.KeyID
	secret   string
	status   rotator.Status
	created  time.Time
	works    time.Time // refused before
	steady   time.Time // may be refused again before
	inactive time.Time // since when
	foreign  bool      // a person made it
	switched bool      // a person made it Active again
	given    bool      // a store was given it
	uses     []time.Time
}

// place is a store with its one consumer.
type place struct {
	name       string
	readable   bool
	record     bool
	versioned  bool // keeps what it held before
	halves     bool // takes secret and id in two writes
	refreshes  time.Duration
	declared   time.Duration
	undeclared bool // reads less often than it declares

	held, prior store.Credential
	owner       string
	since       time.Time // when the present content was written
	mended      bool      // the present content repairs a drift or a lost write
	drifted     bool      // somebody put the present content there
	confirmed   string    // the id of the last write that was confirmed
	newSecret   string    // the first half of a write whose second is to come

	reader  store.Credential
	read    time.Time
	misread bool // somebody had put there what it read
}

// listing is the list of keys as it was from an instant on.
type listing struct {
	from time.Time
	keys []rotator.Key
}

// world is everything outside the program.
type world struct {
	now      time.Time
	draw     draw
	serial   int
	keys     []*key
	places   []place
	lists    []listing
	tally    *Result
	bereft   bool // the custody was lost, or put back
	violated func(format string, args ...any)
}

func (w *world) newKey(age time.Duration) store.Credential {
	w.serial++
	k := &key{
		id: rotator.KeyID(fmt.Sprintf("AKIA%04d", w.serial)), secret: fmt.Sprintf("%s%d", secretPrefix, w.serial),
		status: rotator.Active, created: w.now.Add(-age), works: w.now.Add(-age), steady: w.now.Add(-age),
	}
	w.keys = append(w.keys, k)
	w.listed()
	return store.NewCredential(string(k.id), k.secret)
}

// listed remembers the present list of keys, and forgets what no answer shows
// any more.
func (w *world) listed() {
	var keys []rotator.Key
	for _, k := range w.keys {
		keys = append(keys, rotator.Key{ID: k.id, Status: k.status, Created: k.created})
	}
	w.lists = append(w.lists, listing{w.now, keys})
	for len(w.lists) > 1 && w.now.Sub(w.lists[1].from) > stalest {
		w.lists = w.lists[1:]
	}
}

// stalest is how old a list may be.
const stalest = time.Minute

// listAt is the list as it was so long ago.
func (w *world) listAt(ago time.Duration) []rotator.Key {
	at := w.now.Add(-ago)
	for _, l := range slices.Backward(w.lists) {
		if !l.from.After(at) {
			return l.keys
		}
	}
	return w.lists[0].keys
}

func (w *world) key(id rotator.KeyID) *key {
	for _, k := range w.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// live reports whether a credential signs in, as consumers do.
func (w *world) live(c store.Credential) bool {
	k := w.key(rotator.KeyID(c.KeyID()))
	return k != nil && k.status == rotator.Active && k.secret == c.RevealSecret() && !w.now.Before(k.works)
}

// useGrain is in what steps AWS tells of a last use.
const useGrain = 15 * time.Minute

// use records a use of a key.
func (k *key) use(at time.Time) {
	if n := len(k.uses); n > 0 && at.Sub(k.uses[n-1]) < useGrain/3 {
		return
	}
	k.uses = append(k.uses, at)
}

// lastUse is what AWS knows of a key's last use by now.
func (w *world) lastUse(k *key) time.Time {
	known := w.now.Add(-w.draw.useLag)
	for _, at := range slices.Backward(k.uses) {
		if !at.After(known) {
			return at.Truncate(useGrain)
		}
	}
	return time.Time{}
}

// advance moves the clock. Consumers read and sign in all along; in between
// nobody changes anything.
func (w *world) advance(to time.Time) {
	if to.Before(w.now) {
		to = w.now
	}
	for i := range w.places {
		p := &w.places[i]
		w.signIn(p)
		if next := p.read.Add(p.refreshes); next.After(w.now) && !next.After(to) {
			if k := w.key(rotator.KeyID(p.reader.KeyID())); k != nil && w.live(p.reader) {
				k.use(next) // until it read again
			}
		}
	}
	if last := w.draw.unknown; last > 0 && len(w.keys) > 0 && w.keys[0].id == "AKIA0001" {
		w.unknownUses(to)
	}
	w.now = to
	for i := range w.places {
		w.signIn(&w.places[i])
	}
}

// unknownUses has the consumer that nobody knows use the first key.
func (w *world) unknownUses(to time.Time) {
	until := began.Add(w.draw.unknown)
	if w.now.After(until) {
		return
	}
	k := w.keys[0]
	switch {
	case k.status == rotator.Active:
		k.use(earlier(to, until))
	default:
		w.tally.Unknown++
		if w.draw.attempts {
			k.use(earlier(to, until))
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// signIn has a place's consumer read, if it is time, and sign in.
func (w *world) signIn(p *place) {
	if w.now.Sub(p.read) >= p.refreshes {
		w.reads(p)
	}
	if p.reader.IsZero() {
		return
	}
	w.tally.SignIns++
	k := w.key(rotator.KeyID(p.reader.KeyID()))
	if w.live(p.reader) && !w.now.Before(k.steady) {
		k.use(w.now)
		return
	}
	switch {
	case p.undeclared:
		w.tally.Undeclared++
	case p.misread:
		w.tally.ByHand++
	default:
		w.violated("I1: the consumer of %s does not sign in with %s", p.name, p.reader.KeyID())
	}
	w.reads(p) // whoever is refused reads again
}

func (w *world) reads(p *place) {
	p.read = w.now
	if p.newSecret != "" && p.newSecret != p.held.RevealSecret() {
		w.tally.Mixed++ // half old, half new: it is refused, and keeps what it had
		return
	}
	p.reader, p.misread = p.held, p.drifted
}
