package rotator_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// stagedScene is a scene of a store of record and the consumers given.
func stagedScene(t *testing.T, rec rotatortest.Place, others ...rotatortest.Place) *scene {
	t.Helper()
	rec.Name, rec.Readable, rec.Record, rec.Owner = "record", true, true, rotatortest.User.String()
	return open(t, rotatortest.New(searchPolicy(), append([]rotatortest.Place{rec}, others...)...))
}

func (s *scene) place(name string) *rotatortest.Place {
	s.Helper()
	i := slices.IndexFunc(s.w.Places, func(p rotatortest.Place) bool { return p.Name == name })
	if i < 0 {
		s.Fatalf("there is no place %s", name)
	}
	return &s.w.Places[i]
}

func (s *scene) holds(name string, key rotator.KeyID) bool {
	return rotator.KeyID(s.place(name).Held.KeyID()) == key
}

func (s *scene) standing(name string) rotator.Standing {
	return s.w.Progress().Standing("fake:" + name)
}

func TestACanaryGoesFirstAndSoaksWhileTheStoreOfRecordHoldsTheKeyUnseen(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Stages: true}, rotatortest.Place{Name: "canary", Wave: -1, Soak: time.Hour, Probes: 1},
		rotatortest.Place{Name: "later", Wave: 1})
	s.untilWaiting(rotator.ReasonSoaking)
	began := s.w.Now
	if !s.holds("canary", newKey) || !s.holds("record", oldKey) || !s.holds("later", oldKey) || s.place("record").Unseen.KeyID() != string(newKey) {
		t.Errorf("while it soaks, canary %s, record %s with %s unseen, later %s", s.place("canary").Held, s.place("record").Held,
			s.place("record").Unseen, s.place("later").Held)
	}
	if s.standing("later") != rotator.StandingWaiting || s.standing("canary") != rotator.StandingInSync {
		t.Errorf("the later one is %s, the canary %s", s.standing("later"), s.standing("canary"))
	}
	s.until("the store of record is promoted", func() bool { return s.holds("record", newKey) })
	if took := s.w.Now.Sub(began); took < time.Hour-time.Minute {
		t.Errorf("the soak took %s", took)
	}
	if s.holds("later", newKey) {
		t.Error("the last wave did not wait for the store of record")
	}
	s.untilClosed(newKey)
	probes := 0
	for _, e := range s.w.Entries() {
		if e.Kind == rotator.KindDone && e.Verb == rotator.VerbProbe && e.At.Before(began.Add(time.Hour)) {
			probes++
		}
	}
	if probes < 14 || probes > 18 {
		t.Errorf("%d probes during the soak, want some sixteen", probes)
	}
}

// broken is a probe that fails as long as it is told to.
type broken struct{ fails *bool }

func (b broken) Probe(context.Context, store.Credential) error {
	if *b.fails {
		return errors.New("the build does not start")
	}
	return nil
}

func TestAJournalThatIsLostWhileACanarySoaksLosesNoKey(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Stages: true}, rotatortest.Place{Name: "canary", Wave: -1, Soak: time.Hour})
	s.untilWaiting(rotator.ReasonSoaking)
	s.w.LosesJournal()
	s.untilClosed(newKey)
	if p := s.w.Progress(); p.Halt != nil {
		t.Errorf("a person is asked: %s", p.Halt.Reason)
	}
}

func TestACanaryThatFailsItsProbeWhileItSoaksKeepsTheKeyFromAllOthers(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Stages: true}, rotatortest.Place{Name: "canary", Wave: -1, Soak: time.Hour, Probes: 2})
	fails := false
	s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.Consumers[1].Prober = broken{&fails} }
	s.untilWaiting(rotator.ReasonSoaking)
	fails = true
	s.untilWaiting(rotator.ReasonProbeFailed)
	for range 30 {
		s.w.Idle()
		s.w.Step()
	}
	if s.holds("record", newKey) || s.standing("canary") != rotator.StandingUnprobed {
		t.Errorf("the canary fails and is %s; the store of record holds %s", s.standing("canary"), s.place("record").Held)
	}
	fails = false
	s.untilClosed(newKey)
}

func TestACycleWaitsForItsReloadsAndIsStoppedByOneThatSticks(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Reloads: true})
	s.untilWaiting(rotator.ReasonReloading)
	if s.standing("record") != rotator.StandingReloading {
		t.Errorf("it is %s", s.standing("record"))
	}
	stuck := func() { s.place("record").Restart = s.w.Now } // it never gets done
	for s.w.Progress().Halt == nil {
		stuck()
		s.w.Idle()
		stuck()
		s.w.Step()
	}
	s.untilHalted(rotator.ReasonReloadStuck)
	if k := s.w.Keys[0]; k.Status != rotator.Active {
		t.Error("the old key was touched")
	}
	first := s.place("record").Token
	s.w.Asks(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
	if again := s.place("record").Token; again == first {
		t.Errorf("the resume began no reload of its own: %s", again)
	}
}

