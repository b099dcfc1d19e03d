package rotator

import (
	"fmt"
	"time"
)

// request takes an operator's request up, or drops it with a reason.
func (p *Progress) request(e Entry) error {
	if p.Cycle == nil && (e.Verb == VerbHurry || e.Verb == VerbTurn || e.Verb == VerbAck) {
		return fmt.Errorf("fold request %q outside a cycle: %w", e.Verb, ErrUnreadable)
	}
	switch e.Verb {
	case VerbPause:
		p.Paused = true
	case VerbResume:
		p.resume(e)
	case VerbAsk:
		p.Asked = e.Asked
	case VerbAck:
		p.Cycle.take(e.Consumer, func(t *Taking) { t.Acked = e.At })
	case VerbHurry:
		p.Cycle.Emergency, p.Cycle.Request = true, e.Request
	case VerbTurn:
		p.Phase, p.Halt, p.Suspect = PhaseRollingBack, nil, time.Time{}
		p.Cycle.Request, p.Cycle.Intent = e.Request, nil
		p.Cycle.Restored, p.Cycle.Unrestored = nil, nil
	default: // a rejected one changes nothing but Handled
	}
	return nil
}

func (p *Progress) resume(e Entry) {
	p.Paused, p.Halt, p.Suspect, p.Since = false, nil, time.Time{}, e.At
	c := p.Cycle
	if c == nil {
		return
	}
	c.ProbeFailed = ""
	for name, t := range c.Taking {
		if t.Reloaded.IsZero() { // whoever resumes wants it tried once more
			c.take(name, func(t *Taking) { *t = t.again() })
		}
	}
	switch p.Phase {
	case PhaseRolledBack, PhaseRollingBack:
		p.Phase = PhaseProving
		c.Signed, c.SignedFrom, c.SignedLast, c.Pushed, c.Probed, c.Verified = 0, time.Time{}, time.Time{}, nil, nil, time.Time{}
		c.Inactive, c.UseAtCut = time.Time{}, time.Time{}
		c.takeAgain()
	case PhaseTrial, PhaseDeleting:
		// Whoever resumes a trial whose key is Active again wants the cut: the
		// overlap starts again, and the trial after it.
		if e.Reason == ReasonReactivated {
			p.restartOverlap(e)
		}
	default:
	}
	if e.Opening != nil {
		c.Policy = e.Opening.Policy
		p.repin(e.Opening.Consumers)
	}
}
