package main

import (
	"context"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// patience is how long a user rests before the next rotation is asked for.
const patience = time.Second

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

// resume closes the breaker, which too many halts have opened, when none is left.
func (l *ledger) resume(ctx context.Context) error {
	for _, b := range l.books {
		if b.progress.Halt != nil {
			return nil
		}
	}
	all, err := l.db.Global(ctx)
	if err != nil || !all.Tripped {
		return err
	}
	l.resumed++
	_, err = l.db.Append(ctx, rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestResume, By: "chaos", Why: "no halt is left", At: time.Now()})
	return err
}

// decide does what a halt tells a person to do after a restore: adopt the key
// that the stores hold, which gives an open cycle up, and evict the other.
func (l *ledger) decide(ctx context.Context, u rotator.User, b *book) error {
	held, spare, ok := l.keys(u)
	if !ok || time.Since(b.idle) < 5*patience {
		return nil
	}
	b.idle = time.Now()
	q := rotator.Request{User: u, Verb: rotator.RequestEvict, Key: spare, By: "chaos", Why: "the journal is older than this key", At: time.Now()}
	// Nothing is evicted beside an open cycle, or before the key in use is known; and
	// the other key may be gone since the halt.
	if p := b.progress; p.Current == "" || p.Cycle != nil || spare == "" {
		q.Verb, q.Key = rotator.RequestAdopt, held
	}
	l.decided++
	_, err := l.db.Append(ctx, q)
	return err
}
