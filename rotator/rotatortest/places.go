package rotatortest

import (
	"context"

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

// Put implements store.Store.
func (p writeOnly) Put(_ context.Context, c store.Credential) (store.Receipt, error) {
	err := p.w.boundary("!put "+p.name, store.ErrThrottled, store.ErrAmbiguous, func() error {
		place := p.place()
		p.w.checkPut(*place, c)
		place.Owner = User.String()
		if k := p.w.key(rotator.KeyID(c.KeyID())); k != nil {
			k.Given = true
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
func (p readable) Get(context.Context) (store.Held, error) {
	err := p.w.boundary("get "+p.name, store.ErrThrottled, store.ErrThrottled, func() error { return nil }, nil)
	if err != nil {
		return store.Held{}, err
	}
	place := p.place()
	if place.Held.IsZero() {
		return store.Held{}, store.ErrEmpty
	}
	return store.Held{Credential: place.Held, Owner: place.Owner, Previous: place.Prior.KeyID()}, nil
}

// Target is the world as the configuration of its user.
func (w *World) Target() rotator.Target {
	t := rotator.Target{User: User, Policy: w.Policy, Keyring: IAM{w}, Witness: IAM{w}}
	for _, p := range w.Places {
		var s store.Store = writeOnly{w, p.Name}
		if p.Readable {
			s = readable{writeOnly{w, p.Name}}
		}
		t.Consumers = append(t.Consumers, rotator.Consumer{Store: s, Required: true, Record: p.Record, Refreshes: p.Refreshes})
	}
	return t
}
