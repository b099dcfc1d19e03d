package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// ledger reads the journal beside the replicas, all the time, and remembers
// what it read: a step that was once acknowledged may never be gone.
type ledger struct {
	dsn  string
	fail func(format string, args ...any)
	// troubled says whether the journal may be out of reach at this moment.
	troubled func() bool

	mu       sync.Mutex
	db       *journal.DB
	books    map[rotator.User]*book
	creates  map[string]int // keys that AWS made for a replica, by the user's name
	restored int
	decided  int // requests of a person, after a restore
	// keys are the two keys of a user of which the stores hold one.
	keys   func(rotator.User) (held, spare rotator.KeyID, ok bool)
	misses int // reads that failed while they might
}

// book is what the ledger knows of one user.
type book struct {
	hashes   []journal.Hash
	progress rotator.Progress
	rotated  int       // rotations opened
	orphans  int       // lost keys recognised
	made     int       // creates done
	idle     time.Time // since when it is known to be at rest; zero while it is not
}

func newLedger(dsn string, w *world) *ledger {
	l := &ledger{
		dsn: dsn, fail: w.failf, troubled: func() bool { return w.troubled.Load() > 0 }, keys: w.keys,
		books: map[rotator.User]*book{}, creates: map[string]int{},
	}
	for _, u := range w.users {
		l.books[u.user] = &book{}
	}
	return l
}

// follow reads four times a second until ctx ends.
func (l *ledger) follow(ctx context.Context) {
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		before := l.troubled()
		if err := l.read(ctx); err != nil && ctx.Err() == nil {
			l.mu.Lock()
			l.misses++
			l.mu.Unlock()
			if errors.Is(err, journal.ErrTampered) || !before && !l.troubled() {
				l.fail("read the journal: %w", err)
			}
		}
	}
}

// read takes up what is new, and sees that the newest of what was read before
// is still the same.
func (l *ledger) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(ctx); err != nil || l.db == nil {
		return err
	}
	for u, b := range l.books {
		last := max(0, len(b.hashes)-1)
		entries, err := l.db.History(ctx, u, int64(last), 0)
		if err != nil {
			return err
		}
		if len(b.hashes) > 0 {
			if len(entries) == 0 || entries[0].Hash != b.hashes[last] {
				l.fail("entry %d of %s, once read, is gone", last+1, u)
				*b = book{}
				continue
			}
			entries = entries[1:]
		}
		for _, e := range entries {
			err := b.take(e)
			if errors.Is(err, errPerson) && l.restored > 0 {
				continue // it may be a person's: hurry plays the one who decides
			}
			if err != nil {
				l.fail("%s, entry %d: %w", u, e.Seq, err)
			}
		}
		if err := l.hurry(ctx, u, b); err != nil {
			return err
		}
	}
	return nil
}

// hurry asks for the next rotation of a user who rests: after a shift of AWS's
// clock a new key may look hours too young.
func (l *ledger) hurry(ctx context.Context, u rotator.User, b *book) error {
	p := b.progress
	switch {
	case p.Halt != nil:
		return l.decide(ctx, u, b)
	case p.Phase != rotator.PhaseIdle || p.Asked != nil:
		b.idle = time.Time{}
	case b.idle.IsZero():
		b.idle = time.Now()
	case time.Since(b.idle) > patience:
		b.idle = time.Now()
		_, err := l.db.Append(ctx, rotator.Request{User: u, Verb: rotator.RequestRotate, By: "chaos", Why: "the next rotation", At: time.Now()})
		return err
	}
	return nil
}

// decide does what a halt tells a person to do after a restore: adopt the key
// that the stores hold, and evict the other.
func (l *ledger) decide(ctx context.Context, u rotator.User, b *book) error {
	held, spare, ok := l.keys(u)
	if !ok || time.Since(b.idle) < 5*patience {
		return nil
	}
	b.idle = time.Now()
	q := rotator.Request{User: u, Verb: rotator.RequestEvict, Key: spare, By: "chaos", Why: "the journal is older than this key", At: time.Now()}
	if b.progress.Halt.Reason == rotator.ReasonUncertainOrphan {
		q.Verb, q.Key = rotator.RequestAdopt, held
	}
	l.decided++
	_, err := l.db.Append(ctx, q)
	return err
}

// errPerson marks the halts that a restored journal may lead to: a cycle that it
// never heard of has made a key that no store holds yet, which might be a
// person's.
var errPerson = errors.New("a key that nobody knows")

// patience is how long a user rests before the next rotation is asked for.
const patience = time.Second

