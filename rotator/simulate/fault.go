package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// fault is what goes wrong at a boundary.
type fault string

const (
	faultNone     fault = ""
	faultKill     fault = "kill before"
	faultKilled   fault = "kill after"
	faultBreath   fault = "pause of seconds"
	faultPause    fault = "long pause"
	faultLate     fault = "pause between fence and wire"
	faultThrottle fault = "throttle"
	faultRefuse   fault = "refusal"
	faultUnsent   fault = "no answer, not done"
	faultLost     fault = "no answer, done"
	faultDropped  fault = "confirmed and lost"
)

// class is what kind of call a boundary is.
type class struct {
	// refused, throttled and unclear are the errors that the caller sees.
	refused, throttled, unclear error
	// fenced calls ask the fence before they are sent.
	fenced bool
	// patience is for how long the other side takes what was under way: AWS a
	// signature, other servers a connection.
	patience time.Duration
	// reads change nothing, so that it does not matter whether they were done.
	reads bool
	// forgets may confirm what it does not keep.
	forgets bool
}

// signature is how long AWS takes a signature for; idle how long a server
// keeps a connection on which nothing comes.
//
// callLimit is how long a call may take that has no limit of its own.
const (
	callLimit = 30 * time.Second
	signature = 5 * time.Minute
	idle      = time.Minute
)

func awsClass(reads bool) class {
	return class{rotator.ErrDenied, rotator.ErrThrottled, rotator.ErrAmbiguous, true, signature, reads, false}
}

func storeClass(aws, reads bool) class {
	c := class{store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous, aws, idle, reads, !aws}
	if aws {
		c.patience = signature
	}
	return c
}

func (c class) faults() []fault {
	all := []fault{faultKill, faultKilled, faultBreath, faultPause, faultThrottle, faultRefuse, faultUnsent}
	if !c.reads {
		all = append(all, faultLate, faultLost)
	}
	if c.forgets && !c.reads {
		all = append(all, faultDropped)
	}
	return all
}

// crash is the panic that ends a process.
type crash struct{}

// strike draws what goes wrong at a boundary. Chance begins anew at each, so
// that a fault that is left out changes as little as can be of the others.
func (r *replica) strike(name string, c class) fault {
	h := r.history
	h.tally.Boundaries++
	h.boundary++
	r.source.Seed(h.seed, uint64(h.boundary)*golden)
	if h.script != nil {
		return h.scripted(c.faults())
	}
	if !h.faulty || !chance(r.rng, h.world.draw.rate) {
		return faultNone
	}
	f := pick(r.rng, c.faults()...)
	if h.only != nil && !slices.Contains(h.only.Boundaries, h.boundary) {
		return faultNone
	}
	h.tally.Struck.Boundaries = append(h.tally.Struck.Boundaries, h.boundary)
	h.tally.Faults[string(f)]++
	h.tellf("%s at %s of replica %d", f, name, r.number)
	return f
}

// golden spreads the numbers of boundaries over all numbers.
const golden = 0x9e3779b97f4a7c15

// pause draws for how long a process is stopped.
func (r *replica) pause(longest time.Duration) time.Duration {
	if r.history.script != nil {
		return staleFor
	}
	return between(r.rng, time.Second, longest)
}

// call passes one call of a replica through the world.
func (r *replica) call(ctx context.Context, name string, c class, effect func() error) error {
	h := r.history
	limit := callLimit
	if deadline, ok := ctx.Deadline(); ok { // of real time, of which nothing passes here
		limit = time.Until(deadline).Round(time.Second)
	}
	called := h.world.now
	r.sleep(between(r.rng, 20*time.Millisecond, 300*time.Millisecond))
	f := r.strike(name, c)
	switch f {
	case faultKill:
		panic(crash{})
	case faultBreath:
		r.sleep(between(r.rng, time.Second, 90*time.Second))
	case faultPause:
		r.sleep(r.pause(h.world.draw.longestPause))
	case faultThrottle:
		return fmt.Errorf("%s: %w", name, c.throttled)
	case faultRefuse:
		return fmt.Errorf("%s: %w", name, c.refused)
	default:
	}
	if h.world.now.Sub(called) > limit { // the context has ended: nothing is sent
		return fmt.Errorf("%s: %w", name, c.throttled)
	}
	if c.fenced {
		if err := rotator.CheckFence(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	signed := h.world.now
	if f == faultLate {
		r.sleep(r.pause(pick(r.rng, time.Minute, 10*time.Minute, h.world.draw.longestPause)))
	}
	if h.world.now.Sub(signed) > c.patience {
		if c.patience == signature {
			return fmt.Errorf("%s: the signature has expired: %w", name, c.refused)
		}
		return fmt.Errorf("%s: the connection was cut: %w", name, c.unclear)
	}
	if f == faultUnsent {
		return fmt.Errorf("%s: %w", name, c.unclear)
	}
	r.dropped = f == faultDropped
	err := effect()
	r.dropped = false
	if !c.reads {
		h.afterwards(ctx)
	}
	switch {
	case f == faultKilled:
		panic(crash{})
	case f == faultLost && err == nil:
		return fmt.Errorf("%s: %w", name, c.unclear)
	default:
		return err
	}
}
