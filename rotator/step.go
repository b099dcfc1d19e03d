package rotator

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// step is one step of one user under way.
type step struct {
	r       *Rotator
	fleet   *Fleet // as it was when the step began
	user    User
	row     Row
	target  Target
	modes   Modes
	state   State
	sight   sight
	tally   *Tally
	claimed time.Time // when the claim was asked for, on the local clock
}

// mostLooks bounds how often one step looks; a look may show that one more
// thing must be known, never more than that.
const mostLooks = 3

// policy is the pinned one in a cycle.
func (s *step) policy() Policy {
	if c := s.row.Progress.Cycle; c != nil {
		return c.Policy
	}
	return s.target.Policy
}

// decide asks Decide, looking at the world as often as it wants.
func (s *step) decide(ctx context.Context) Decision {
	ctx = WithTally(ctx, s.tally)
	for range mostLooks {
		now := s.r.now()
		d := Guard(now, s.modes, s.state, Decide(now, s.target.Policy, s.state))
		if d.Verb != VerbObserve {
			return d
		}
		s.observe(ctx, d.Needs)
	}
	return retry(Trouble{ReasonUnavailable, "the world could not be seen whole"})
}

// rest is how much of the lease is left, by the clock that says less. The
// monotonic clock does not see a virtual machine that was suspended, the wall
// clock may have been set back.
func (s *step) rest() time.Duration {
	now := s.r.now()
	return s.r.opts.Lease - max(now.Sub(s.claimed), now.Round(0).Sub(s.claimed.Round(0)))
}

// limit is how long a call may take at most.
func (s *step) limit() time.Duration {
	if planted(plantNoFence) {
		return s.r.opts.Lease
	}
	return s.rest()
}

// fence refuses once the lease may be over. It is asked after signing and
// before sending.
func (s *step) fence() error {
	if rest := s.rest(); rest <= 0 && !planted(plantNoFence) {
		return fmt.Errorf("%w: the lease ended %s ago", ErrFenced, -rest)
	}
	return nil
}

// save folds the entries into the row and writes both, with the calls made
// since the entry before. Nothing may be done after it failed.
func (s *step) save(ctx context.Context, change Change, entries ...Entry) error {
	next := s.row
	for i := range entries {
		e := &entries[i]
		if e.At.IsZero() {
			e.At = s.r.now()
		}
		if c := next.Progress.Cycle; c != nil {
			e.Cycle = c.Number
		}
		if i == 0 {
			e.Calls = merge(next.Calls, s.takeCalls())
			next.Calls = nil
		}
		progress, err := next.Progress.Apply(*e)
		if err != nil {
			return fmt.Errorf("fold %s %s: %w", e.Kind, e.Verb, err)
		}
		if e.Cycle == 0 && progress.Cycle != nil {
			e.Cycle = progress.Cycle.Number
		}
		next.Progress = progress
	}
	next.Calls = merge(next.Calls, s.takeCalls())
	change.Entries = entries
	if planted(plantNoIntent) && len(entries) > 0 && entries[len(entries)-1].Kind == KindIntent {
		s.row.Progress, s.state.Progress = next.Progress, next.Progress
		return nil
	}
	// A shutdown does not tear a record off what happened already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.r.opts.EffectLimit)
	defer cancel()
	saved, err := s.r.deps.Journal.Save(ctx, next, change)
	if err != nil {
		return fmt.Errorf("save the journal: %w", err)
	}
	s.row, s.state.Progress = saved, saved.Progress
	for _, e := range entries {
		s.r.deps.Observer.Observe(ctx, Event{Kind: EventEntry, At: e.At, User: s.user, Progress: saved.Progress, Entry: e})
	}
	return nil
}

// takeCalls empties the step's tally.
func (s *step) takeCalls() map[string]int {
	calls := s.tally.Calls()
	s.tally = &Tally{}
	return calls
}

func merge(a, b map[string]int) map[string]int {
	if len(a) == 0 {
		return b
	}
	sum := maps.Clone(a)
	for k, n := range b {
		sum[k] += n
	}
	return sum
}

// finish saves the outcome of a step and gives the claim up. The user is due
// again at once unless the step says otherwise.
func (s *step) finish(ctx context.Context, change Change, entries ...Entry) error {
	change.Release = true
	if len(entries) > 0 && s.row.Waiting != "" {
		s.row.Waiting, s.row.Detail = "", ""
	}
	return s.save(ctx, change, entries...)
}

// succeed ends a step whose decision was carried out.
func (s *step) succeed(ctx context.Context, change Change, entries ...Entry) error {
	s.row.Attempts, s.row.Due = 0, s.r.now()
	return s.finish(ctx, change, entries...)
}

// fail ends a step whose effect failed: the next try waits longer each time.
func (s *step) fail(ctx context.Context, t Trouble, entries ...Entry) error {
	s.row.Attempts++
	s.row.Due = s.r.now().Add(s.r.backoff(s.user, s.row.Attempts))
	s.row.Waiting, s.row.Detail = t.Reason, t.Detail
	change := Change{Release: true}
	return s.save(ctx, change, entries...)
}

// wait ends a step that has nothing to do yet.
func (s *step) wait(ctx context.Context, d Decision) error {
	changed := s.row.Waiting != d.Reason || s.row.Detail != d.Detail
	s.row.Waiting, s.row.Detail, s.row.Due = d.Reason, d.Detail, d.Until
	if d.Backoff {
		s.row.Attempts++
		s.row.Due = s.r.now().Add(s.r.backoff(s.user, s.row.Attempts))
	} else {
		s.row.Attempts = 0
	}
	if err := s.save(ctx, Change{Release: true}); err != nil {
		return err
	}
	if changed {
		s.r.deps.Observer.Observe(ctx, Event{Kind: EventWaiting, At: s.r.now(), User: s.user, Progress: s.row.Progress, Decision: d})
	}
	return nil
}

// detached is the context of a started effect: a shutdown does not end it, its
// time limit, the fence and the end of the lease do.
func (s *step) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = WithFence(WithTally(context.WithoutCancel(ctx), s.tally), s.fence)
	return context.WithTimeout(ctx, min(s.r.opts.EffectLimit, s.limit()))
}
