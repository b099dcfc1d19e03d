package rotator_test

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

var openPhases = []rotator.Phase{
	rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap, rotator.PhaseTrial,
}

func TestAUserTakenOutMidCycleHaltsAndGoesOnWhenItIsBack(t *testing.T) {
	for _, phase := range openPhases {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			s.w.Absent = true
			keys := len(s.w.Keys)
			s.w.Look()
			s.untilHalted(rotator.ReasonUnconfigured)
			s.ask(rotator.Request{Verb: rotator.RequestResume}) // too early
			s.untilHalted(rotator.ReasonUnconfigured)
			if len(s.w.Keys) != keys {
				t.Error("a key of a user who is not configured was touched")
			}
			s.w.Absent = false
			s.ask(rotator.Request{Verb: rotator.RequestResume})
			s.untilClosed(newKey)
		})
	}
}

func TestAnIdleUserTakenOutIsLeftAlone(t *testing.T) {
	s := stageYoung(t, "both")
	s.untilWaiting(rotator.ReasonNotDue)
	s.w.Absent = true
	s.w.Look()
	if row := s.w.Row(); row.Waiting != rotator.ReasonUnmanaged || row.Progress.Halt != nil {
		t.Errorf("it waits for %s", row.Waiting)
	}
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestRotate}), "not in the configuration")
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey}), "not in the configuration")
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: oldKey}), "not in the configuration")
}

// join adds a consumer that still has the old key, as a configuration does that
// names one more place.
func join(w *rotatortest.World, p rotatortest.Place) {
	first := w.Places[0]
	p.Held, p.Reader, p.Since = first.Held, first.Reader, w.Now
	if first.Prior.KeyID() == string(oldKey) {
		p.Held, p.Reader = first.Prior, first.Prior
	}
	w.Places = append(w.Places, p)
}

func TestAConsumerAddedMidCycleIsPushedAndHasItsOverlap(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap} {
		for _, readable := range []bool{true, false} {
			t.Run("in phase "+string(phase), func(t *testing.T) {
				s := stage(t, "both")
				s.untilPhase(phase)
				s.w.AdvanceTo(s.w.Now.Add(3 * time.Hour))
				join(s.w, rotatortest.Place{Name: "late", Readable: readable, Owner: rotatortest.User.String(), Refreshes: time.Hour})
				joined := s.w.Now
				s.untilClosed(newKey)
				if overlap := s.done(rotator.VerbDeactivate).At.Sub(joined); overlap < s.w.Policy.Overlap {
					t.Errorf("the old key was cut %s after the consumer joined", overlap)
				}
			})
		}
	}
}

func TestAConsumerAddedInTheTrialIsPushedAtOnce(t *testing.T) {
	for _, readable := range []bool{true, false} {
		s := stage(t, "both")
		s.untilPhase(rotator.PhaseTrial)
		s.w.Broken[oldKey] = true // whoever added it so late broke it
		join(s.w, rotatortest.Place{Name: "late", Readable: readable, Owner: rotatortest.User.String(), Refreshes: time.Minute})
		s.w.Look()
		joined := s.w.Now
		s.until("the consumer has the new key", func() bool { return rotator.KeyID(s.w.Places[2].Held.KeyID()) == newKey })
		if took := s.w.Now.Sub(joined); took > time.Minute {
			t.Errorf("readable %v: the consumer stood still for %s", readable, took)
		}
		s.untilClosed(newKey)
	}
}

func TestARequiredConsumerTakenOutMidCycleHalts(t *testing.T) {
	for _, phase := range openPhases {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			blind := s.w.Places[1]
			s.w.Places = s.w.Places[:1]
			s.w.Look()
			s.untilHalted(rotator.ReasonConsumerRemoved)
			if halt := s.w.Progress().Halt; halt.Detail != "fake:"+blind.Name {
				t.Errorf("the halt names %q", halt.Detail)
			}
			s.ask(rotator.Request{Verb: rotator.RequestResume})
			s.untilClosed(newKey)
		})
	}
}

func TestAnOptionalConsumerMayComeAndGo(t *testing.T) {
	s := stage(t, "both")
	extra := true
	s.w.Tune = func(w *rotatortest.World, target *rotator.Target) {
		target.Consumers[1].Required = false
		if !extra {
			target.Consumers = target.Consumers[:1]
		}
	}
	s.untilPhase(rotator.PhaseOverlap)
	s.w.Step()
	if rotator.KeyID(s.w.Places[1].Held.KeyID()) != newKey {
		t.Error("the optional consumer was not pushed")
	}
	extra = false
	s.untilClosed(newKey)
}

func TestTheFirstKeyOfTheYearIsGoneByItsMaximumAge(t *testing.T) {
	hour, day := time.Hour, 24*time.Hour
	quorum := rotator.Quorum{Successes: 3, Over: time.Minute, Limit: 15 * time.Minute}
	policies := []rotator.Policy{
		{MaxAge: 90 * day, Overlap: day, Quiet: day, Trial: 7 * day, Settle: 10 * time.Minute, Jitter: 6 * hour},
		{MaxAge: 30 * day, Overlap: 4 * hour, Quiet: 3 * day, Trial: day, Settle: time.Minute},
		{MaxAge: 10 * day, Overlap: 3 * day, Quiet: hour, Trial: 2 * day, Jitter: day},
		{MaxAge: 2 * day, Quiet: 2 * hour, Trial: hour, Settle: 10 * time.Minute},
		{MaxAge: 7 * day, Overlap: hour, Quiet: 12 * hour, Trial: day, WindowGap: 2 * day},
	}
	for _, policy := range policies {
		policy.Verify, policy.PushLimit, policy.LastUsedLag = quorum, 15*time.Minute, 5*hour
		for _, reread := range []time.Duration{0, time.Hour, 12 * time.Hour} {
			w := rotatortest.New(policy, places("both")...)
			w.Places[1].Refreshes = reread
			refreshes := max(reread, w.Places[0].Refreshes)
			w.Keys[0].Created = w.Now.Add(time.Hour).Add(w.Now.Sub(policy.Start(rotatortest.User, w.Now, []rotator.Pinned{{Required: true, Refreshes: refreshes}})))
			deadline := w.Keys[0].Created.Add(policy.MaxAge)
			s := open(t, w)
			if policy.WindowGap > 0 {
				s.w.Tune = (&gaps{every: policy.WindowGap}).tune
			}
			s.untilClosed(newKey)
			if s.w.Now.After(deadline) {
				t.Errorf("%+v, consumers that read again every %s: the old key was gone %s late", policy, reread, s.w.Now.Sub(deadline))
			}
		}
	}
}

// gaps is a calendar that opens for an hour, so long apart.
type gaps struct{ every time.Duration }

func (g *gaps) Open(t time.Time) bool { return t.Sub(t.Truncate(g.every)) < time.Hour }
func (g *gaps) Frozen(time.Time) bool { return false }
func (g *gaps) NextOpen(t time.Time) (time.Time, bool) {
	return t.Truncate(g.every).Add(g.every), true
}

func (g *gaps) tune(_ *rotatortest.World, t *rotator.Target) { t.Calendar = g }
