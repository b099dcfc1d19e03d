package rotator_test

import (
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

func TestASecondKeyAtFirstSightHaltsAndIsRetiredOnlyByName(t *testing.T) {
	s := stage(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	if !s.bothActive() {
		t.Error("a key was touched")
	}
	s.never(rotator.VerbCreate, rotator.VerbPush, rotator.VerbDeactivate, rotator.VerbDelete)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey})
	s.w.Asks(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})
	s.untilClosed(oldKey)
	cut, gone := s.done(rotator.VerbDeactivate), s.done(rotator.VerbDelete)
	if cut.Key != newKey || gone.Key != newKey || gone.Date.Sub(cut.Date) < s.w.Policy.Trial {
		t.Errorf("%s was cut and %s deleted %s later", cut.Key, gone.Key, gone.Date.Sub(cut.Date))
	}
	s.never(rotator.VerbCreate)
}

func TestASecondKeyWhileIdleHaltsBeforeAnythingIsMade(t *testing.T) {
	s := stageYoung(t, "both")
	s.untilWaiting(rotator.ReasonNotDue)
	s.w.PersonCreates()
	s.w.Look()
	s.untilHalted(rotator.ReasonSecondKey)
	s.never(rotator.VerbCreate)
}

func TestAdoptIsRefusedWhileAStoreHoldsAnotherKey(t *testing.T) {
	s := stage(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestAdopt, Key: newKey}), "a store holds another key: fake:record holds AKIA0001")
	if s.w.Progress().Halt == nil {
		t.Error("a refused request ended the halt")
	}
}

func TestAdoptIsRefusedForAKeyThatIsNotThere(t *testing.T) {
	s := stage(t, "blind")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestAdopt, Key: "AKIA9999"}), "not an active key")
	s.w.PersonSets(newKey, rotator.Inactive)
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestAdopt, Key: newKey}), "not an active key")
}

func TestEvictIsRefusedForTheKeyInUseAndBeforeOneIsKnown(t *testing.T) {
	s := stageYoung(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: newKey}), "adopt the key in use first")
	s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey})
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: oldKey}), "is the key in use")
	s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: "AKIA9999"}), "not a key of this user")
}

func TestAnEvictedKeyThatIsUsedInItsTrialComesBackAndHalts(t *testing.T) {
	s := stageYoung(t, "both")
	s.w.PersonCreates()
	s.untilHalted(rotator.ReasonSecondKey)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey})
	s.w.Asks(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})
	s.untilPhase(rotator.PhaseTrial)
	s.w.Uses(newKey)
	s.w.Look()
	s.untilHalted(rotator.ReasonUsedInTrial)
	if !s.bothActive() {
		t.Error("the evicted key is not Active again")
	}
	s.ask(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(oldKey)
}

func TestAUserWithoutAKeyHaltsUnlessBootstrapIsOn(t *testing.T) {
	s := open(t, rotatortest.NewWithoutKey(searchPolicy(), places("both")...))
	s.untilHalted(rotator.ReasonNoKey)
	if len(s.w.Keys) > 0 {
		t.Error("a key was made")
	}
	s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.Bootstrap = true }
	s.ask(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
	if proved := s.entries(rotator.KindDone, rotator.VerbProve); len(proved) < s.w.Policy.Verify.Successes {
		t.Errorf("the first key was proven %d times", len(proved))
	}
}

func TestBootstrapFillsEmptyStores(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind"} {
		t.Run(kind, func(t *testing.T) {
			s := open(t, rotatortest.NewWithoutKey(searchPolicy(), places(kind)...))
			s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.Bootstrap = true }
			s.untilClosed(newKey)
			s.never(rotator.VerbDeactivate, rotator.VerbDelete)
		})
	}
}

func TestAnInactiveSoleKeyHalts(t *testing.T) {
	s := stage(t, "both")
	s.w.PersonSets(oldKey, rotator.Inactive)
	s.untilHalted(rotator.ReasonKeyInactive)
}

