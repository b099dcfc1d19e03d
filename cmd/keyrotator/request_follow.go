package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

const (
	// followEvery is how often --wait reads the journal.
	followEvery = 250 * time.Millisecond
	// daemonPatience is how long --wait waits before it doubts that there is a daemon.
	daemonPatience = 10 * time.Second
)

// follow tells on stderr what the daemon does about a request, until it was
// taken up and, for a rotation, until the cycle has ended.
func (c *cli) follow(ctx context.Context, db *journal.DB, q rotator.Request, after int64, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	f := follower{c: c, db: db, q: q, after: after}
	doubt := time.NewTimer(daemonPatience)
	defer doubt.Stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if done, err := f.look(ctx); done || err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		select {
		case <-ctx.Done():
		case <-doubt.C:
			switch {
			case !f.taken:
				c.sayf("nobody has taken the request up yet: is keyrotator run running?")
			case !f.due.IsZero() && c.now().Sub(f.due) > daemonPatience:
				c.sayf("the next step was due at %s: is keyrotator run still running?", clock(f.due, c.now()))
			default:
				doubt.Reset(daemonPatience)
			}
			continue
		case <-tick.C:
			continue
		}
		break
	}
	state := "was taken up, and its cycle has not ended"
	if !f.taken {
		state = "was not taken up"
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("request %d %s within %s; it stays asked for", q.Number, state, timeout)
	}
	return fmt.Errorf("stopped waiting: request %d %s; it stays asked for", q.Number, state)
}

// follower is what follow knows so far.
type follower struct {
	c     *cli
	db    *journal.DB
	q     rotator.Request
	after int64
	taken bool
	due   time.Time // of the next step
}

// look reads on in the journal; it is done when there is nothing left to wait for.
func (f *follower) look(ctx context.Context) (done bool, err error) {
	row, err := f.db.Row(ctx, f.q.User)
	if errors.Is(err, journal.ErrUnknownUser) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entries, err := f.db.History(ctx, f.q.User, f.after, 0)
	if err != nil {
		return false, err
	}
	paint := paintFor(f.c.stderr)
	for _, h := range entries {
		f.after = h.Seq
		e := h.Entry
		if text, tone := tell(e, row.Progress); text != "" {
			_, _ = fmt.Fprintf(f.c.stderr, "%s  %s  %s\n", clock(e.At, e.At), f.q.User, paint.toned(tone, oneLine(text))) // a stream that is gone has no reader
		}
		if e.Kind == rotator.KindRequest && e.Verb == rotator.VerbReject && e.Request == f.q.Number {
			return true, &exitError{exitRefused, fmt.Errorf("request %d was refused: %s", f.q.Number, e.Detail)}
		}
	}
	f.due = row.Due
	f.taken = f.taken || row.Progress.Handled >= f.q.Number
	switch {
	case !f.taken:
		return false, nil
	case f.q.Verb != rotator.RequestRotate:
		return true, nil
	default:
		return f.ended(ctx, row.Progress)
	}
}

// ended tells whether the rotation that was asked for is over, and how.
func (f *follower) ended(ctx context.Context, p rotator.Progress) (bool, error) {
	if h := p.Halt; h != nil {
		halted := haltOf(f.q.User, p)
		return true, &exitError{exitFindings, fmt.Errorf("%s is halted: %s; keyrotator status %s says what to type", f.q.User, halted.Sentence, f.q.User)}
	}
	if p.Cycle != nil || p.Asked != nil {
		return false, nil
	}
	entries, err := f.db.History(ctx, f.q.User, 0, 0)
	if err != nil {
		return false, err
	}
	cycles := summarise(entries)
	if len(cycles) == 0 {
		return false, nil
	}
	last := cycles[len(cycles)-1]
	f.c.sayf("%s", last.line())
	if last.End != "closed" {
		return true, fmt.Errorf("the cycle was %s", last.End)
	}
	return true, nil
}