func TestAStoreThatIsRepairedReloadsItsConsumerAgain(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Reloads: true})
	s.untilPhase(rotator.PhaseOverlap)
	first := s.place("record").Token
	s.w.Drifts(0)
	s.w.Look()
	s.until("the repair", func() bool { return s.holds("record", newKey) })
	s.untilPhase(rotator.PhaseOverlap)
	if second := s.place("record").Token; second == first {
		t.Errorf("it was not reloaded again: %s", second)
	}
	s.untilClosed(newKey)
}

func TestProbesInARowMustAllBePassed(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Probes: 3})
	s.untilPhase(rotator.PhaseOverlap)
	passed := 0
	for _, e := range s.w.Entries() {
		if e.Kind == rotator.KindDone && e.Verb == rotator.VerbProbe {
			passed++
		}
	}
	if passed != 3 {
		t.Errorf("the overlap began after %d probes, want 3", passed)
	}
}

func TestAnAcknowledgementIsWaitedFor(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{}, rotatortest.Place{Name: "human", Acks: true})
	s.untilWaiting(rotator.ReasonAwaitingAck)
	due, waits := s.w.Progress().AckDue("fake:human")
	if !waits || s.standing("human") != rotator.StandingUnacked {
		t.Errorf("it is %s, due %s", s.standing("human"), due)
	}
	s.untilWaiting(rotator.ReasonAckOverdue)
	if s.w.Now.Before(due) {
		t.Errorf("overdue at %s, due %s", s.w.Now, due)
	}
	if s.w.Idle() {
		t.Error("something else than the acknowledgement is waited for")
	}
	for _, wrong := range []rotator.Request{
		{Consumer: "fake:nobody"}, {Consumer: "fake:record"}, {Consumer: "fake:human", Key: oldKey},
	} {
		wrong.Verb = rotator.RequestAck
		s.w.Asks(wrong)
		if out := s.w.Step(); out.Decision.Verb != rotator.VerbReject {
			t.Errorf("%+v led to %s", wrong, out.Decision.Verb)
		}
		s.w.Step()
	}
	s.w.Asks(rotator.Request{Verb: rotator.RequestAck, Consumer: "fake:human", Key: newKey})
	s.untilClosed(newKey)
}

func TestAnAlarmInTheTrialBringsTheOldKeyBackAndHalts(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseTrial)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAlarm})
	s.untilHalted(rotator.ReasonAlarm)
	if k := s.w.Keys[0]; k.ID != oldKey || k.Status != rotator.Active {
		t.Errorf("the old key is %s", k.Status)
	}
	if !s.holds("record", newKey) {
		t.Error("a store was written")
	}
	s.w.Asks(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
}

func TestAnAlarmBeforeTheCutStopsTheCycle(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseOverlap)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAlarm})
	s.untilHalted(rotator.ReasonAlarm)
	s.w.Asks(rotator.Request{Verb: rotator.RequestAlarm})
	if out := s.w.Step(); out.Decision.Verb != rotator.VerbReject {
		t.Errorf("a second alarm led to %s", out.Decision.Verb)
	}
	s.w.Asks(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
}

func TestTheOverlapLastsUntilSomebodyElseHasUsedTheNewKey(t *testing.T) {
	s := stagedScene(t, rotatortest.Place{Reloads: true}) // it reads its store only when it is told to, and nobody tells it
	s.w.Policy.Adoption = true
	s.w.Tune = func(_ *rotatortest.World, target *rotator.Target) { target.Consumers[0].Reloader = nil }
	s.place("record").Reader = store.Credential{}
	s.untilWaiting(rotator.ReasonUnadopted)
	signed := 0
	for range 20 {
		s.w.Idle()
		s.w.Plan(0, 0) // forgets the calls of the steps before
		s.w.Step()
		for _, call := range s.w.Calls() {
			if call == "sign-in" {
				signed++
			}
		}
		if s.w.Progress().Phase != rotator.PhaseOverlap {
			t.Fatalf("the phase is %s although nobody used the new key", s.w.Progress().Phase)
		}
	}
	if signed > 0 {
		t.Errorf("%d sign-ins of our own while the overlap waits for others", signed)
	}
	s.w.Uses(newKey)
	s.untilPhase(rotator.PhaseTrial)
	if s.w.Progress().Cycle.Adopted.IsZero() {
		t.Error("the use is not recorded")
	}
}

// TestTheStoreOfRecordIsWrittenBeforeAllOthersEvenAfterItFailed: what it does
// not hold, nobody was given. Recovery from a lost journal rests on that.
func TestTheStoreOfRecordIsWrittenBeforeAllOthersEvenAfterItFailed(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhasePropagating)
	clean := s.w.Clone()
	clean.Plan(0, 0)
	clean.Step()
	put := slices.Index(clean.Calls(), "!put record")
	if put < 0 {
		t.Fatalf("the store of record is not written first: %v", clean.Calls())
	}
	s.w.Plan(put+1, rotatortest.Refuse)
	s.w.Step()
	s.w.Plan(0, 0)
	s.until("the other store is written", func() bool { return s.holds("blind", newKey) })
	if !s.holds("record", newKey) {
		t.Error("another store was given the new key before the store of record")
	}
}
