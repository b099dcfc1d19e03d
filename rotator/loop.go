package rotator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Schedule tells when a tick comes next, such as a cron expression.
type Schedule interface {
	Next(after time.Time) time.Time
}

// Run steps every user that is due until the context ends, then waits for the
// steps under way: a started effect finishes within its limit. A user that
// waits costs nothing; calls in flight are bounded by each account's transport.
// At each tick of sweep, every user that deviates from the journal is looked
// at; nil means never.
func (r *Rotator) Run(ctx context.Context, sweep Schedule) error {
	l := &loop{r: r, slots: make(chan struct{}, r.opts.Workers), busy: map[User]bool{}, look: map[User]bool{}, rest: map[User]time.Time{}, freed: make(chan struct{}, 1)}
	defer l.steps.Wait()
	var tick time.Time
	for {
		now := r.now()
		if sweep != nil && (tick.IsZero() || !now.Before(tick)) {
			if !tick.IsZero() {
				l.sweep(ctx)
			}
			tick = sweep.Next(now)
		}
		next := l.dispatch(ctx, now)
		pause := r.opts.Poll
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

// loop is the embedded dispatcher: it turns due rows into steps.
type loop struct {
	r     *Rotator
	slots chan struct{}
	steps sync.WaitGroup
	freed chan struct{} // a step ended: look for the next one

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

// sweep finds, account by account and beside the steps, the users that deviate
// from the journal, and has them looked at. One sweep at a time.
func (l *loop) sweep(ctx context.Context) {
	if l.r.deps.Roster == nil || !l.sweeping.CompareAndSwap(false, true) {
		return
	}
	accounts := map[string]bool{}
	for user := range l.r.Fleet().Targets {
		accounts[user.Account] = true
	}
	l.steps.Go(func() {
		defer l.sweeping.Store(false)
		for account := range accounts {
			users, err := l.r.deviants(ctx, account)
			l.mu.Lock()
			for _, user := range users {
				l.look[user] = true
			}
			l.mu.Unlock()
			l.r.deps.Observer.Observe(ctx, Event{Kind: EventSwept, At: l.r.now(), User: User{Account: account}, Err: err})
		}
	})
}

// dispatch starts a step for each due user while there are free workers.
func (l *loop) dispatch(ctx context.Context, now time.Time) (next time.Time) {
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
func (l *loop) swept(most int) []User {
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
func (l *loop) take(user User) bool {
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

func (l *loop) start(ctx context.Context, user User) {
	l.mu.Lock()
	look := l.look[user]
	delete(l.look, user)
	l.mu.Unlock()
	l.steps.Go(func() {
		d, err := l.r.Step(ctx, user, look)
		defer l.release(user, err != nil || d.Verb == VerbWait)
		told := d.Verb != "" // Step tells itself of a decision that it could not carry out
		if err != nil && !told && !errors.Is(err, ErrClaimed) && ctx.Err() == nil {
			l.r.deps.Observer.Observe(ctx, Event{Kind: EventStepFailed, At: l.r.now(), User: user, Err: err})
		}
	})
}

func (l *loop) release(user User, rests bool) {
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
