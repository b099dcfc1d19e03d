package rotator

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Apply folds one entry into the progress and returns the result; the receiver
// is left as it was. It fails with ErrUnreadable on a kind or a verb that this
// version does not know, because such an entry may stand for an effect.
func (p Progress) Apply(e Entry) (Progress, error) {
	next := p.Clone()
	next.Schema = Schema
	var err error
	switch e.Kind {
	case KindAdopted:
		next.adopt(e)
	case KindOpened:
		err = next.open(e)
	case KindIntent:
		err = next.intend(e)
	case KindDone:
		err = next.done(e)
	case KindFailed, KindUnclear:
		next.failed(e)
	case KindNoted:
		err = next.note(e)
	case KindHalted:
		next.Halt = &Halt{Reason: e.Reason, Detail: e.Detail, At: e.At}
		next.Suspect = time.Time{}
		if next.Phase == PhaseRollingBack && e.Reason == ReasonRolledBack {
			next.Phase = PhaseRolledBack
		}
	case KindRequest:
		err = next.request(e)
	default:
		err = fmt.Errorf("fold entry of kind %q: %w", e.Kind, ErrUnreadable)
	}
	if err != nil {
		return p, err
	}
	if e.Request > next.Handled {
		next.Handled = e.Request
	}
	if next.Phase.grace() != p.Phase.grace() {
		next.Since = e.At
	}
	return next, nil
}

// grace is the phase whose grace runs: a cut or a delete that is intended, and
// may yet be withdrawn, begins none. AWS throttles; a refused try must not wait
// for a whole overlap or trial again.
func (p Phase) grace() Phase {
	switch p {
	case PhaseDeactivating:
		return PhaseOverlap
	case PhaseDeleting:
		return PhaseTrial
	default:
		return p
	}
}

// Fold folds a whole history from nothing.
func Fold(entries []Entry) (Progress, error) {
	var p Progress
	for i, e := range entries {
		next, err := p.Apply(e)
		if err != nil {
			return p, fmt.Errorf("entry %d: %w", i+1, err)
		}
		p = next
	}
	return p, nil
}

// Clone shares no memory with p.
func (p Progress) Clone() Progress {
	if p.Halt != nil {
		halt := *p.Halt
		p.Halt = &halt
	}
	if p.Asked != nil {
		asked := *p.Asked
		p.Asked = &asked
	}
	if p.Cycle != nil {
		c := *p.Cycle
		if c.Intent != nil {
			intent := *c.Intent
			c.Intent = &intent
		}
		c.Consumers = slices.Clone(c.Consumers)
		c.Before = slices.Clone(c.Before)
		c.Pushed, c.Missed, c.Probed = maps.Clone(c.Pushed), maps.Clone(c.Missed), maps.Clone(c.Probed)
		c.Taking = maps.Clone(c.Taking)
		c.Restored, c.Unrestored = slices.Clone(c.Restored), slices.Clone(c.Unrestored)
		p.Cycle = &c
	}
	return p
}

func (p *Progress) adopt(e Entry) {
	p.UserID, p.ARN = e.UserID, e.ARN
	p.Current, p.Created = e.Key, e.Created
	p.Phase, p.Cycle, p.Halt, p.Suspect = PhaseIdle, nil, nil, time.Time{}
}

func (p *Progress) open(e Entry) error {
	if e.Opening == nil {
		return fmt.Errorf("fold the opening of nothing: %w", ErrUnreadable)
	}
	p.Number++
	p.Cycle = &Cycle{Number: p.Number, Opening: *e.Opening, Request: e.Request, Opened: e.At}
	p.Cycle.Consumers = slices.Clone(e.Opening.Consumers)
	p.Phase, p.Since, p.Halt, p.Suspect = e.Opening.Phase, e.At, nil, time.Time{}
	if e.UserID != "" {
		p.UserID, p.ARN = e.UserID, e.ARN
	}
	if p.Current == "" {
		p.Current = e.Opening.Retire
	}
	switch e.Opening.Phase {
	case PhaseOverlap:
		p.Cycle.Verified = e.Date
	case PhaseTrial:
		p.Cycle.Inactive, p.Cycle.UseAtCut = e.Date, e.Date
	default:
	}
	return nil
}

func (p *Progress) intend(e Entry) error {
	if e.Verb == VerbPush || e.Verb == VerbStage {
		p.write(e.Consumer)
	}
	if p.Cycle == nil && e.Verb == VerbPush { // a repair at rest leaves nothing open
		return nil
	}
	if p.Cycle == nil {
		return fmt.Errorf("fold intent of %s outside a cycle: %w", e.Verb, ErrUnreadable)
	}
	c := p.Cycle
	c.Intent = &Intent{Verb: e.Verb, Key: e.Key, Consumer: e.Consumer, Reason: e.Reason}
	switch e.Verb {
	case VerbCreate:
		p.Phase = PhaseCreating
		p.Since = e.At
		c.Before, c.Intended = slices.Clone(e.Before), e.Date
	case VerbPush:
		c.Touched = true
		p.unverify(e)
	case VerbStage:
		c.Touched = true
	case VerbDeactivate:
		p.Phase = PhaseDeactivating
	case VerbDelete:
		p.Phase = PhaseDeleting
	case VerbReload, VerbRestore, VerbReactivate, VerbDiscard:
	default:
		return fmt.Errorf("fold intent of %q: %w", e.Verb, ErrUnreadable)
	}
	return nil
}

