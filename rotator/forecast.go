package rotator

import "time"

// Forecast tells when an open cycle gets on, if it goes as its policy has it. It
// decides nothing: it is what people are told, and what late is measured by.
// Its instants are of the local clock; a zero one is not known.
type Forecast struct {
	// Phase is by when the present phase is over.
	Phase time.Time
	// Gone is by when the old key is gone, if the phases to come take as long as
	// they may.
	Gone time.Time
}

// Forecast looks ahead in the open cycle; without one it knows nothing. Halts,
// pauses and freezes are not foreseen, and windows count with their longest gap.
func (p Progress) Forecast() Forecast {
	c := p.Cycle
	if c == nil || p.Since.IsZero() {
		return Forecast{}
	}
	serve := c.Policy.PushLimit + serving(c.Consumers)
	cut, gone := c.toCut(), c.toGone()
	after := func(phase, rest time.Duration) Forecast {
		return Forecast{Phase: p.Since.Add(phase), Gone: p.Since.Add(phase + rest)}
	}
	switch p.Phase {
	case PhaseCreating:
		return after(c.Policy.Settle, c.Policy.Verify.Over+serve+cut+gone)
	case PhaseProving:
		f := after(c.Policy.Verify.Over, serve+cut+gone)
		f.Phase = p.Since.Add(max(c.Policy.Verify.Over, c.Policy.Verify.Limit))
		return f
	case PhasePropagating:
		return after(serve, cut+gone)
	case PhaseOverlap, PhaseDeactivating:
		return after(cut, gone)
	case PhaseTrial, PhaseDeleting:
		return after(gone, 0)
	case PhaseRollingBack:
		return Forecast{Phase: p.Since.Add(serve)}
	default: // a person decides what comes next
		return Forecast{}
	}
}

// toCut is how long the overlap may last; none for a key that was cut first, and
// for a first key, which takes no other's place.
func (c *Cycle) toCut() time.Duration {
	if c.Purpose == PurposeBootstrap || !c.Inactive.IsZero() {
		return 0
	}
	return c.firstLook() + c.Policy.WindowGap
}

// toGone is how long the trial may last.
func (c *Cycle) toGone() time.Duration {
	if c.Purpose == PurposeBootstrap {
		return 0
	}
	return c.trial() + c.Policy.WindowGap
}

// UsedAfterAll is when the key to retire was last found in use although its
// overlap was over, or in its trial, by AWS's clock; false once it is Inactive,
// and when it was not.
func (p Progress) UsedAfterAll() (time.Time, bool) {
	c := p.Cycle
	if c == nil || !c.Inactive.IsZero() || c.Healed.IsZero() {
		return time.Time{}, false
	}
	return c.Healed, true
}

// Failures is how often in a row a consumer of the open cycle could not be
// served, by its name; zero without a cycle.
func (p Progress) Failures(consumer string) int {
	if p.Cycle == nil {
		return 0
	}
	return p.Cycle.Missed[consumer]
}
