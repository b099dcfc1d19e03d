package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func sorted(events []event) []event {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return events
}

// stepping reports whether any replica is in the middle of a step.
func (h *history) stepping() bool {
	return slices.ContainsFunc(h.replicas, func(r *replica) bool { return r.stepping })
}

// wanted reports whether an event was not left out.
func (h *history) wanted(e event) bool {
	return h.only == nil || slices.Contains(h.only.Events, e.number)
}

// happen has something from outside happen. It reports false for what has to
// wait until no step is under way.
func (h *history) happen(ctx context.Context, e event) bool {
	switch e.kind {
	case eventSecondKey, eventSwitchOn, eventDrift:
		if h.stepping() {
			return false
		}
	default:
	}
	h.tellf("%s", e.kind)
	h.tally.Struck.Events = append(h.tally.Struck.Events, e.number)
	switch e.kind {
	case eventSecondKey:
		h.secondKey(ctx)
	case eventSwitchOn:
		h.switchOn()
	case eventDrift:
		h.drift(ctx)
	case eventLoss:
		h.replace(ctx, journal.NewMemory())
	case eventRestore:
		if n := len(h.ledger.kept); n > 0 {
			h.replace(ctx, h.ledger.kept[h.rng.IntN(n)].Clone())
		}
	case eventClock:
		r := pick(h.rng, h.replicas...)
		r.skew = pick(h.rng, -h.world.draw.jump, h.world.draw.jump)
		h.stir(h.rng, began())
	case eventRotate:
		h.ask(ctx, rotator.RequestRotate)
	case eventRollback:
		h.ask(ctx, rotator.RequestRollback)
	case eventResume:
		if row, err := h.ledger.Row(ctx, robot()); err == nil && row.Progress.Halt != nil {
			h.ask(ctx, rotator.RequestResume)
		}
	}
	return true
}

// open is the cycle under way; nil if there is none.
func (h *history) open(ctx context.Context) *rotator.Cycle {
	row, err := h.ledger.Row(ctx, robot())
	if err != nil {
		return nil
	}
	return row.Progress.Cycle
}

func (h *history) secondKey(ctx context.Context) {
	w := h.world
	if c := h.open(ctx); len(w.keys) >= 2 || c != nil && c.Intent != nil && c.Intent.Verb == rotator.VerbCreate {
		return // a full quota, or R5
	}
	c := w.newKey(0)
	w.key(rotator.KeyID(c.KeyID())).foreign = true
	w.lists = w.lists[len(w.lists)-1:]
	w.advance(w.now.Add(2 * time.Second)) // within the second of a create it would be R5
}

func (h *history) switchOn() {
	for _, k := range h.world.keys {
		if k.status == rotator.Inactive {
			k.status, k.switched = rotator.Active, true
			h.world.listed()
			h.world.lists = h.world.lists[len(h.world.lists)-1:]
		}
	}
	h.world.settle()
}

func (h *history) drift(ctx context.Context) {
	w := h.world
	p := &w.places[h.rng.IntN(len(w.places))]
	if p.prior.IsZero() || h.open(ctx) == nil {
		return // between cycles the store of record is the only copy
	}
	w.putBack(p)
}

// putBack has a person put into a store what it held before. Whoever does it
// twice has put the right key back.
func (w *world) putBack(p *place) {
	unheard := w.forgotten(p.since) // an older journal may not know of what was there
	p.prior, p.held, p.since, p.confirmed = p.held, p.prior, w.now, ""
	p.drifted = !p.drifted
	p.mended = !p.drifted || unheard
	w.settle()
}

// replace puts another journal in the place of the present one. The program
// starts again, or does not notice.
func (h *history) replace(ctx context.Context, m *journal.Memory) {
	if _, ok := h.ledger.books.(*journal.Memory); !ok {
		return
	}
	h.ledger.books, h.ledger.stale, h.world.lost = m, true, h.world.now
	h.enrol(ctx, h.replicas[0].local())
	h.stir(h.rng, began())
}

// keep remembers the journal's present state.
func (h *history) keep() {
	m, ok := h.ledger.books.(*journal.Memory)
	if !ok {
		return
	}
	h.ledger.kept = append(h.ledger.kept, m.Clone())
	if n := len(h.ledger.kept); n > 10 { // a quarter of the time of faults
		h.ledger.kept = h.ledger.kept[n-10:]
	}
}

func (h *history) ask(ctx context.Context, verb string) {
	h.stir(h.rng, began())
	_, err := h.ledger.Append(ctx, rotator.Request{User: robot(), Verb: verb, At: h.world.now})
	if err != nil {
		panic(fmt.Errorf("append %s: %w", verb, err)) // the journal itself does not fail
	}
}

// verifyEvery is in how many histories the journal's chain of hashes is checked.
const verifyEvery = 20

// judge is I6: at the end a rotation has closed without faults, or the user is
// halted with advice, or it waits for a key that is in use.
func (h *history) judge(ctx context.Context) {
	row, err := h.ledger.Row(ctx, robot())
	if err != nil {
		h.violatedf("I6: the journal does not know the user: %v", err)
		return
	}
	if h.seed%verifyEvery == 0 {
		if err := h.ledger.Verify(ctx); err != nil {
			h.violatedf("%v", err)
		}
	}
	switch halt := row.Progress.Halt; {
	case halt != nil:
		h.tally.Ended[string(rotator.ReasonHalted)]++
		if _, advised := rotator.Advise(halt.Reason, robot()); !advised {
			h.violatedf("I6: halted without advice: %s", halt.Reason)
		}
	case h.closed > 0:
		h.tally.Ended["rotated"]++
	case h.inUse():
		h.tally.Ended["waits for an old key in use"]++
	default:
		h.violatedf("I6: stuck in %s, waiting for %s %s", row.Progress.Phase, row.Waiting, row.Detail)
	}
}

// inUse reports whether somebody uses a key who did not say so.
func (h *history) inUse() bool {
	return h.world.draw.unknown > 0 || slices.ContainsFunc(h.world.places, func(p place) bool { return p.undeclared })
}
