package simulate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// replica is one process of the program: a coroutine that gives its turn away
// whenever time passes.
type replica struct {
	history *history
	number  int
	life    int
	skew    time.Duration

	wake     time.Time
	source   *rand.PCG // of what chance decides for it, since its last call
	rng      *rand.Rand
	resume   func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	stepping bool
	idle     bool // until the row is due
	dropped  bool // the write under way is confirmed and lost

	// what the last intent that it wrote down was for
	intent    rotator.Verb
	intentKey rotator.KeyID
}

// stopped is the panic that ends a replica for good.
type stopped struct{}

func newReplica(ctx context.Context, h *history, number int) *replica {
	r := &replica{history: h, number: number, wake: h.world.now, source: rand.NewPCG(h.seed, uint64(number))}
	r.rng = seeded(r.source)
	r.resume, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		defer func() {
			if p := recover(); p != nil {
				if _, end := p.(stopped); !end {
					panic(p)
				}
			}
		}()
		for {
			r.live(ctx)
			h.tellf("replica %d is dead", r.number)
			r.sleep(between(r.rng, time.Second, 10*time.Minute))
		}
	})
	return r
}

// local is the replica's clock.
func (r *replica) local() time.Time { return r.history.world.now.Add(r.skew) }

// sleep gives the turn away for so long.
func (r *replica) sleep(d time.Duration) {
	r.wake = r.history.world.now.Add(d)
	if !r.yield(struct{}{}) {
		panic(stopped{})
	}
}

// live is one life of the process, until it crashes.
func (r *replica) live(ctx context.Context) {
	defer func() {
		r.stepping, r.idle = false, false
		if p := recover(); p != nil {
			if _, end := p.(crash); !end {
				panic(p)
			}
		}
	}()
	h := r.history
	r.life++
	h.takeOver(r)
	core, err := rotator.New(
		rotator.Deps{Journal: desk{r}, Sealer: sealer{}, Observer: leakWatch{h}}, r.fleet(),
		rotator.Options{Owner: fmt.Sprintf("replica %d, life %d", r.number, r.life), Now: r.local, Lease: h.world.draw.lease},
	)
	if err != nil {
		panic(err) // the options are constant
	}
	h.enrol(ctx, r.local())
	swept := h.world.now
	for {
		look := h.world.now.Sub(swept) >= h.world.draw.sweep
		users, next, err := h.ledger.Due(ctx, r.local(), 1)
		if err != nil {
			panic(err) // the journal itself does not fail
		}
		if look {
			swept, users = h.world.now, []rotator.User{robot()}
		}
		if len(users) == 0 {
			rest := h.world.draw.sweep - h.world.now.Sub(swept)
			if !next.IsZero() {
				rest = min(rest, max(time.Second, next.Sub(r.local())))
			}
			r.idle = true
			r.sleep(rest)
			r.idle = false
			continue
		}
		r.step(ctx, core, look)
	}
}

func (r *replica) step(ctx context.Context, core *rotator.Rotator, look bool) {
	h := r.history
	r.stepping, r.intent, r.intentKey = true, "", ""
	decision, err := core.Step(ctx, robot(), look)
	r.stepping = false
	h.tally.Steps++
	switch {
	case errors.Is(err, rotator.ErrClaimed):
		r.sleep(10 * time.Second)
	case err != nil:
		r.sleep(5 * time.Second)
	case decision.Verb == rotator.VerbWait:
		r.sleep(time.Second)
	}
}

// fleet is the configuration of the one user.
func (r *replica) fleet() *rotator.Fleet {
	w := r.history.world
	target := rotator.Target{User: robot(), Policy: w.draw.policy, Keyring: iam{r}, Witness: iam{r}}
	for i, p := range w.places {
		c := rotator.Consumer{Store: writeOnly{r, i}, Required: true, Record: p.record, Refreshes: p.declared, Wave: p.wave, Soak: p.soak}
		if p.readable {
			c.Store = readable{writeOnly{r, i}}
		}
		if p.stages {
			c.Store = staging{readable{writeOnly{r, i}}}
		}
		if p.reloads {
			c.Reloader, c.ReloadLimit = restarter{writeOnly{r, i}}, reloadLimit
		}
		target.Consumers = append(target.Consumers, c)
	}
	return &rotator.Fleet{Targets: map[rotator.User]rotator.Target{robot(): target}}
}

// wrote remembers what checks ask about a save.
func (r *replica) wrote(change rotator.Change) {
	for _, e := range change.Entries {
		if e.Kind == rotator.KindIntent {
			r.intent, r.intentKey = e.Verb, e.Key
		}
		if k := r.history.world.key(e.Key); k != nil && e.Verb == rotator.VerbAccept {
			k.accepted = r.history.world.now
		}
	}
}

// checkIntent is I4: the journal knew of the effect before it happens.
func (r *replica) checkIntent(verb rotator.Verb, id rotator.KeyID) {
	if r.intent != verb || r.intentKey != id {
		r.history.violatedf("I4: %s %s without its intent in the journal", verb, id)
	}
}
