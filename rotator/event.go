package rotator

import (
	"context"
	"time"
)

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	// EventEntry: a history entry was saved; Entry holds it.
	EventEntry EventKind = "entry"
	// EventEffect: an effect was tried; Entry tells verb, key and consumer,
	// Took how long, Err how it failed.
	EventEffect EventKind = "effect"
	// EventWaiting: a user waits for another reason than before.
	EventWaiting EventKind = "waiting"
	// EventStepFailed: a step ended early, such as on a failed journal write.
	EventStepFailed EventKind = "step-failed"
	// EventSwept: a sweep over all users of an account ended.
	EventSwept EventKind = "swept"
)

// Event is what the core tells its observers. It never holds a secret.
type Event struct {
	Kind EventKind
	At   time.Time
	User User
	// Progress is the user's progress after the event; shared, read only.
	Progress Progress
	Entry    Entry
	Decision Decision
	Took     time.Duration
	Err      error
}

// Observer is told of events: logs, metrics, the demo's narration and the
// tests' recorder are observers. Observe must not block, cannot fail, and is
// called from several goroutines.
type Observer interface {
	Observe(ctx context.Context, event Event)
}

// Observers tells several.
type Observers []Observer

// Observe tells each in turn.
func (o Observers) Observe(ctx context.Context, event Event) {
	for _, each := range o {
		each.Observe(ctx, event)
	}
}
