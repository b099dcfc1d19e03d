package rotator

import (
	"fmt"
	"slices"
	"time"
)

// done folds an effect that happened.
func (p *Progress) done(e Entry) error {
	c := p.Cycle
	if c == nil && e.Verb == VerbPush { // a repair at rest
		p.Drifted = ""
		return nil
	}
	if c == nil {
		return fmt.Errorf("fold %s outside a cycle: %w", e.Verb, ErrUnreadable)
	}
	switch e.Verb {
	case VerbCreate:
		c.Keep, c.Made, p.Asked = e.Key, e.Created, nil
		p.Phase = PhaseProving
		if planted(plantSkipProve) {
			p.Phase = PhasePropagating
		}
	case VerbProve:
		p.proved(e)
	case VerbPush:
		p.pushed(e)
	case VerbStage:
		c.StagedAt = e.Date
	case VerbReload:
		c.take(e.Consumer, func(t *Taking) { t.Reload, t.ReloadAt = e.Date, e.At })
		delete(c.Missed, e.Consumer)
	case VerbProbe:
		c.probed(e)
	case VerbRestore:
		c.Restored = append(c.Restored, e.Consumer)
	case VerbDeactivate:
		p.cut(e)
	case VerbReactivate:
		p.reactivated(e)
	case VerbDelete, VerbDiscard:
		p.gone(e)
		return nil
	default:
		return fmt.Errorf("fold done %q: %w", e.Verb, ErrUnreadable)
	}
	c.Intent = nil
	return nil
}

func put(m map[string]time.Time, key string, at time.Time) map[string]time.Time {
	if m == nil {
		m = map[string]time.Time{}
	}
	m[key] = at
	return m
}

func (p *Progress) proved(e Entry) {
	c := p.Cycle
	if c.Signed == 0 {
		c.SignedFrom = e.Date
	}
	c.Signed++
	c.SignedLast, c.SignedAt = e.Date, e.At
	q := c.Policy.Verify
	if c.Signed >= q.Successes && (q.Over == 0 || passed(c.SignedLast, c.SignedFrom, q.Over-dateSlack)) {
		p.Phase = PhasePropagating
	}
}

// probed counts a probe that was passed; one that was failed counts from none.
func (c *Cycle) probed(e Entry) {
	c.take(e.Consumer, func(t *Taking) { t.Passed++ })
	delete(c.Missed, e.Consumer)
	if c.ProbeFailed == e.Consumer {
		c.ProbeFailed = ""
	}
	pinned, _ := c.consumer(e.Consumer)
	if c.Taking[e.Consumer].Passed >= pinned.Probes {
		c.Probed = put(c.Probed, e.Consumer, e.At)
	}
	c.take(e.Consumer, func(t *Taking) { t.ProbedAt = e.At })
}

// consumer finds a consumer as the cycle pinned it.
func (c *Cycle) consumer(name string) (Pinned, bool) {
	i := slices.IndexFunc(c.Consumers, func(p Pinned) bool { return p.Name == name })
	if i < 0 {
		return Pinned{}, false
	}
	return c.Consumers[i], true
}

func (p *Progress) pushed(e Entry) {
	c := p.Cycle
	c.Pushed = put(c.Pushed, e.Consumer, e.Date)
	delete(c.Missed, e.Consumer)
	p.restartGrace(e)
	p.verifyIfComplete(e)
}

// restartGrace has the grace that runs begin anew, because a consumer came
// late: its readers count, too.
func (p *Progress) restartGrace(e Entry) {
	switch p.Phase {
	case PhaseOverlap:
		p.Since, p.Cycle.Verified = e.At, e.Date
	case PhaseTrial, PhaseDeleting:
		p.Phase, p.Since, p.Cycle.Inactive = PhaseTrial, e.At, e.Date
	default:
	}
}

// verifyIfComplete begins the overlap once every required consumer is served,
// from the latest of their instants.
func (p *Progress) verifyIfComplete(e Entry) {
	c := p.Cycle
	if p.Phase != PhasePropagating || !c.served() {
		return
	}
	if c.Purpose == PurposeBootstrap {
		p.Current, p.Created = c.Keep, c.Made
		p.close()
		return
	}
	c.Verified = e.Date
	for _, at := range c.Pushed {
		if at.After(c.Verified) {
			c.Verified = at
		}
	}
	p.Phase = PhaseOverlap
	if !c.Inactive.IsZero() { // cut first: the old key is Inactive already
		p.Phase, c.Inactive = PhaseTrial, c.Verified
	}
}

