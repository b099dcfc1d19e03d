package simulate

import (
	"context"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// writeOnly is a place as one replica writes to it.
type writeOnly struct {
	*replica

	at int
}

// readable is a place that can be read back.
type readable struct{ writeOnly }

var (
	_ store.Store  = writeOnly{}
	_ store.Reader = readable{}
)

func (p writeOnly) place() *place { return &p.history.world.places[p.at] }

// Describe implements store.Store.
func (p writeOnly) Describe() store.Description {
	return store.Description{Kind: "fake", Location: p.place().name}
}

// Put implements store.Store. A place of two halves takes the secret first.
func (p writeOnly) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	place := p.place()
	kind := storeClass(place.versioned, false)
	if place.halves {
		err := p.call(ctx, "put the secret into "+place.name, kind, func() error {
			p.history.world.checkPut(place, c, p.keeps(ctx, c))
			if !p.dropped {
				place.newSecret = c.RevealSecret()
			}
			return nil
		})
		if err != nil {
			return store.Receipt{}, err
		}
	}
	err := p.call(ctx, "put into "+place.name, kind, func() error {
		p.history.world.checkPut(place, c, p.keeps(ctx, c))
		if k := p.history.world.key(rotator.KeyID(c.KeyID())); k != nil {
			k.given = true
		}
		if p.dropped {
			place.confirmed = c.KeyID()
		} else {
			p.history.world.fill(place, c)
		}
		return nil
	})
	return store.Receipt{}, err
}

// keeps reports whether the journal has the secret in custody.
func (p writeOnly) keeps(ctx context.Context, c store.Credential) bool {
	_, sealed := p.history.ledger.sealed(ctx)[rotator.KeyID(c.KeyID())]
	return sealed
}

// fill writes a credential. What replaces a drifted content, a write that was
// confirmed and lost, or what an older journal does not know of and nobody can
// read back, is no new beginning for the graces of this package: the reader's
// last use tells whether anybody read what was there.
func (w *world) fill(p *place, c store.Credential) {
	p.owner, p.newSecret = robot().String(), ""
	if p.unseen.Equal(c) {
		p.unseen = store.Credential{}
	}
	if p.held.Equal(c) {
		p.drifted = false
		return
	}
	p.mended = p.drifted || p.confirmed == c.KeyID() || !p.readable && w.forgotten(p.since)
	p.prior, p.held, p.since, p.drifted, p.confirmed = p.held, c, w.now, false, c.KeyID()
}

// Get implements store.Reader.
func (p readable) Get(ctx context.Context) (store.Held, error) {
	var held store.Held
	err := p.call(ctx, "get "+p.place().name, storeClass(p.place().versioned, true), func() error {
		place := p.place()
		if place.held.IsZero() {
			return store.ErrEmpty
		}
		held = store.Held{Credential: place.held, Owner: place.owner}
		if place.versioned {
			held.Previous = place.prior.KeyID()
		}
		return nil
	})
	return held, err
}
