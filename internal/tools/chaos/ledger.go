package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// ledger reads the journal beside the replicas, all the time, and remembers
// what it read: a step that was once acknowledged may never be gone.
type ledger struct {
	dsn  string
	fail failing
	// troubled says whether the journal may be out of reach at this moment.
	troubled func() bool

	mu       sync.Mutex
	db       *journal.DB
	books    map[rotator.User]*book
	since    time.Time // of the last restore; zero without one
	restored int
	decided  int // requests of a person, after a restore
	resumed  int // times that a person closed the breaker
	total    sums
	creates  *creates
	// keys are the key of a user that the stores hold, and the other if there is one.
	keys   func(rotator.User) (held, spare rotator.KeyID, ok bool)
	misses int // reads that failed while they might
}

// sums count what all users did; a restored journal takes nothing away.
type sums struct{ rotated, orphans, entries int }

func newLedger(dsn string, w *world) *ledger {
	l := &ledger{
		dsn: dsn, fail: w.wrong.addf, troubled: func() bool { return w.troubled.Load() > 0 }, keys: w.keys,
		books: map[rotator.User]*book{}, creates: &creates{fail: w.wrong.addf, made: map[string]int{}},
	}
	for _, u := range w.users {
		l.books[u.user] = &book{}
	}
	return l
}

// outOfReach is how long the journal may be out of reach while nothing is down on
// purpose: a busy machine answers late.
const outOfReach = 30 * time.Second

// follow reads four times a second until ctx ends.
func (l *ledger) follow(ctx context.Context) {
	var since time.Time // the first read that failed in a row, while nothing was down
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		before := l.troubled()
		err := l.read(ctx)
		if err == nil || before || l.troubled() {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		l.mu.Lock()
		l.misses++
		l.mu.Unlock()
		switch {
		case errors.Is(err, journal.ErrTampered):
			l.fail(lostStep, "read the journal: %w", err)
		case !since.IsZero() && time.Since(since) > outOfReach:
			l.fail(stuck, "the journal has been out of reach for %s: %w", outOfReach, err)
			since = time.Time{}
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
	for u := range l.books {
		if err := l.readBook(ctx, u); err != nil {
			return err
		}
		if err := l.hurry(ctx, u, l.books[u]); err != nil {
			return err
		}
	}
	return l.resume(ctx)
}

// readBook takes up what is new of one user.
func (l *ledger) readBook(ctx context.Context, u rotator.User) error {
	b := l.books[u]
	last := max(0, len(b.hashes)-1)
	entries, err := l.db.History(ctx, u, int64(last), 0)
	if err != nil {
		return err
	}
	if len(b.hashes) > 0 {
		if len(entries) == 0 || entries[0].Hash != b.hashes[last] {
			l.fail(lostStep, "entry %d of %s, once read, is gone", last+1, u)
			l.books[u] = &book{}
			return nil
		}
		entries = entries[1:]
	}
	for _, e := range entries {
		what, err := b.take(e)
		if err != nil && (l.restored == 0 || !errors.Is(err, errPerson)) { // see errPerson
			l.fail(what, "%s, entry %d: %w", u, e.Seq, err)
		}
		if e.Entry.At.After(l.since) {
			l.count(b, e.Entry)
		}
	}
	return nil
}

// count adds up what an entry since the last restore tells.
func (l *ledger) count(b *book, e rotator.Entry) {
	l.total.entries++
	switch {
	case e.Kind == rotator.KindNoted && e.Verb == rotator.VerbRecognise:
		l.total.orphans++
		b.made++
	case e.Kind == rotator.KindDone && e.Verb == rotator.VerbCreate:
		b.made++
	case e.Kind == rotator.KindOpened && e.Opening != nil && e.Opening.Purpose == rotator.PurposeRotation:
		l.total.rotated++
	}
}

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

// restore has f put an older journal in the place of this one, after which
// everything is read anew.
func (l *ledger) restore(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	l.restored++
	l.creates.forget()
	defer func() { l.since = time.Now() }()
	if l.db != nil {
		_ = l.db.Close() // the server that it spoke to is about to go back in time
		l.db = nil
	}
	for u := range l.books {
		l.books[u] = &book{}
	}
	return f()
}

// settle compares the keys that AWS made with those that the journal knows. One
// create may be under way; around a restore one more may have been, and one from
// before may be recognised afterwards.
func (l *ledger) settle() {
	least, most := 0, 1
	if l.restored > 0 {
		least, most = -2, 2
	}
	for u, b := range l.books {
		if more := l.creates.of(u.Name) - b.made; more < least || more > most {
			l.fail(doubleRotation, "AWS made %d keys for %s, the journal knows %d", l.creates.of(u.Name), u, b.made)
		}
	}
}

// closed counts the cycles of all users that came to their end.
func (l *ledger) closed() map[rotator.User]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[rotator.User]int{}
	for u, b := range l.books {
		all[u] = b.closed
	}
	return all
}

// rested tells whether every user has ended so many cycles more than before, and is
// not halted; else it says who is behind.
func (l *ledger) rested(before map[rotator.User]int, more int) (behind error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for u, b := range l.books {
		if p := b.progress; p.Halt != nil || b.closed < before[u]+more {
			behind = errors.Join(behind, fmt.Errorf("%s has ended %d cycles (had %d), phase %s, halt %v", u, b.closed, before[u], p.Phase, p.Halt))
		}
	}
	return behind
}

// close reads the whole journal once more, from its beginning, compares it with
// all that was ever read, checks its chain, and settles the number of keys.
func (l *ledger) close(ctx context.Context) {
	if err := l.read(ctx); err != nil {
		l.fail(lostStep, "read the journal at the end: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		l.fail(lostStep, "there never was a journal")
		return
	}
	for u, b := range l.books {
		entries, err := l.db.History(ctx, u, 0, 0)
		if err != nil {
			l.fail(lostStep, "read the history of %s: %w", u, err)
		}
		for i, hash := range b.hashes {
			if i >= len(entries) || entries[i].Hash != hash {
				l.fail(lostStep, "entry %d of %s, once read, is gone at the end", i+1, u)
				break
			}
		}
	}
	l.settle()
	if err := errors.Join(l.db.Verify(ctx), l.db.Close()); err != nil {
		l.fail(lostStep, "verify the journal at the end: %w", err)
	}
}

// sums are what all users did so far.
func (l *ledger) sums() sums {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
