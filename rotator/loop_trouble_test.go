package rotator_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// failingJournal fails where and while it is told to.
type failingJournal struct {
	rotator.Journal

	due, claim atomic.Bool
	tries      atomic.Int64
}

func (f *failingJournal) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	if f.tries.Add(1) > tooMany && (f.due.Load() || f.claim.Load()) {
		panic("the loop spins")
	}
	if f.due.Load() {
		return nil, time.Time{}, errors.New("the disk is full")
	}
	return f.Journal.Due(ctx, now, limit)
}

func (f *failingJournal) Claim(ctx context.Context, u rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	if f.claim.Load() {
		return rotator.Row{}, errors.New("the disk is full")
	}
	return f.Journal.Claim(ctx, u, owner, now, lease)
}

func TestAFailingJournalIsTriedAgainAtAnEasyPace(t *testing.T) {
	for name, fail := range map[string]func(*failingJournal) *atomic.Bool{
		"due":   func(f *failingJournal) *atomic.Bool { return &f.due },
		"claim": func(f *failingJournal) *atomic.Bool { return &f.claim },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deploy(t, quarter, "robot")
				failing := &failingJournal{Journal: d.journal}
				fail(failing).Store(true)
				d.ledger = failing
				d.start(nil, rotator.Options{})
				pass(10 * time.Minute)
				if n := failing.tries.Load(); n < 60 || n > 1500 {
					t.Errorf("the journal was tried %d times in ten minutes", n)
				}
				if n := d.worlds["robot"].lists.Load(); n > 0 {
					t.Error("AWS was asked without a claim")
				}
				fail(failing).Store(false)
				pass(24 * time.Hour)
				if p := d.row("robot").Progress; p.Current != newKey {
					t.Errorf("a day after the journal healed: phase %s", p.Phase)
				}
				d.stop()
			})
		})
	}
}

// TestARequestThatMustWaitDoesNotSpin: AWS throttles, and the request cannot be
// taken up before a look.
func TestARequestThatMustWaitDoesNotSpin(t *testing.T) {
	for _, verb := range []string{rotator.RequestAdopt, rotator.RequestRotate} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deploy(t, time.Hour, "robot")
				d.worlds["robot"].fails.Store(true)
				d.ask(rotator.Request{User: robot, Verb: verb, Key: oldKey})
				d.start(nil, rotator.Options{})
				pass(10 * time.Minute)
				if n := d.worlds["robot"].lists.Load(); n > 700 {
					t.Errorf("AWS was asked %d times in ten minutes that throttled", n)
				}
				d.worlds["robot"].fails.Store(false)
				pass(30 * time.Minute)
				if row := d.row("robot"); row.Progress.Current != oldKey || len(row.Requests) > 0 {
					t.Errorf("the request was not taken up: phase %s, %d requests", row.Progress.Phase, len(row.Requests))
				}
				d.stop()
			})
		})
	}
}

func TestUsersGoOnWhenAllAreResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, quarter, "robot")
		d.ask(rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestPause})
		d.start(everyHour{}, rotator.Options{})
		pass(24 * time.Hour)
		if row := d.row("robot"); row.Waiting != rotator.ReasonPausedAll {
			t.Errorf("it waits for %s", row.Waiting)
		}
		d.ask(rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestResume})
		pass(3 * 24 * time.Hour)
		if p := d.row("robot").Progress; p.Current != newKey {
			t.Errorf("three days after the resume: phase %s", p.Phase)
		}
		d.stop()
	})
}
