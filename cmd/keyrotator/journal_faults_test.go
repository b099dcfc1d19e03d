package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

var errJournalFault = errors.New("the journal failed, as the test asked")

// faultyJournal fails now and then, before or after what it was asked for. Once
// dead it does nothing more, like that of a process which was killed.
type faultyJournal struct {
	rotator.Journal
	dead *atomic.Bool

	mu     sync.Mutex
	random *rand.Rand
	p      float64 // of failing before, and as much of failing after
	faults *atomic.Int64
}

func (j *faultyJournal) fails() error {
	if j.dead.Load() {
		return errJournalFault
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.random.Float64() < j.p {
		j.faults.Add(1)
		return errJournalFault
	}
	return nil
}

func (j *faultyJournal) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	if err := j.fails(); err != nil {
		return rotator.Row{}, err
	}
	row, err := j.Journal.Claim(ctx, user, owner, now, lease)
	if err == nil {
		err = j.fails()
	}
	return row, err
}

func (j *faultyJournal) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	if err := j.fails(); err != nil {
		return rotator.Row{}, err
	}
	saved, err := j.Journal.Save(ctx, row, change)
	if err == nil {
		err = j.fails()
	}
	return saved, err
}

func (j *faultyJournal) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	if err := j.fails(); err != nil {
		return nil, time.Time{}, err
	}
	return j.Journal.Due(ctx, now, limit)
}

func (j *faultyJournal) Global(ctx context.Context) (rotator.Global, error) {
	if err := j.fails(); err != nil {
		return rotator.Global{}, err
	}
	return j.Journal.Global(ctx)
}
