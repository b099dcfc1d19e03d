package rotatortest

import (
	"context"
	"errors"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// writeOnly is a place that takes a credential and never shows it.
type writeOnly struct {
	w    *World
	name string
}

// readable is a place that can be read back.
type readable struct{ writeOnly }

var (
	_ store.Store  = writeOnly{}
	_ store.Reader = readable{}
)

func (p writeOnly) place() *Place {
	for i := range p.w.Places {
		if p.w.Places[i].Name == p.name {
			return &p.w.Places[i]
		}
	}
	return nil
}

// Describe implements store.Store.
func (p writeOnly) Describe() store.Description {
	return store.Description{Kind: "fake", Location: p.name}
}

// given checks that a place may be given a credential.
func (p writeOnly) given(place *Place, c store.Credential) {
	p.w.checkPut(*place, c)
	place.Owner = User.String()
	if k := p.w.key(rotator.KeyID(c.KeyID())); k != nil {
		k.Given = true
	}
}

// Put implements store.Store.
func (p writeOnly) Put(_ context.Context, c store.Credential) (store.Receipt, error) {
	err := p.w.boundary("!put "+p.name, store.ErrThrottled, store.ErrAmbiguous, func() error {
		place := p.place()
		p.given(place, c)
		if place.Unseen.Equal(c) {
			place.Unseen = store.Credential{}
		}
		if !place.Held.Equal(c) {
			place.Written = p.w.written(*place)
			p.w.SignInAll() // the reader may have read just before
			place.Prior, place.Held, place.Since = place.Held, c, p.w.Now
		}
		return nil
	}, nil)
	return store.Receipt{}, err
}

// Get implements store.Reader.
func (p readable) Get(context.Context) (held store.Held, err error) {
	err = p.w.boundary("get "+p.name, store.ErrThrottled, store.ErrThrottled, func() error {
		place := p.place()
		if place.Held.IsZero() {
			return store.ErrEmpty
		}
		held = store.Held{Credential: place.Held, Owner: place.Owner, Previous: place.Prior.KeyID()}
		return nil
	}, nil)
	return held, err
}

// staging is a readable place that takes a credential unseen.
type staging struct{ readable }

var _ store.Stager = staging{}

// Stage implements store.Stager.
func (p staging) Stage(_ context.Context, c store.Credential) (store.Receipt, error) {
	err := p.w.boundary("!stage "+p.name, store.ErrThrottled, store.ErrAmbiguous, func() error {
		place := p.place()
		p.given(place, c)
		place.Unseen = c
		return nil
	}, nil)
	return store.Receipt{}, err
}

// Staged implements store.Stager.
func (p staging) Staged(context.Context) (held store.Held, err error) {
	err = p.w.boundary("staged "+p.name, store.ErrThrottled, store.ErrThrottled, func() error {
		unseen := p.place().Unseen
		if unseen.IsZero() {
			return store.ErrEmpty
		}
		held = store.Held{Credential: unseen, Owner: User.String()}
		return nil
	}, nil)
	return held, err
}

// reload restarts the consumer of a place.
type reload struct{ writeOnly }

var _ rotator.Reloader = reload{}

// Describe implements rotator.Reloader.
func (r reload) Describe() string { return "restart of " + r.name }

// Reload implements rotator.Reloader.
func (r reload) Reload(_ context.Context, token string) error {
	return r.w.boundary("!reload "+r.name, store.ErrThrottled, store.ErrAmbiguous, func() error {
		if place := r.place(); place.Token != token {
			place.Token, place.Restart = token, r.w.Now
		}
		return nil
	}, nil)
}

// Reloaded implements rotator.Reloader.
func (r reload) Reloaded(_ context.Context, token string) (done bool, _ string, err error) {
	err = r.w.boundary("reloaded "+r.name, store.ErrThrottled, store.ErrThrottled, func() error {
		place := r.place()
		done = place.Token == token && place.Restart.IsZero()
		return nil
	}, nil)
	return done, "restarting", err
}

// probe asks the consumer of a place whether it signs in.
type probe struct{ writeOnly }

var errProbe = errors.New("the consumer does not sign in")

// Probe implements rotator.Prober.
func (p probe) Probe(context.Context, store.Credential) error {
	return p.w.boundary("probe "+p.name, store.ErrThrottled, store.ErrThrottled, func() error {
		if !p.w.live(p.place().Reader) {
			return errProbe
		}
		return nil
	}, nil)
}

// Target is the world as the configuration of its user.
func (w *World) Target() rotator.Target {
	t := rotator.Target{User: User, Policy: w.Policy, Keyring: IAM{w}, Witness: IAM{w}}
	for _, p := range w.Places {
		here := writeOnly{w, p.Name}
		c := rotator.Consumer{
			Store: here, Required: true, Record: p.Record, Refreshes: p.Refreshes, Wave: p.Wave, Soak: p.Soak,
			Acked: p.Acks, AckWithin: time.Hour, Probes: p.Probes,
		}
		if p.Readable {
			c.Store = readable{here}
		}
		if p.Stages {
			c.Store = staging{readable{here}}
		}
		if p.Reloads {
			c.Reloader, c.ReloadLimit = reload{here}, 10*time.Minute
		}
		if p.Probes > 0 {
			c.Prober = probe{here}
		}
		t.Consumers = append(t.Consumers, c)
	}
	return t
}
