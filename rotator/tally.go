package rotator

import (
	"context"
	"maps"
	"sync"
)

// Tally counts the calls made to each service on behalf of one step, so that
// the history can tell what a rotation cost. It is safe for concurrent use.
type Tally struct {
	mu    sync.Mutex
	calls map[string]int
}

type tallyKey struct{}

// WithTally returns a context whose calls are counted in t.
func WithTally(ctx context.Context, t *Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// CountCall counts one call to a service, such as "iam", in the context's
// tally; a context without one counts nowhere. Retries count each.
func CountCall(ctx context.Context, service string) {
	t, ok := ctx.Value(tallyKey{}).(*Tally)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]int{}
	}
	t.calls[service]++
}

// Calls returns the counts so far, by service.
func (t *Tally) Calls() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.calls)
}
