package rotator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// turningPoints are the moments at which an operator may roll back.
var turningPoints = []struct {
	name    string
	reach   func(*scene)
	touched bool // a store held the new key
}{
	{"proving", func(s *scene) { s.untilPhase(rotator.PhaseProving) }, false},
	{"propagating, before any store", func(s *scene) { s.untilPhase(rotator.PhasePropagating) }, false},
	{"propagating, after the first store", func(s *scene) {
		s.until("a store has it", func() bool { return len(s.entries(rotator.KindDone, rotator.VerbPush)) == 1 })
	}, true},
	{"overlap", func(s *scene) { s.untilPhase(rotator.PhaseOverlap) }, true},
	{"before the cut is sent", func(s *scene) { s.faultAt("!deactivate", rotatortest.CrashBefore) }, true},
	{"after the cut was sent", func(s *scene) { s.faultAt("!deactivate", rotatortest.CrashAfter) }, true},
	{"trial", func(s *scene) { s.untilPhase(rotator.PhaseTrial) }, true},
	{"before the delete is sent", func(s *scene) { s.faultAt("!delete", rotatortest.CrashBefore) }, true},
}

// rolledBack is a scene whose cycle was rolled back at the turning point.
func rolledBack(t *testing.T, kind string, reach func(*scene)) *scene {
	t.Helper()
	s := stage(t, kind)
	reach(s)
	if asked := s.ask(rotator.Request{Verb: rotator.RequestRollback}); asked.Verb != rotator.VerbTurn {
		t.Fatalf("the request ended as %s %s", asked.Verb, asked.Detail)
	}
	s.untilHalted(rotator.ReasonRolledBack)
	return s
}

func TestRollbackPutsTheOldKeyBackEverywhere(t *testing.T) {
	for _, at := range turningPoints {
		for _, kind := range []string{"readable", "both"} {
			t.Run(at.name+", "+kind, func(t *testing.T) {
				s := rolledBack(t, kind, at.reach)
				if !s.bothActive() {
					t.Error("after the way back both keys must be Active")
				}
				for _, p := range s.w.Places {
					if rotator.KeyID(p.Held.KeyID()) != oldKey {
						t.Errorf("%s holds %s", p.Name, p.Held.KeyID())
					}
				}
				if detail := s.w.Progress().Halt.Detail; detail != "" {
					t.Errorf("the halt says %q", detail)
				}
			})
		}
	}
}

func TestRollbackNamesTheStoresWhoseOldSecretIsNotToBeHad(t *testing.T) {
	s := rolledBack(t, "blind", func(s *scene) { s.untilPhase(rotator.PhaseTrial) })
	if !s.bothActive() {
		t.Error("the new key must stay Active while a store holds it")
	}
	if detail := s.w.Progress().Halt.Detail; !strings.Contains(detail, "fake:blind") {
		t.Errorf("the halt does not name the store: %q", detail)
	}
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: newKey}), "these still hold it: fake:blind")
	s.ask(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
}

func TestAfterARollbackResumeGoesForwardAgain(t *testing.T) {
	for _, at := range turningPoints {
		for _, kind := range []string{"readable", "both"} {
			t.Run(at.name+", "+kind, func(t *testing.T) {
				s := rolledBack(t, kind, at.reach)
				before := len(s.entries(rotator.KindDone, rotator.VerbProve))
				s.ask(rotator.Request{Verb: rotator.RequestResume})
				s.untilClosed(newKey)
				if again := len(s.entries(rotator.KindDone, rotator.VerbProve)) - before; again < s.w.Policy.Verify.Successes {
					t.Errorf("the new key was proven %d times again", again)
				}
			})
		}
	}
}

func TestAfterARollbackTheNewKeyMayBeEvicted(t *testing.T) {
	for _, at := range turningPoints {
		for _, kind := range []string{"readable", "both"} {
			t.Run(at.name+", "+kind, func(t *testing.T) {
				s := rolledBack(t, kind, at.reach)
				s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})
				s.untilClosed(oldKey)
			})
		}
	}
}

func TestRollbackGoesOnOverACrash(t *testing.T) {
	for _, call := range []string{"!activate", "!put record", "!put blind"} {
		for _, fault := range []rotatortest.Fault{rotatortest.Refuse, rotatortest.Lose, rotatortest.CrashBefore, rotatortest.CrashAfter} {
			t.Run(fault.String()+" "+call, func(t *testing.T) {
				s := stage(t, "both")
				s.untilPhase(rotator.PhaseTrial)
				s.ask(rotator.Request{Verb: rotator.RequestRollback})
				s.faultAt(call, fault)
				s.untilHalted(rotator.ReasonRolledBack)
				if !s.bothActive() || slices.ContainsFunc(s.w.Places, func(p rotatortest.Place) bool { return rotator.KeyID(p.Held.KeyID()) != oldKey }) {
					t.Error("the old key is not back everywhere")
				}
			})
		}
	}
}

func TestRollbackIsRefusedWhenThereIsNothingToGoBackTo(t *testing.T) {
	t.Run("no cycle is open", func(t *testing.T) {
		s := stageYoung(t, "both")
		s.untilWaiting(rotator.ReasonNotDue)
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestRollback}), "no cycle is open")
	})
	t.Run("the cycle has just closed", func(t *testing.T) {
		s := stage(t, "both")
		s.untilClosed(newKey)
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestRollback}), "no cycle is open")
	})
	t.Run("the create has no answer yet", func(t *testing.T) {
		s := stage(t, "both")
		s.faultAt("!create", rotatortest.Lose)
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestRollback}), "no new key is in use yet")
	})
	t.Run("it is on its way back already", func(t *testing.T) {
		s := rolledBack(t, "both", func(s *scene) { s.untilPhase(rotator.PhaseTrial) })
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestRollback}), "on its way back already")
	})
	t.Run("the cycle retires an evicted key", func(t *testing.T) {
		s := rolledBack(t, "both", func(s *scene) { s.untilPhase(rotator.PhaseTrial) })
		s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestRollback}), "no old key to go back to")
	})
	t.Run("the old key is gone", func(t *testing.T) {
		s := stage(t, "both")
		s.untilPhase(rotator.PhaseTrial)
		s.w.PersonDeletes(oldKey)
		s.ask(rotator.Request{Verb: rotator.RequestRollback})
		s.untilHalted(rotator.ReasonOldKeyGone)
		s.ask(rotator.Request{Verb: rotator.RequestResume})
		s.untilClosed(newKey)
	})
}