// open opens the journal as soon as a replica has made it.
func (l *ledger) open(ctx context.Context) (err error) {
	if l.db == nil {
		l.db, err = journal.Open(ctx, l.dsn, journal.Options{})
	}
	if notThere(err) {
		return nil
	}
	return err
}

// take folds one entry of a history.
func (b *book) take(e journal.HistoryEntry) error {
	if e.Seq != int64(len(b.hashes))+1 {
		return fmt.Errorf("it follows number %d", len(b.hashes))
	}
	if n := len(b.hashes); n > 0 && !bytes.Equal(b.hashes[n-1][:], e.Prev[:]) {
		return errors.New("it does not carry the hash of the one before")
	}
	b.hashes = append(b.hashes, e.Hash)
	next, err := b.progress.Apply(e.Entry)
	if err != nil {
		return err
	}
	open := b.progress.Cycle
	b.progress = next
	if n := next.Number; open != nil && next.Cycle != nil && n != open.Number && e.Entry.Kind == rotator.KindOpened {
		err = fmt.Errorf("cycle %d was opened while cycle %d was", n, open.Number)
	}
	switch {
	case e.Entry.Kind == rotator.KindNoted && e.Entry.Verb == rotator.VerbRecognise:
		b.orphans++
	case e.Entry.Kind == rotator.KindOpened:
		b.rotated++
	case e.Entry.Kind == rotator.KindDone && e.Entry.Verb == rotator.VerbCreate:
		b.made++
	case e.Entry.Kind == rotator.KindHalted && (e.Entry.Reason == rotator.ReasonSecondKey || e.Entry.Reason == rotator.ReasonUncertainOrphan):
		err = fmt.Errorf("it halted: %w: %s %s", errPerson, e.Entry.Reason, e.Entry.Detail)
	case e.Entry.Kind == rotator.KindHalted:
		err = fmt.Errorf("it halted: %s %s", e.Entry.Reason, e.Entry.Detail)
	}
	return err
}

// restore has f put an older journal in the place of this one, after which
// everything is read anew.
func (l *ledger) restore(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restored++
	if l.db != nil {
		_ = l.db.Close() // the server that it spoke to is about to go back in time
		l.db = nil
	}
	for u := range l.books {
		l.books[u] = &book{}
	}
	return f()
}

// created counts what AWS made of a create.
func (l *ledger) created(c awsemu.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.ErrorCode == "" || c.Fault == awsemu.ServerErrorAfter:
		l.creates[c.User]++
	case c.ErrorCode == "LimitExceeded" && l.restored == 0:
		l.fail("%s asked for a third key of %s", c.Owner, c.User)
	}
}

// numbers are the latest cycles of all users.
func (l *ledger) numbers() map[rotator.User]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[rotator.User]int{}
	for u, b := range l.books {
		all[u] = b.progress.Number
	}
	return all
}

// rested tells whether every user has opened two more cycles than before, so
// that one of these was whole, and is not halted; else it says who is behind.
func (l *ledger) rested(before map[rotator.User]int) (behind error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for u, b := range l.books {
		if p := b.progress; p.Halt != nil || p.Number < before[u]+2 {
			behind = errors.Join(behind, fmt.Errorf("%s is at cycle %d (was %d), phase %s, halt %v", u, p.Number, before[u], p.Phase, p.Halt))
		}
	}
	return behind
}

// close reads the whole journal once more, from its beginning, compares it with
// all that was ever read, checks its chain, and settles the number of keys.
func (l *ledger) close(ctx context.Context) {
	if err := l.read(ctx); err != nil {
		l.fail("read the journal at the end: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		l.fail("there never was a journal")
		return
	}
	for u, b := range l.books {
		entries, err := l.db.History(ctx, u, 0, 0)
		if err != nil {
			l.fail("read the history of %s: %w", u, err)
		}
		for i, hash := range b.hashes {
			if i >= len(entries) || entries[i].Hash != hash {
				l.fail("entry %d of %s, once read, is gone at the end", i+1, u)
				break
			}
		}
		// One create may be under way.
		if made := l.creates[u.Name]; l.restored == 0 && (made < b.made+b.orphans || made > b.made+b.orphans+1) {
			l.fail("AWS made %d keys for %s, the journal knows %d and %d lost ones", made, u, b.made, b.orphans)
		}
	}
	if err := errors.Join(l.db.Verify(ctx), l.db.Close()); err != nil {
		l.fail("%w", err)
	}
}

// sums counts over all users: rotations, lost keys recognised, history entries.
func (l *ledger) sums() (rotated, orphans, entries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.books {
		rotated, orphans, entries = rotated+b.rotated, orphans+b.orphans, entries+len(b.hashes)
	}
	return rotated, orphans, entries
}
