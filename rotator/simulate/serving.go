package simulate

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// serving is how a place's consumer takes a new key, beyond reading its place
// from time to time.
type serving struct {
	wave int
	soak time.Duration
	// stages lets the place take a credential that its readers do not see yet.
	stages bool
	unseen store.Credential
	// reloads has the consumer read when it is restarted; token is the restart
	// asked for last, and restart when it began, zero once it is over.
	reloads bool
	token   string
	restart time.Time
}

// A restart takes a while, and must not take longer than the limit: a replica
// that sleeps for days finds it long over.
const (
	restartTime = 40 * time.Second
	reloadLimit = 30 * time.Minute
)

// restarted is when the restart under way is over, zero when there is none.
func (s *serving) restarted() time.Time {
	if s.restart.IsZero() {
		return time.Time{}
	}
	return s.restart.Add(restartTime)
}

// drawServing has some consumers restarted, and some come before the store of
// record, which then is staged. It draws from dice of its own, so that all else
// of a seed is what it was without.
func (d *draw) drawServing(rng *rand.Rand, short bool) {
	soaks := []time.Duration{0, time.Minute, time.Hour}
	if !short {
		soaks = append(soaks, day)
	}
	for i := range d.places {
		p := &d.places[i]
		if !p.undeclared && chance(rng, 0.2) {
			p.reloads, p.refreshes, p.declared = true, 1000*day, 0
		}
		if i > 0 && chance(rng, 0.2) {
			p.wave, p.soak = pick(rng, -1, -1, 1), pick(rng, soaks...)
			d.places[0].stages = d.places[0].stages || d.places[0].record && p.wave < 0
		}
	}
}

// staging is a readable place that takes a credential unseen.
type staging struct{ readable }

var _ store.Stager = staging{}

// Stage implements store.Stager.
func (p staging) Stage(ctx context.Context, c store.Credential) (store.Receipt, error) {
	place := p.place()
	err := p.call(ctx, "stage in "+place.name, storeClass(place.versioned, false), func() error {
		p.history.world.checkPut(place, c, p.keeps(ctx, c))
		if k := p.history.world.key(rotator.KeyID(c.KeyID())); k != nil {
			k.given = true
		}
		if !p.dropped {
			place.unseen = c
		}
		return nil
	})
	return store.Receipt{}, err
}

// Staged implements store.Stager.
func (p staging) Staged(ctx context.Context) (store.Held, error) {
	var held store.Held
	place := p.place()
	err := p.call(ctx, "get what is staged in "+place.name, storeClass(place.versioned, true), func() error {
		if place.unseen.IsZero() {
			return store.ErrEmpty
		}
		held = store.Held{Credential: place.unseen, Owner: robot().String()}
		return nil
	})
	return held, err
}

// restarter restarts the consumer of a place.
type restarter struct{ writeOnly }

var _ rotator.Reloader = restarter{}

// Describe implements rotator.Reloader.
func (r restarter) Describe() string { return "restart of " + r.place().name }

// Reload implements rotator.Reloader.
func (r restarter) Reload(ctx context.Context, token string) error {
	kind := storeClass(false, false)
	kind.forgets = false // what an API server confirms, it has written
	return r.call(ctx, "restart "+r.place().name, kind, func() error {
		if p := r.place(); p.token != token {
			p.token, p.restart = token, r.history.world.now
		}
		return nil
	})
}

// Reloaded implements rotator.Reloader.
func (r restarter) Reloaded(ctx context.Context, token string) (done bool, detail string, err error) {
	err = r.call(ctx, "look at the restart of "+r.place().name, storeClass(false, true), func() error {
		p := r.place()
		done = p.token == token && p.restart.IsZero()
		return nil
	})
	return done, "restarting", err
}
