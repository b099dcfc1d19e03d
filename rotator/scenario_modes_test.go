package rotator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

func TestAPausedUserIsLeftAloneUntilItIsResumed(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseIdle, rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			s.ask(rotator.Request{Verb: rotator.RequestPause})
			before := effects(s)
			s.forLong(10*24*time.Hour, "nothing is tried", func() bool { return effects(s) == before })
			if row := s.w.Row(); row.Waiting != rotator.ReasonPaused {
				t.Errorf("it waits for %s", row.Waiting)
			}
			s.ask(rotator.Request{Verb: rotator.RequestResume})
			s.untilClosed(newKey)
		})
	}
}

func effects(s *scene) (n int) {
	for _, e := range s.w.Entries() {
		if e.Kind == rotator.KindIntent || e.Kind == rotator.KindDone {
			n++
		}
	}
	return n
}

func TestAPausedUserMayStillBeRolledBack(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseTrial)
	s.ask(rotator.Request{Verb: rotator.RequestPause})
	s.ask(rotator.Request{Verb: rotator.RequestRollback})
	s.untilHalted(rotator.ReasonRolledBack)
	if !s.bothActive() || rotator.KeyID(s.w.Places[0].Held.KeyID()) != oldKey {
		t.Error("the old key is not back in use")
	}
}

func TestAPauseOfAllHoldsEveryUser(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseOverlap)
	s.w.AsksAll(rotator.RequestPause)
	before := effects(s)
	s.forLong(10*24*time.Hour, "nothing is tried", func() bool { return effects(s) == before })
	if row := s.w.Row(); row.Waiting != rotator.ReasonPausedAll {
		t.Errorf("it waits for %s", row.Waiting)
	}
	s.w.AsksAll(rotator.RequestResume)
	s.w.Look()
	s.untilClosed(newKey)
}

// haltOthers halts so many other users of the fleet, whose IAM has no key.
func haltOthers(s *scene, n int, breaker rotator.Breaker) {
	s.Helper()
	fleet := &rotator.Fleet{Targets: map[rotator.User]rotator.Target{}, Breaker: breaker}
	now := s.w.Now
	empty := rotatortest.NewWithoutKey(searchPolicy(), places("blind")...)
	for i := range n {
		user := rotator.User{Account: "acct", Name: fmt.Sprintf("other-%d", i)}
		target := empty.Target()
		target.User = user
		fleet.Targets[user] = target
	}
	r, err := rotator.New(rotator.Deps{Journal: s.w.Journal, Sealer: rotatortest.Sealer{}}, fleet,
		rotator.Options{Owner: "owner", Now: func() time.Time { return now }})
	if err != nil {
		s.Fatal(err)
	}
	for range 3 {
		empty.Now = now
		for user := range fleet.Targets {
			if _, err := r.Step(context.Background(), user, true); err != nil {
				s.Fatal(err)
			}
		}
		now = now.Add(15 * time.Minute)
	}
	s.w.AdvanceTo(now)
}

func TestTheBreakerStopsNewKeysAndCutsOfEverybodyUntilResume(t *testing.T) {
	breaker := rotator.Breaker{Failures: 3, Within: 24 * time.Hour}
	tripped := func(s *scene) bool {
		global, err := s.w.Journal.Global(t.Context())
		if err != nil {
			s.Fatal(err)
		}
		return global.Tripped
	}
	t.Run("two halts do not trip it", func(t *testing.T) {
		s := stage(t, "both")
		s.untilPhase(rotator.PhaseIdle)
		haltOthers(s, 2, breaker)
		if tripped(s) {
			t.Error("the breaker is open")
		}
		s.untilClosed(newKey)
	})
	for _, held := range []struct {
		phase rotator.Phase
		verb  rotator.Verb
	}{
		{rotator.PhaseIdle, rotator.VerbCreate}, {rotator.PhasePropagating, rotator.VerbDeactivate},
		{rotator.PhaseOverlap, rotator.VerbDeactivate}, {rotator.PhaseTrial, rotator.VerbDelete},
	} {
		t.Run("the third holds "+string(held.verb)+" in phase "+string(held.phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(held.phase)
			haltOthers(s, 3, breaker)
			if !tripped(s) {
				t.Fatal("the breaker is not open")
			}
			s.untilWaiting(rotator.ReasonBreaker)
			s.forLong(10*24*time.Hour, "no key changes", func() bool { return s.w.Row().Waiting == rotator.ReasonBreaker })
			s.never(held.verb)
			s.w.AsksAll(rotator.RequestResume)
			if tripped(s) {
				t.Error("resume left the breaker open")
			}
			s.w.Look()
			s.untilClosed(newKey)
		})
	}
}

