package rotator_test

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

func TestAnEmergencyWaivesTheGracesAndKeepsTheTrial(t *testing.T) {
	s := stageYoung(t, "both").instantly()
	s.untilWaiting(rotator.ReasonNotDue)
	asked := s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true, Why: "leaked"})
	s.untilPhase(rotator.PhaseTrial)
	cut := s.done(rotator.VerbDeactivate)
	if took := cut.At.Sub(asked.At); took > 5*time.Minute {
		t.Errorf("the leaked key was cut after %s", took)
	}
	if proved := len(s.entries(rotator.KindDone, rotator.VerbProve)); proved < s.w.Policy.Verify.Successes {
		t.Errorf("the new key was proven %d times", proved)
	}
	s.w.Uses(oldKey) // whoever holds the leaked key tries it
	s.w.Look()
	s.untilClosed(newKey)
	if trial := s.done(rotator.VerbDelete).Date.Sub(cut.Date); trial < s.w.Policy.Trial {
		t.Errorf("the trial was %s", trial)
	}
	s.never(rotator.VerbReactivate)
	for _, e := range append(s.entries(rotator.KindIntent, rotator.VerbDeactivate), s.entries(rotator.KindOpened, rotator.VerbCreate)...) {
		if e.Request != asked.Request || e.Reason != rotator.ReasonEmergency {
			t.Errorf("%s %s names request %d and reason %s, want %d and emergency", e.Kind, e.Verb, e.Request, e.Reason, asked.Request)
		}
	}
}

func TestAnEmergencyStillNeedsEveryStoreAndTheNewKeyToWork(t *testing.T) {
	s := stageYoung(t, "both").instantly()
	broken := &flaky{name: "blind", down: true}
	s.w.Tune = broken.tune
	s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true})
	s.forLong(24*time.Hour, "the old key is untouched", func() bool { return s.status(oldKey) == rotator.Active })
	s.never(rotator.VerbDeactivate)
	broken.down = false
	s.untilClosed(newKey)
}

func TestCuttingFirstCutsBeforeItCreates(t *testing.T) {
	s := stageYoung(t, "both").instantly()
	s.w.Broken[oldKey] = true // the operator answers for who breaks
	asked := s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true, CutFirst: true})
	s.untilClosed(newKey)
	cut, made, gone := s.done(rotator.VerbDeactivate), s.done(rotator.VerbCreate), s.done(rotator.VerbDelete)
	if made.At.Before(cut.At) {
		t.Errorf("the new key was made at %s, the old one cut at %s", made.At, cut.At)
	}
	if trial := gone.Date.Sub(cut.Date); trial < s.w.Policy.Trial {
		t.Errorf("the trial was %s", trial)
	}
	if intent := s.entries(rotator.KindIntent, rotator.VerbDeactivate)[0]; intent.Request != asked.Request {
		t.Errorf("the cut names request %d, want %d", intent.Request, asked.Request)
	}
}

func TestAnEmergencyHurriesACycleUnderWay(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both").instantly()
			s.untilPhase(phase)
			asked := s.ask(rotator.Request{Verb: rotator.RequestRotate, Emergency: true})
			if asked.Verb != rotator.VerbHurry {
				t.Fatalf("the request ended as %s %s", asked.Verb, asked.Detail)
			}
			s.untilPhase(rotator.PhaseTrial)
			if took := s.done(rotator.VerbDeactivate).At.Sub(asked.At); took > 5*time.Minute {
				t.Errorf("the leaked key was cut after %s", took)
			}
			if intent := s.entries(rotator.KindIntent, rotator.VerbDeactivate)[0]; intent.Request != asked.Request {
				t.Errorf("the cut names request %d, want %d", intent.Request, asked.Request)
			}
			s.untilClosed(newKey)
		})
	}
}

func TestASecondRotationIsRefusedWhileOneIsUnderWay(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseOverlap)
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestRotate}), "a cycle is open already")
	s.untilClosed(newKey)
}

func TestARotationOnRequestKeepsItsGraces(t *testing.T) {
	s := stageYoung(t, "both")
	s.untilWaiting(rotator.ReasonNotDue)
	asked := s.ask(rotator.Request{Verb: rotator.RequestRotate})
	s.untilClosed(newKey)
	if overlap := s.done(rotator.VerbDeactivate).At.Sub(asked.At); overlap < s.w.Policy.Overlap {
		t.Errorf("the old key was cut %s after the request", overlap)
	}
}
