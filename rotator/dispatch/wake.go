package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/keyrotator/keyrotator/rotator"
)

// wake is the one kind of job. For AllUsers it wakes a sweep.
type wake struct {
	Account string `json:"account" river:"unique"`
	Name    string `json:"name"    river:"unique"`
	// Look asks for a look at the world even if nothing is due.
	Look bool `json:"look,omitempty"`
}

// Kind implements river.JobArgs. It never changes.
func (wake) Kind() string { return "wake" }

func (w wake) user() rotator.User { return rotator.User{Account: w.Account, Name: w.Name} }

// queue is the queue that all replicas work on.
const queue = "keyrotator"

// InsertOpts implements river.JobArgsWithInsertOpts.
func (wake) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue: queue,
		// River discards a job after so many failures; more cannot be had.
		MaxAttempts: math.MaxInt16,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

// Wakes inserts wake-ups into transactions of the journal. The command line
// uses it alone; a daemon gives it to its Dispatcher, too.
type Wakes struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
	// ahead is how far the database's clock is ahead of ours, in nanoseconds.
	ahead atomic.Int64
}

// NewWakes returns what inserts wake-ups. now is the local clock; nil means
// time.Now.
func NewWakes(now func() time.Time) (*Wakes, error) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Logger: silent()})
	if err != nil {
		return nil, fmt.Errorf("make the client of the queue: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	return &Wakes{client: client, now: now}, nil
}

// Follow belongs into the journal's options: it is called in the transaction
// of whatever makes a user due. When that ends the step of a wake-up, the
// wake-up is completed first.
func (w *Wakes) Follow(ctx context.Context, tx pgx.Tx, user rotator.User, due time.Time) error {
	if job := working(ctx); job != nil && job.Args.user() == user {
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return fmt.Errorf("complete the wake-up of %s: %w", user, err)
		}
	}
	return w.place(ctx, tx, wake{Account: user.Account, Name: user.Name}, due)
}

// place sees to it that the user is woken at the given time or earlier. One
// whose step is under way is left alone: the end of the step says when next.
func (w *Wakes) place(ctx context.Context, tx pgx.Tx, args wake, at time.Time) error {
	var options river.InsertOpts
	if at.After(w.now()) {
		options.ScheduledAt = at.Add(time.Duration(w.ahead.Load()))
	}
	for range 2 {
		placed, err := w.client.InsertTx(ctx, tx, args, &options)
		if err != nil {
			return fmt.Errorf("insert the wake-up of %s: %w", args.user(), err)
		}
		if !placed.UniqueSkippedAsDuplicate || !late(placed.Job, args, options.ScheduledAt) {
			return nil
		}
		switch _, err := w.client.JobDeleteTx(ctx, tx, placed.Job.ID); {
		case errors.Is(err, rivertype.ErrJobRunning):
			return nil
		case err != nil && !errors.Is(err, rivertype.ErrNotFound):
			return fmt.Errorf("bring the wake-up of %s forward: %w", args.user(), err)
		}
	}
	return fmt.Errorf("insert the wake-up of %s: %w", args.user(), errSkipped)
}

// errSkipped undoes the transaction that wanted a wake-up: without it nobody
// would be woken.
var errSkipped = errors.New("it was skipped in favour of a later one")

// late reports whether the wake-up that is there comes later than at, or
// without the look that is asked for. A zero time is the present.
func late(job *rivertype.JobRow, args wake, at time.Time) bool {
	switch job.State {
	case rivertype.JobStateScheduled, rivertype.JobStateRetryable, rivertype.JobStatePending:
		return args.Look || at.IsZero() || job.ScheduledAt.After(at)
	case rivertype.JobStateAvailable:
		return args.Look
	default:
		return false
	}
}

// measure compares the database's clock with ours.
func (w *Wakes) measure(ctx context.Context, pool *pgxpool.Pool) error {
	before := w.now()
	var theirs time.Time
	if err := pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	middle := before.Add(w.now().Sub(before) / 2)
	ahead := theirs.Sub(middle)
	if ahead.Abs() < time.Second { // no more than the way there and back
		ahead = 0
	}
	w.ahead.Store(int64(ahead))
	return nil
}
