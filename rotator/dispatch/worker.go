package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/keyrotator/keyrotator/rotator"
)

type workingKey struct{}

// working is the job whose step the context belongs to, nil outside of one.
func working(ctx context.Context) *river.Job[wake] {
	job, _ := ctx.Value(workingKey{}).(*river.Job[wake]) // nil if it is none
	return job
}

// worker turns wake-ups into steps.
type worker struct {
	river.WorkerDefaults[wake]

	d *Dispatcher

	mu sync.Mutex
	// rest tells until when a user is left alone whose step changed nothing: it
	// may be due again at once, because of a request that has to wait.
	rest map[rotator.User]time.Time
}

// sweepLimit bounds a sweep of all accounts. AWS takes its time for a credential
// report, and where none may be read the users at rest are listed one by one.
const sweepLimit = 30 * time.Minute

// Timeout implements river.Worker; zero is the limit of all jobs.
func (w *worker) Timeout(job *river.Job[wake]) time.Duration {
	if job.Args.user() == rotator.AllUsers() {
		return sweepLimit
	}
	return 0
}

// Work implements river.Worker. Its error only has the job come back: whatever
// went wrong was told to the observer.
func (w *worker) Work(ctx context.Context, job *river.Job[wake]) error {
	user := job.Args.user()
	if user == rotator.AllUsers() {
		return w.d.sweep(ctx)
	}
	if left := w.rests(user); left > 0 {
		return river.JobSnooze(left)
	}
	decision, err := w.d.rotator.Step(context.WithValue(ctx, workingKey{}, job), user, job.Args.Look)
	switch {
	case errors.Is(err, rotator.ErrClaimed):
		// Whoever has the user wakes it; the claim of a dead replica runs out.
		return river.JobSnooze(claimedPause)
	case errors.Is(err, rotator.ErrUnreadable):
		// Replicas of the newer version know what to do; this one leaves it to them.
		return river.JobSnooze(claimedPause)
	case err != nil:
		return err
	case decision.Verb == rotator.VerbWait:
		w.mu.Lock()
		w.rest[user] = time.Now().Add(min(w.d.options.Poll, longestRest))
		w.mu.Unlock()
	}
	return nil
}

// longestRest is how long a user is left alone whose step changed nothing.
const longestRest = time.Second

// claimedPause is how long a user that is another replica's is left alone.
const claimedPause = 10 * time.Second

// rests returns how much of a user's rest is left.
func (w *worker) rests(user rotator.User) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.rest[user])
	if left <= 0 {
		delete(w.rest, user)
	}
	return left
}

// NextRetry implements river.Worker: the journal could not be written, so that
// it cannot say when to come back.
func (w *worker) NextRetry(*river.Job[wake]) time.Time { return time.Now().Add(failedPause) }

const failedPause = 5 * time.Second