// unverify voids what was known of a consumer whose store is about to be
// repaired: if the write's outcome is lost, the graces must start again all the
// same, because the store held something else until now.
func (p *Progress) unverify(e Entry) {
	c := p.Cycle
	if c.Pushed[e.Consumer].IsZero() {
		return
	}
	c.take(e.Consumer, func(t *Taking) { *t = t.again() })
	delete(c.Probed, e.Consumer)
	c.Adopted = time.Time{}
	switch p.Phase {
	case PhaseOverlap, PhaseDeactivating:
		delete(c.Pushed, e.Consumer)
		p.Phase, c.Verified = PhasePropagating, time.Time{}
	case PhaseTrial, PhaseDeleting:
		p.Phase, p.Since, c.Inactive = PhaseTrial, e.At, e.Date
	default:
	}
}

// Wrote reports whether the program has written a consumer's store, or was about
// to, by the consumer's name.
func (p Progress) Wrote(consumer string) bool {
	_, found := slices.BinarySearch(p.Written, consumer)
	return found
}

// write records that the program has written a consumer's store, or is about to.
func (p *Progress) write(consumer string) {
	if i, found := slices.BinarySearch(p.Written, consumer); !found {
		p.Written = slices.Insert(slices.Clone(p.Written), i, consumer)
	}
}

func (p *Progress) failed(e Entry) {
	if e.Reason == ReasonStoreForeign && (e.Verb == VerbPush || e.Verb == VerbStage) {
		// What is there was made by somebody else: the intent was not to be.
		p.Written = slices.DeleteFunc(slices.Clone(p.Written), func(name string) bool { return name == e.Consumer })
	}
	c := p.Cycle
	if c == nil {
		return
	}
	switch e.Verb {
	case VerbCreate:
		if e.Kind == KindUnclear {
			return // a key may exist: the intent stays open
		}
		c.Intent = nil
		if !c.CutFirst {
			p.Phase, p.Cycle = PhaseIdle, nil
			if p.Current == "" {
				p.Phase = PhaseUnseen
			}
		}
		return
	case VerbProve:
		c.Signed, c.SignedFrom, c.SignedLast = 0, time.Time{}, time.Time{}
	case VerbStage, VerbPush, VerbReload, VerbRestore:
		c.miss(e.Consumer)
	case VerbProbe:
		c.ProbeFailed = e.Consumer
		c.miss(e.Consumer)
		c.take(e.Consumer, func(t *Taking) { t.Passed, t.ProbedAt = 0, e.At })
		if p.Phase == PhasePropagating {
			delete(c.Probed, e.Consumer)
		}
	case VerbReactivate:
		if e.Reason != ReasonKeyGone {
			return // somebody misses the key: the intent has it tried again at once
		}
	case VerbDeactivate, VerbDelete:
		if e.Kind == KindUnclear {
			return
		}
		p.withdraw()
	default:
	}
	c.Intent = nil
}

func (c *Cycle) miss(consumer string) {
	if c.Missed == nil {
		c.Missed = map[string]int{}
	}
	c.Missed[consumer]++
}

// withdraw goes back from an intended cut or delete that surely did not happen.
func (p *Progress) withdraw() {
	p.Cycle.Intent = nil
	switch p.Phase {
	case PhaseDeactivating:
		p.Phase = PhaseOverlap
	case PhaseDeleting:
		p.Phase = PhaseTrial
	default:
	}
}

// restartOverlap has every consumer verified again and the graces start anew.
func (p *Progress) restartOverlap(e Entry) {
	c := p.Cycle
	p.Phase, p.Since = PhasePropagating, e.At
	c.Intent, c.Pushed, c.Probed, c.Verified = nil, nil, nil, time.Time{}
	c.Inactive, c.UseAtCut = time.Time{}, time.Time{}
	c.takeAgain()
}

// takeAgain has every consumer reloaded and probed again.
func (c *Cycle) takeAgain() {
	c.StagedAt, c.Adopted = time.Time{}, time.Time{}
	for name, t := range c.Taking {
		c.Taking[name] = t.again()
	}
}

// repin takes the consumers of the present configuration into the cycle. One
// that is new must be pushed and restarts the overlap.
func (p *Progress) repin(consumers []Pinned) {
	c := p.Cycle
	c.Consumers = slices.Clone(consumers)
	if c.Purpose != PurposeRotation && c.Purpose != PurposeBootstrap {
		return
	}
	if (p.Phase == PhaseOverlap || p.Phase == PhaseDeactivating) && !c.served() {
		p.Phase, c.Intent, c.Verified = PhasePropagating, nil, time.Time{}
	}
}