// hours is a calendar that a scene opens and shuts.
type hours struct{ shut, frozen bool }

func (h *hours) Open(time.Time) bool   { return !h.shut }
func (h *hours) Frozen(time.Time) bool { return h.frozen }
func (h *hours) NextOpen(t time.Time) (time.Time, bool) {
	return t.Add(6 * time.Hour), true
}

func (h *hours) tune(_ *rotatortest.World, t *rotator.Target) { t.Calendar = h }

func TestWindowsAndFreezesHoldOnlyCreateCutAndDelete(t *testing.T) {
	for _, reason := range []rotator.Reason{rotator.ReasonOutsideWindow, rotator.ReasonFrozen} {
		t.Run(string(reason), func(t *testing.T) {
			s := stage(t, "both")
			calendar := &hours{shut: true, frozen: reason == rotator.ReasonFrozen}
			s.w.Tune = calendar.tune
			for _, verb := range []rotator.Verb{rotator.VerbCreate, rotator.VerbDeactivate, rotator.VerbDelete} {
				s.untilWaiting(reason)
				s.forLong(3*24*time.Hour, "it waits for the calendar", func() bool { return s.w.Row().Waiting == reason })
				if row := s.w.Row(); row.Detail != string(verb) || row.Due.Sub(s.w.Now) > 6*time.Hour {
					t.Errorf("held is %s until %s, want %s", row.Detail, row.Due, verb)
				}
				s.never(verb)
				calendar.shut = false
				s.until(string(verb)+" is done", func() bool { return len(s.entries(rotator.KindDone, verb)) == 1 })
				calendar.shut = true
			}
			s.untilClosed(newKey)
		})
	}
}

func TestAShutWindowHoldsNoWayBack(t *testing.T) {
	calendar := &hours{}
	t.Run("reactivation", func(t *testing.T) {
		s := stage(t, "both")
		s.w.Tune = calendar.tune
		s.untilPhase(rotator.PhaseTrial)
		calendar.shut = true
		s.w.Uses(oldKey)
		s.w.Look()
		if !s.bothActive() {
			t.Error("the used key is not Active again")
		}
	})
	t.Run("rollback", func(t *testing.T) {
		calendar.shut = false
		s := stage(t, "both")
		s.w.Tune = calendar.tune
		s.untilPhase(rotator.PhaseTrial)
		calendar.shut = true
		s.ask(rotator.Request{Verb: rotator.RequestRollback})
		s.untilHalted(rotator.ReasonRolledBack)
	})
}

func TestAnEmergencyDoesNotWaitForAWindow(t *testing.T) {
	s := stageYoung(t, "both").instantly()
	calendar := &hours{shut: true}
	s.w.Tune = calendar.tune
	s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true})
	s.untilClosed(newKey)
}

func TestObserveOnlyTouchesNothing(t *testing.T) {
	s := stage(t, "both")
	observing := true
	s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.ObserveOnly = observing }
	s.untilWaiting(rotator.ReasonObserveOnly)
	s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true, CutFirst: true})
	s.w.Look()
	if effects(s) > 0 || len(s.w.Keys) != 1 || s.status(oldKey) != rotator.Active {
		t.Error("something was changed")
	}
	if s.w.Progress().Current != oldKey {
		t.Error("the user was not adopted")
	}
	s.w.Broken[oldKey] = true
	observing = false
	s.w.Look()
	s.untilClosed(newKey)
}

func TestNoDeleteKeepsTheOldKeyInactive(t *testing.T) {
	s := stage(t, "both")
	keep := true
	s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.NoDelete = keep }
	s.untilWaiting(rotator.ReasonNoDelete)
	s.forLong(90*24*time.Hour, "the old key is Inactive", func() bool { return s.status(oldKey) == rotator.Inactive })
	s.never(rotator.VerbDelete)
	keep = false
	s.w.Look()
	s.untilClosed(newKey)
}
