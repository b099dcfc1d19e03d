package rotator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Prober tells whether a consumer works with the credential it has now.
type Prober interface {
	Probe(ctx context.Context, c store.Credential) error
}

// Consumer is one user of a credential: where it lives and what is known of
// whoever reads it.
type Consumer struct {
	Store store.Store
	// Required consumers hold the cut until they have the new key.
	Required bool
	// Record marks the store that is written first and read back in recovery.
	Record bool
	// Refreshes is how often the consumer reads its store again, at the least.
	Refreshes time.Duration
	// Wave orders the required consumers; Soak is how long a wave that has this
	// consumer in it rests before the next one. See Pinned.
	Wave int
	Soak time.Duration
	// Reloader is nil for a consumer that reads its store by itself.
	Reloader    Reloader
	ReloadLimit time.Duration
	// Prober is nil for a consumer that cannot be probed.
	Prober     Prober
	Probes     int
	ProbeEvery time.Duration
	// Acked is set for a consumer that tells that it has the key, within AckWithin.
	Acked     bool
	AckWithin time.Duration
}

// Name is the store's kind and location; it identifies the consumer.
func (c Consumer) Name() string { return c.Store.Describe().String() }

// Preflight asks, without changing anything, whether the consumer's store would
// take a key, and whether its reload and its probe could be begun: existence,
// ownership and permission, as far as each can tell. recorded says whether the
// journal knows that this program wrote the store.
func (c Consumer) Preflight(ctx context.Context, recorded bool) []error {
	var refused []error
	ctx = store.WithRecorded(ctx, recorded)
	for _, part := range []struct {
		name string
		part any
	}{{"", c.Store}, {"reload: ", c.Reloader}, {"probe: ", c.Prober}} {
		checker, ok := part.part.(store.Checker)
		if !ok {
			continue
		}
		if err := checker.Check(ctx); err != nil && !errors.Is(err, store.ErrEmpty) {
			refused = append(refused, fmt.Errorf("%s%w", part.name, err))
		}
	}
	return refused
}

func (c Consumer) pinned() Pinned {
	_, readable := c.Store.(store.Reader)
	return Pinned{
		Name: c.Name(), Required: c.Required, Record: c.Record, Readable: readable, Refreshes: c.Refreshes,
		Wave: c.Wave, Soak: c.Soak, Reloaded: c.Reloader != nil, ReloadLimit: c.ReloadLimit,
		Probed: c.Prober != nil, Probes: c.Probes, ProbeEvery: c.ProbeEvery, Acked: c.Acked, AckWithin: c.AckWithin,
	}
}

// Target is one managed user with everything needed to rotate its key.
type Target struct {
	User      User
	Policy    Policy
	Calendar  Calendar
	Bootstrap bool
	Consumers []Consumer
	Keyring   Keyring
	Witness   Witness
	// Modes that the configuration sets for the user.
	ObserveOnly bool
	NoDelete    bool
}

// Pinned are the consumers as a cycle pins them.
func (t Target) Pinned() []Pinned {
	pinned := make([]Pinned, 0, len(t.Consumers))
	for _, c := range t.Consumers {
		pinned = append(pinned, c.pinned())
	}
	if rec := recordIndex(pinned); rec >= 0 {
		_, stages := t.Consumers[rec].Store.(store.Stager)
		pinned[rec].Staged = stages && slices.ContainsFunc(pinned, func(p Pinned) bool { return p.Required && p.Wave < pinned[rec].Wave })
	}
	return pinned
}

func (t Target) consumer(name string) (Consumer, bool) {
	for _, c := range t.Consumers {
		if c.Name() == name {
			return c, true
		}
	}
	return Consumer{}, false
}

// Breaker stops new keys and cuts for everybody once so many users were halted
// within a time; zero failures switch it off.
type Breaker struct {
	Failures int
	Within   time.Duration
}

// Fleet is all that the configuration says. It is immutable; a reload swaps it
// as a whole.
type Fleet struct {
	Targets map[User]Target
	// Inspectors read the accounts' credential reports, by account name; an
	// account without one is swept user by user.
	Inspectors map[string]Inspector
	Breaker    Breaker
}

// fleetBox holds the present fleet.
type fleetBox struct{ p atomic.Pointer[Fleet] }

func (b *fleetBox) load() *Fleet {
	if f := b.p.Load(); f != nil {
		return f
	}
	return &Fleet{}
}