func (p *Progress) cut(e Entry) {
	c := p.Cycle
	c.Inactive, c.UseAtCut = e.Date, e.Use
	p.Phase = PhaseTrial
	if c.Keep == "" { // cut first: now the new key may be made
		p.Phase = PhaseCreating
	}
}

func (p *Progress) reactivated(e Entry) {
	if p.Phase == PhaseRollingBack {
		p.Cycle.Inactive = time.Time{}
		return
	}
	p.restartOverlap(e)
	p.Cycle.Healed = e.Date
	if p.Cycle.Purpose != PurposeRotation {
		p.Phase, p.Cycle.Verified = PhaseOverlap, e.Date
	}
}

// gone folds that a key no longer exists.
func (p *Progress) gone(e Entry) {
	c := p.Cycle
	if e.Key == c.Keep { // our own undistributed key was discarded
		p.close()
		return
	}
	if c.Purpose == PurposeRotation {
		p.Current, p.Created = c.Keep, c.Made
	}
	p.close()
}

func (p *Progress) close() {
	p.Phase, p.Cycle, p.Suspect = PhaseIdle, nil, time.Time{}
	if p.Current == "" {
		p.Phase = PhaseUnseen
	}
}

// note folds a decision that changes the record alone.
func (p *Progress) note(e Entry) error {
	c := p.Cycle
	switch e.Verb {
	case VerbSuspect:
		p.Suspect = e.Date
		return nil
	case VerbClear:
		p.clear(e)
		return nil
	case VerbForget:
		p.Phase, p.Cycle, p.Current, p.Created, p.Suspect = PhaseUnseen, nil, "", time.Time{}, time.Time{}
		return nil
	case VerbDrift:
		p.Drifted = e.Consumer
		return nil
	default:
	}
	if c == nil {
		return fmt.Errorf("fold %q outside a cycle: %w", e.Verb, ErrUnreadable)
	}
	switch e.Verb {
	case VerbAbandon:
		c.Intent = nil
		if c.CutFirst {
			return nil
		}
		p.close()
	case VerbRecognise:
		c.Intent = nil
		c.Purpose, c.Retire, c.Keep = PurposeOrphan, e.Key, p.Current
		c.Verified, p.Phase = e.Date, PhaseOverlap
	case VerbReloaded:
		c.take(e.Consumer, func(t *Taking) { t.Reloaded = e.Date })
		p.restartGrace(e)
	case VerbVerify:
		p.verifyIfComplete(e)
	case VerbConfirm:
		c.Adopted = e.Use
	case VerbHeal:
		p.restartOverlap(e)
		c.Healed = e.Date
	case VerbRepin:
		if e.Opening == nil {
			return fmt.Errorf("fold new consumers that are none: %w", ErrUnreadable)
		}
		p.repin(e.Opening.Consumers)
	case VerbAccept:
		p.accept(e)
	case VerbClose:
		p.gone(e)
	case VerbWithdraw:
		p.withdraw()
	case VerbRestore: // a store that cannot have its old key back
		c.Unrestored = append(c.Unrestored, e.Consumer)
	default:
		return fmt.Errorf("fold note %q: %w", e.Verb, ErrUnreadable)
	}
	return nil
}

// clear drops a suspicion. In a trial it may have been a person who made the
// key Active and Inactive again, so the trial counts anew.
func (p *Progress) clear(e Entry) {
	p.Suspect, p.Drifted = time.Time{}, ""
	if p.Cycle != nil && (p.Phase == PhaseTrial || p.Phase == PhaseDeleting) {
		p.Phase, p.Since = PhaseTrial, e.At
		p.Cycle.Intent, p.Cycle.Inactive = nil, e.Date
	}
}

// accept goes on from a cut that was found done: by a person, or by ourselves
// before a crash. The trial counts from now, never from an unknown past.
func (p *Progress) accept(e Entry) {
	p.Cycle.Intent, p.Suspect = nil, time.Time{}
	p.cut(e)
	p.Since = e.At
	if e.Use.IsZero() { // unknown: only a use from now on tells of a reader
		p.Cycle.UseAtCut = e.Date
	}
}
