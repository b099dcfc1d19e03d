package rotator

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Schedule tells when a tick comes next, such as a cron expression.
type Schedule interface {
	Next(after time.Time) time.Time
}

// Dispatcher brings users to Step when their time has come, until the context
// ends; then it waits for the steps under way, because a started effect
// finishes within its limit. Run returns the cause of the end. A user that
// waits costs nothing; calls in flight are bounded by each account's transport.
//
// Losing or doubling a wake-up must not hurt: the claim on the journal's row
// decides who steps a user, and the row alone knows what is to be done.
type Dispatcher interface {
	Run(ctx context.Context) error
}

// Loop is the dispatcher of a single process: it asks the journal who is due.
type Loop struct {
	r        *Rotator
	schedule Schedule
	slots    chan struct{}
	steps    sync.WaitGroup
	freed    chan struct{} // a step ended: look for the next one

	sweeping atomic.Bool

	mu   sync.Mutex
	busy map[User]bool
	look map[User]bool // asked for by a sweep
	// rest tells until when a user is left alone whose step changed nothing: it
	// may be due again at once, because of a request that has to wait or a
	// journal that fails. Unlike the program's clock, these instants are
	// monotonic.
	rest map[User]time.Time
}

var _ Dispatcher = (*Loop)(nil)

// NewLoop returns a loop over the rotator's users. At each tick of sweep,
// every user that deviates from the journal is looked at; nil means never.
func NewLoop(r *Rotator, sweep Schedule) *Loop {
	return &Loop{
		r: r, schedule: sweep, slots: make(chan struct{}, r.opts.Workers), freed: make(chan struct{}, 1),
		busy: map[User]bool{}, look: map[User]bool{}, rest: map[User]time.Time{},
	}
}

// Run implements Dispatcher.
func (l *Loop) Run(ctx context.Context) error {
	defer l.steps.Wait()
	var tick time.Time
	for {
		now := l.r.now()
		if l.schedule != nil && (tick.IsZero() || !now.Before(tick)) {
			if !tick.IsZero() {
				l.sweep(ctx)
			}
			tick = l.schedule.Next(now)
		}
		next := l.dispatch(ctx, now)
		pause := l.r.opts.Poll
		if !next.IsZero() {
			pause = min(pause, max(next.Sub(now), time.Millisecond))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-l.freed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// sweep finds, account by account and beside the steps, the users that deviate
// from the journal, and has them looked at. One sweep at a time.
func (l *Loop) sweep(ctx context.Context) {
	if !l.sweeping.CompareAndSwap(false, true) {
		return
	}
	l.steps.Go(func() {
		defer l.sweeping.Store(false)
		l.r.Sweep(ctx, func(user User) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.look[user] = true
		})
	})
}

// dispatch starts a step for each due user while there are free workers.
func (l *Loop) dispatch(ctx context.Context, now time.Time) (next time.Time) {
	free := cap(l.slots) - len(l.slots)
	if free == 0 {
		return time.Time{}
	}
	users, next, err := l.r.deps.Journal.Due(ctx, now, free)
	if err != nil {
		l.r.deps.Observer.Observe(ctx, Event{Kind: EventStepFailed, At: now, Err: err})
		return time.Time{}
	}
	for _, user := range append(users, l.swept(free)...) {
		if l.take(user) {
			l.start(ctx, user)
		}
	}
	return next
}

// swept lists users that a sweep still wants looked at.
func (l *Loop) swept(most int) []User {
	l.mu.Lock()
	defer l.mu.Unlock()
	var users []User
	for user := range l.look {
		if len(users) == most {
			break
		}
		users = append(users, user)
	}
	return users
}

// take marks the user busy, unless it is or no worker is free.
func (l *Loop) take(user User) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[user] || time.Now().Before(l.rest[user]) {
		return false
	}
	select {
	case l.slots <- struct{}{}:
		delete(l.rest, user)
		l.busy[user] = true
		return true
	default:
		return false
	}
}

func (l *Loop) start(ctx context.Context, user User) {
	l.mu.Lock()
	look := l.look[user]
	delete(l.look, user)
	l.mu.Unlock()
	l.steps.Go(func() {
		d, err := l.r.Step(ctx, user, look)
		l.release(user, err != nil || d.Verb == VerbWait)
	})
}

func (l *Loop) release(user User, rests bool) {
	l.mu.Lock()
	delete(l.busy, user)
	if rests {
		l.rest[user] = time.Now().Add(l.r.opts.Poll)
	}
	l.mu.Unlock()
	<-l.slots
	select {
	case l.freed <- struct{}{}:
	default:
	}
}