// stranger puts a key of somebody else into a place; its consumer is not ours
// to answer for.
func stranger(w *rotatortest.World, place int) {
	w.Broken["AKIA7777"] = true
	w.Places[place].Held = store.NewCredential("AKIA7777", rotatortest.SecretPrefix+"7777")
}

func TestAStoreThatHoldsAnUnknownKeyHaltsAndIsNotOverwritten(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseUnseen, rotator.PhaseIdle, rotator.PhaseProving, rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			stranger(s.w, 0)
			s.w.Look()
			s.untilHalted(rotator.ReasonForeignKey)
			if held := s.w.Places[0].Held.KeyID(); held != "AKIA7777" {
				t.Errorf("the store was overwritten with %s", held)
			}
		})
	}
}

func TestARecreatedUserHalts(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseIdle, rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			before := len(s.entries(rotator.KindIntent, rotator.VerbDeactivate)) + len(s.entries(rotator.KindIntent, rotator.VerbDelete))
			s.w.UserID = "AIDA2"
			s.w.Look()
			want := rotator.ReasonWrongIdentity
			if phase == rotator.PhaseIdle {
				want = rotator.ReasonRecreated
			}
			s.untilHalted(want)
			after := len(s.entries(rotator.KindIntent, rotator.VerbDeactivate)) + len(s.entries(rotator.KindIntent, rotator.VerbDelete))
			if after != before {
				t.Error("a key of the other user was to be cut")
			}
		})
	}
}

func TestTheKeyThatTheProgramSignsWithIsNeverCut(t *testing.T) {
	t.Run("a rotation is not begun", func(t *testing.T) {
		s := stage(t, "both")
		x := &twist{ownKey: oldKey}
		s.w.Tune = x.tune
		s.untilHalted(rotator.ReasonOwnKey)
		s.never(rotator.VerbCreate)
	})
	t.Run("a cycle under way halts before the cut", func(t *testing.T) {
		s := stage(t, "both")
		x := &twist{}
		s.w.Tune = x.tune
		s.untilPhase(rotator.PhaseOverlap)
		x.ownKey = oldKey
		s.untilHalted(rotator.ReasonOwnKey)
		s.never(rotator.VerbDeactivate)
	})
	t.Run("evict is refused", func(t *testing.T) {
		s := stageYoung(t, "both")
		x := &twist{ownKey: newKey}
		s.w.Tune = x.tune
		s.w.PersonCreates()
		s.untilHalted(rotator.ReasonSecondKey)
		s.w.Asks(rotator.Request{Verb: rotator.RequestAdopt, Key: oldKey})
		s.refused(s.ask(rotator.Request{Verb: rotator.RequestEvict, Key: newKey}), "may be retired")
	})
}

func TestAThirdKeyFromTheQuotaRace(t *testing.T) {
	t.Run("our key goes while no store can hold it", func(t *testing.T) {
		s := stage(t, "both")
		s.untilPhase(rotator.PhaseProving)
		s.w.PersonRaces()
		s.untilHalted(rotator.ReasonSecondKey)
		if s.done(rotator.VerbDiscard).Key != newKey || s.status(oldKey) != rotator.Active || s.status(thirdKey) != rotator.Active {
			t.Error("another key than our own was removed")
		}
	})
	for _, phase := range []rotator.Phase{rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("nothing is touched in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(phase)
			s.w.PersonRaces()
			before := len(s.w.Keys)
			s.w.Look()
			s.untilHalted(rotator.ReasonThirdKey)
			if len(s.w.Keys) != before {
				t.Error("a key was removed")
			}
			s.never(rotator.VerbDiscard, rotator.VerbDelete)
		})
	}
	t.Run("nothing is touched for a user without a store of record", func(t *testing.T) {
		s := stage(t, "blind")
		s.untilPhase(rotator.PhaseProving)
		s.w.PersonRaces()
		s.untilHalted(rotator.ReasonThirdKey)
		s.never(rotator.VerbDiscard, rotator.VerbDelete)
	})
}
