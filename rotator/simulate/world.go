package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// robot is the one user.
func robot() rotator.User { return rotator.User{Account: "acct", Name: "robot"} }

// firstKey is the key that the user has at the beginning.
const firstKey rotator.KeyID = "AKIA0001"

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
	accepted time.Time // when the journal took it for Inactive without a cut of its own
	foreign  bool      // a person made it
	switched bool      // it was cut, and made Active again
	given    bool      // a store was given it
	uses     []span    // that are over
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
	serving

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
	usage   usage
}

// listing is the list of keys as it was from an instant on.
type listing struct {
	from time.Time
	keys []rotator.Key
}

// world is everything outside the program.
type world struct {
	now       time.Time
	draw      draw
	serial    int
	keys      []*key
	places    []place
	lists     []listing
	tally     *Result
	stranger  usage     // of the consumer that nobody knows
	lost      time.Time // when the journal was last lost, or put back
	violatedf func(format string, args ...any)
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
func (w *world) live(c store.Credential, at time.Time) bool {
	k := w.key(rotator.KeyID(c.KeyID()))
	return k != nil && k.status == rotator.Active && k.secret == c.RevealSecret() && !at.Before(k.works)
}

// advance moves the clock. Consumers read their stores and sign in all along;
// between two changes of the world only a read can make a difference.
func (w *world) advance(to time.Time) {
	if to.Before(w.now) {
		to = w.now
	}
	for i := range w.places {
		w.pass(&w.places[i], to)
	}
	if last := began().Add(w.draw.unknown); w.stranger.key != nil && to.After(last) {
		w.stranger.turn(nil, last)
	}
	w.now = to
}

// pass has a place's consumer read whenever it is time until the given instant.
// What it reads stays the same, so that the first of these reads tells all.
func (w *world) pass(p *place, to time.Time) {
	if over := p.restarted(); !over.IsZero() && !over.After(to) {
		p.restart = time.Time{}
		w.reads(p, over)
		w.signIn(p, over)
	}
	if p.refreshes <= 0 || to.Sub(p.read) < p.refreshes {
		return
	}
	first := p.read.Add(p.refreshes)
	w.reads(p, first)
	w.signIn(p, first)
	p.read = p.read.Add(to.Sub(p.read).Truncate(p.refreshes))
}

// settle has every consumer sign in after something changed; those that read
// at every use read first.
func (w *world) settle() {
	for i := range w.places {
		p := &w.places[i]
		if p.refreshes <= 0 {
			w.reads(p, w.now)
		}
		w.signIn(p, w.now)
	}
	if w.draw.unknown > 0 {
		w.unknownUses()
	}
}

// unknownUses has the consumer that nobody knows use the first key.
func (w *world) unknownUses() {
	k := w.key(firstKey)
	uses := k != nil && !w.now.After(began().Add(w.draw.unknown))
	if uses && k.status != rotator.Active {
		w.tally.Unknown++
		uses = w.draw.attempts
	}
	if !uses {
		k = nil
	}
	w.stranger.turn(k, w.now)
}

// signIn has a place's consumer sign in at an instant. Whoever is refused reads
// again.
func (w *world) signIn(p *place, at time.Time) {
	if p.reader.IsZero() {
		return
	}
	w.tally.SignIns++
	k := w.key(rotator.KeyID(p.reader.KeyID()))
	if w.live(p.reader, at) && !at.Before(k.steady) {
		p.usage.turn(k, at)
		return
	}
	p.usage.turn(nil, at)
	switch {
	case p.undeclared:
		w.tally.Undeclared++
	case p.misread:
		w.tally.ByHand++
	default:
		w.violatedf("I1: the consumer of %s does not sign in with %s", p.name, p.reader.KeyID())
	}
	if k != nil && w.draw.attempts {
		k.use(at)
	}
	refused := p.reader
	w.reads(p, at)
	if !p.reader.Equal(refused) {
		w.signIn(p, at)
	}
}

func (w *world) reads(p *place, at time.Time) {
	p.read = at
	if p.newSecret != "" && p.newSecret != p.held.RevealSecret() {
		w.tally.Mixed++ // half old, half new: it is refused, and keeps what it had
		return
	}
	p.reader, p.misread = p.held, p.drifted
}
