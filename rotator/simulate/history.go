package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// began is when every history begins.
func began() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// seeded is chance that is the same each time.
func seeded(source *rand.PCG) *rand.Rand {
	return rand.New(source) //nolint:gosec // a history that cannot be told again proves nothing
}

// history is one seed's.
type history struct {
	rng      *rand.Rand
	seed     uint64
	world    *world
	ledger   *ledger
	replicas []*replica
	tally    *Result
	faulty   bool
	boundary int
	only     *Faults
	script   map[int]fault // what strikes where, in the place of chance; nil for chance
	story    func(string)

	closed int // rotations that ended in the tail
}

func (h *history) tellf(format string, args ...any) {
	if h.story != nil {
		h.story(h.world.now.Sub(began()).Round(time.Millisecond).String() + " " + fmt.Sprintf(format, args...))
	}
}

func (h *history) violatedf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.tally.Violations = append(h.tally.Violations, text)
	h.tellf("VIOLATED: %s", text)
}

// begin makes the world of a seed, whose only key is old enough to be rotated.
func begin(ctx context.Context, options Options, seed uint64) (*history, error) {
	rng := seeded(rand.NewPCG(seed, 0x6b6579726f746174))
	h := &history{rng: rng, seed: seed, tally: newResult(seed), faulty: true, story: options.Story, only: options.Only}
	d := newDraw(rng, seed)
	h.world = &world{now: began(), draw: d, places: d.places, tally: h.tally, violatedf: h.violatedf}
	old := h.world.newKey(between(rng, 0, d.policy.MaxAge))
	for i := range h.world.places {
		p := &h.world.places[i]
		p.held, p.reader, p.since, p.read = old, old, began(), began()
	}
	h.ledger = &ledger{books: journal.NewMemory(), stale: true}
	if d.sqlite {
		db, err := journal.Open(ctx, "memory:", journal.Options{})
		if err != nil {
			return nil, err
		}
		h.ledger.books = db
	}
	for n := range d.replicas {
		r := newReplica(ctx, h, n)
		r.skew = between(rng, -30*time.Second, 30*time.Second)
		h.replicas = append(h.replicas, r)
	}
	h.world.settle()
	h.tellf("%s: %d replicas, policy %s, faults at %.1f%% of boundaries", robot(), d.replicas, d.policy.Name, 100*d.rate)
	for _, p := range d.places {
		h.tellf("store %s: readable %v, versions %v, in halves %v, read every %s (declared %s)", p.name, p.readable, p.versioned, p.halves, p.refreshes, p.declared)
	}
	return h, nil
}

// margin is how long after its lease a claim keeps others away. A single
// process has the journal for itself and needs none.
func (h *history) margin() time.Duration {
	if len(h.replicas) == 1 {
		return 0
	}
	return h.world.draw.margin
}

// takeOver is what an exclusive open does: the one process proves that the
// former owner is dead. Replicas wait for lease and margin.
func (h *history) takeOver(r *replica) {
	if memory, ok := h.ledger.books.(*journal.Memory); ok && len(h.replicas) == 1 {
		memory.TakeOver(r.local().Add(30 * time.Second))
	}
}

// enrol is what the program does with its configured users when it starts.
func (h *history) enrol(ctx context.Context, now time.Time) {
	if err := h.ledger.Register(ctx, robot(), now); err != nil {
		panic(err) // the journal itself does not fail
	}
	row, err := h.ledger.Row(ctx, robot())
	if err == nil && row.Progress.Halt == nil && row.Due.After(now) {
		err = h.ledger.Wake(ctx, robot(), now)
	}
	if err != nil {
		panic(err)
	}
}

// run lives through the whole history.
func (h *history) run(ctx context.Context) {
	defer func() {
		for _, r := range h.replicas {
			r.stop()
		}
	}()
	d := h.world.draw
	events := sorted(d.events)
	h.until(ctx, began().Add(d.faulty), events)
	h.calm()
	h.until(ctx, began().Add(d.faulty+d.tail), nil)
	if len(h.tally.Violations) == 0 {
		h.judge(ctx)
	}
}

// until passes the turn to whoever wakes first, until the given time.
func (h *history) until(ctx context.Context, end time.Time, events []event) {
	kept := h.world.now
	for len(h.tally.Violations) < 5 {
		r := h.first()
		if len(events) > 0 {
			if at := began().Add(events[0].at); !at.After(r.wake) {
				h.world.advance(at)
				if !h.wanted(events[0]) || h.happen(ctx, events[0]) {
					events = events[1:]
				} else { // not while a step is under way
					events[0].at = h.world.now.Sub(began()) + between(h.rng, time.Second, time.Minute)
					events = sorted(events)
				}
				continue
			}
		}
		if r.wake.After(end) {
			h.world.advance(end)
			return
		}
		h.world.advance(r.wake)
		if h.world.now.Sub(kept) > h.world.draw.faulty/40 {
			kept = h.world.now
			h.keep()
		}
		r.resume()
	}
}

// stir has idle replicas look soon after the row becomes due, by their clocks,
// as they do who ask the journal all the time.
func (h *history) stir(rng *rand.Rand, due time.Time) {
	if due.IsZero() {
		return
	}
	for _, r := range h.replicas {
		at := later(h.world.now, due.Add(-r.skew))
		if poll := h.world.draw.poll; r.idle && r.wake.After(at.Add(poll)) {
			r.wake = at.Add(between(rng, 0, poll))
		}
	}
}

func (h *history) first() *replica {
	first := h.replicas[0]
	for _, r := range h.replicas[1:] {
		if r.wake.Before(first.wake) {
			first = r
		}
	}
	return first
}

// afterwards are the checks after every effect.
func (h *history) afterwards(ctx context.Context) {
	h.world.settle()
	h.world.checkQuota()
	h.world.checkSecrets(h.ledger.sealed(ctx))
}

// calm ends the time of faults: clocks are right, and nobody stays paused.
func (h *history) calm() {
	h.faulty = false
	for _, r := range h.replicas {
		r.skew = 0
		if limit := h.world.now.Add(time.Hour); r.wake.After(limit) {
			r.wake = limit
		}
	}
	h.tellf("no more faults")
}

// entry is told of every history entry.
func (h *history) entry(e rotator.Entry) {
	h.tellf("  %s %s %s %s %s %s", e.Kind, e.Verb, e.Key, e.Consumer, e.Reason, e.Detail)
	switch {
	case e.Kind == rotator.KindHalted:
		h.tally.Halts[string(e.Reason)]++
		if !h.world.draw.attended() {
			h.violatedf("I6: a person is asked for nothing: %s %s", e.Reason, e.Detail)
		}
	case e.Kind == rotator.KindDone && e.Verb == rotator.VerbDelete:
		h.tally.Rotations++
		if !h.faulty {
			h.closed++
		}
	}
}
