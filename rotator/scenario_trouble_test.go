package rotator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// flaky makes one place's store refuse every write while it is down.
type flaky struct {
	name     string
	down     bool
	optional bool
	tried    int
}

var errStoreDown = errors.New("the store is down")

func (f *flaky) tune(_ *rotatortest.World, t *rotator.Target) {
	for i, c := range t.Consumers {
		if strings.HasSuffix(c.Name(), f.name) {
			t.Consumers[i].Store = flakyStore{c.Store, f}
			t.Consumers[i].Required = !f.optional
		}
	}
}

// flakyStore is for write-only places: it hides what else they can do.
type flakyStore struct {
	store.Store

	f *flaky
}

func (s flakyStore) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	s.f.tried++
	if s.f.down {
		return store.Receipt{}, errStoreDown
	}
	return s.Store.Put(ctx, c)
}

func TestARequiredStoreThatFailsHoldsTheCutAndNothingElse(t *testing.T) {
	s := stage(t, "both")
	broken := &flaky{name: "blind", down: true}
	s.w.Tune = broken.tune
	s.forLong(72*time.Hour, "the old key is Active and nobody halts", func() bool {
		return s.status(oldKey) == rotator.Active && s.w.Progress().Halt == nil
	})
	s.never(rotator.VerbDeactivate, rotator.VerbDelete)
	if held := rotator.KeyID(s.w.Places[0].Held.KeyID()); held != newKey {
		t.Errorf("the healthy store holds %s", held)
	}
	if row := s.w.Row(); row.Waiting != rotator.ReasonStoreFailing || row.Attempts < 3 {
		t.Errorf("it waits for %s after %d attempts", row.Waiting, row.Attempts)
	}
	broken.down = false
	s.untilClosed(newKey)
}

func TestAnOptionalStoreThatFailsBlocksNobody(t *testing.T) {
	s := stage(t, "both")
	broken := &flaky{name: "blind", down: true, optional: true}
	s.w.Tune = broken.tune
	s.untilPhase(rotator.PhaseOverlap)
	s.forLong(24*time.Hour, "nobody halts", func() bool { return s.w.Progress().Halt == nil })
	if broken.tried == 0 || broken.tried > 10 {
		t.Errorf("the optional store was tried %d times", broken.tried)
	}
	// Its reader still uses the old key, and use outranks everything.
	if row := s.w.Row(); row.Waiting != rotator.ReasonInUse {
		t.Errorf("it waits for %s %s", row.Waiting, row.Detail)
	}
	broken.down = false
	s.w.Look()
	s.never(rotator.VerbDeactivate)
}

func TestAnUnknownLastUseIsNeverTakenForUnused(t *testing.T) {
	s := stage(t, "both")
	x := &twist{lastUse: func() (rotator.LastUse, error) { return rotator.LastUse{}, rotator.ErrDenied }}
	s.w.Tune = x.tune
	s.untilPhase(rotator.PhaseOverlap)
	s.forLong(30*24*time.Hour, "the old key is Active", s.bothActive)
	s.never(rotator.VerbDeactivate)
	if row := s.w.Row(); row.Waiting != rotator.ReasonUseUnknown {
		t.Errorf("it waits for %s", row.Waiting)
	}
	x.lastUse = nil
	s.untilClosed(newKey)
}

func TestAnOldKeyInUseIsWaitedForWithServiceAndRegion(t *testing.T) {
	s := stage(t, "both")
	x := &twist{}
	x.lastUse = func() (rotator.LastUse, error) {
		return rotator.LastUse{Known: true, At: s.w.Now.Add(-30 * time.Minute), Service: "s3", Region: "eu-central-1"}, nil
	}
	s.w.Tune = x.tune
	s.untilWaiting(rotator.ReasonInUse)
	if detail := s.w.Row().Detail; !strings.Contains(detail, "s3") || !strings.Contains(detail, "eu-central-1") {
		t.Errorf("the detail is %q", detail)
	}
	s.forLong(30*24*time.Hour, "the old key is Active", s.bothActive)
	s.never(rotator.VerbDeactivate)
	healed := s.entries(rotator.KindNoted, rotator.VerbHeal)
	if len(healed) == 0 {
		t.Error("the stores were never written again")
	}
	for i := 1; i < len(healed); i++ {
		if apart := healed[i].At.Sub(healed[i-1].At); apart < s.w.Policy.Overlap {
			t.Errorf("the stores were written again after %s", apart)
		}
	}
	x.lastUse = nil
	s.untilClosed(newKey)
}

func TestAUseInTheTrialBringsTheKeyBackAndTheCycleStillEnds(t *testing.T) {
	s := stage(t, "both")
	s.untilPhase(rotator.PhaseTrial)
	s.w.Uses(oldKey)
	s.w.Look()
	if !s.bothActive() {
		t.Error("the used key is not Active again")
	}
	if back := s.done(rotator.VerbReactivate); back.Reason != rotator.ReasonUsedInTrial {
		t.Errorf("it came back for %s", back.Reason)
	}
	s.untilClosed(newKey)
	if cuts := s.entries(rotator.KindDone, rotator.VerbDeactivate); len(cuts) != 2 {
		t.Errorf("it was cut %d times", len(cuts))
	}
}

func TestAReactivationThatIsRefusedIsTriedAgainAtOnce(t *testing.T) {
	for _, fault := range []rotatortest.Fault{rotatortest.Refuse, rotatortest.Lose, rotatortest.CrashBefore, rotatortest.CrashAfter} {
		t.Run(fault.String(), func(t *testing.T) {
			s := stage(t, "both")
			s.untilPhase(rotator.PhaseTrial)
			s.w.Uses(oldKey)
			scout := s.w.Clone()
			scout.Look()
			for i, call := range scout.Calls() {
				if call == "!activate" {
					s.w.Plan(i+1, fault)
				}
			}
			s.w.Look()
			s.w.Plan(0, 0)
			began := s.w.Now
			s.until("the key is back", func() bool { return len(s.entries(rotator.KindDone, rotator.VerbReactivate)) > 0 })
			if took := s.w.Now.Sub(began); took > 5*time.Minute {
				t.Errorf("the key came back after %s", took)
			}
			s.untilClosed(newKey)
		})
	}
}

// probe fails while it is broken.
type probe struct{ broken bool }

func (p *probe) Probe(context.Context, store.Credential) error {
	if p.broken {
		return errors.New("the consumer answers 500")
	}
	return nil
}

func (p *probe) tune(_ *rotatortest.World, t *rotator.Target) { t.Consumers[0].Prober = p }

func TestAFailedProbeInTheTrialBringsTheKeyBackAndHalts(t *testing.T) {
	s := stage(t, "both")
	consumer := &probe{}
	s.w.Tune = consumer.tune
	s.untilPhase(rotator.PhaseTrial)
	consumer.broken = true
	cut := s.w.Now
	s.untilHalted(rotator.ReasonProbeFailed)
	if took := s.w.Now.Sub(cut); took > s.w.Policy.Trial/4 {
		t.Errorf("the failed consumer was noticed after %s", took)
	}
	if !s.bothActive() {
		t.Error("the old key is not Active again")
	}
	consumer.broken = false
	s.ask(rotator.Request{Verb: rotator.RequestResume})
	s.untilClosed(newKey)
}

func TestAProbeThatFailsBeforeTheCutNeverCuts(t *testing.T) {
	s := stage(t, "both")
	consumer := &probe{broken: true}
	s.w.Tune = consumer.tune
	s.forLong(72*time.Hour, "the old key is Active", func() bool { return s.status(oldKey) == rotator.Active })
	s.never(rotator.VerbDeactivate)
	if row := s.w.Row(); row.Waiting != rotator.ReasonProbeFailed {
		t.Errorf("it waits for %s", row.Waiting)
	}
	consumer.broken = false
	s.untilClosed(newKey)
}

func TestAConsumerIsProbedAgainAfterARollback(t *testing.T) {
	s := stage(t, "both")
	consumer := &probe{}
	s.w.Tune = consumer.tune
	s.untilPhase(rotator.PhaseOverlap)
	s.ask(rotator.Request{Verb: rotator.RequestRollback})
	s.untilHalted(rotator.ReasonRolledBack)
	consumer.broken = true
	s.ask(rotator.Request{Verb: rotator.RequestResume})
	s.forLong(72*time.Hour, "the old key is Active", s.bothActive)
	s.never(rotator.VerbDeactivate)
	consumer.broken = false
	s.untilClosed(newKey)
}

func TestAnAnswerWithoutADateWaits(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseUnseen, rotator.PhaseIdle, rotator.PhaseProving, rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			x := &twist{}
			s.w.Tune = x.tune
			s.untilPhase(phase)
			x.list = func(l *rotator.Listing) { l.Date = time.Time{} }
			keys := len(s.w.Keys)
			s.forLong(10*24*time.Hour, "no key is touched", func() bool {
				return len(s.w.Keys) == keys && (phase == rotator.PhaseTrial || s.status(oldKey) == rotator.Active)
			})
			if row := s.w.Row(); row.Waiting != rotator.ReasonNoDate || row.Progress.Halt != nil {
				t.Errorf("it waits for %s", row.Waiting)
			}
			x.list = nil
			s.untilClosed(newKey)
		})
	}
}

func TestThrottlingNeverFailsAUser(t *testing.T) {
	for _, phase := range []rotator.Phase{rotator.PhaseUnseen, rotator.PhaseIdle, rotator.PhaseProving, rotator.PhasePropagating, rotator.PhaseOverlap, rotator.PhaseTrial} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			s := stage(t, "both")
			calls := 0
			x := &twist{}
			s.w.Tune = x.tune
			s.untilPhase(phase)
			x.failing = func() error { calls++; return rotator.ErrThrottled }
			s.forLong(24*time.Hour, "nobody halts", func() bool { return s.w.Progress().Halt == nil })
			if calls > 300 {
				t.Errorf("AWS was asked %d times in a day that throttled", calls)
			}
			x.failing = nil
			s.untilClosed(newKey)
		})
	}
}

func TestAnOrphanOfOursIsWatchedBeforeItsCutAndBeforeItsDelete(t *testing.T) {
	s := stage(t, "both")
	s.faultAt("!create", rotatortest.Lose)
	made := s.w.Now
	s.until("the orphan is gone", func() bool { return len(s.entries(rotator.KindDone, rotator.VerbDelete)) == 1 })
	cut, gone := s.done(rotator.VerbDeactivate), s.done(rotator.VerbDelete)
	if cut.Key != newKey || gone.Key != newKey {
		t.Errorf("%s was cut and %s deleted", cut.Key, gone.Key)
	}
	if watched := cut.At.Sub(made); watched < s.w.Policy.Quiet {
		t.Errorf("the orphan was cut after %s", watched)
	}
	if trial := gone.Date.Sub(cut.Date); trial < s.w.Policy.Trial {
		t.Errorf("the orphan was deleted after a trial of %s", trial)
	}
	s.untilClosed(thirdKey)
}

func TestAnOrphanThatIsUsedHalts(t *testing.T) {
	s := stage(t, "both")
	s.faultAt("!create", rotatortest.Lose)
	s.until("the orphan is recognised", func() bool { return len(s.entries(rotator.KindNoted, rotator.VerbRecognise)) == 1 })
	s.w.Uses(newKey)
	s.untilHalted(rotator.ReasonUncertainOrphan)
	s.never(rotator.VerbDeactivate)
}

func TestAKeyTooYoungForTheLostCreateIsAPersonsAndHalts(t *testing.T) {
	for made, ours := range map[time.Duration]bool{19 * time.Minute: true, 21 * time.Minute: false} {
		s := stage(t, "both")
		s.faultAt("!create", rotatortest.CrashBefore)
		intended := s.w.Progress().Cycle.Intended
		s.w.AdvanceTo(intended.Add(made))
		s.w.PersonCreates()
		if ours { // nobody could tell
			s.until("the orphan is recognised", func() bool { return len(s.entries(rotator.KindNoted, rotator.VerbRecognise)) == 1 })
			continue
		}
		s.untilHalted(rotator.ReasonUncertainOrphan)
		s.never(rotator.VerbDeactivate)
	}
}

func TestAnOrphanOfAUserWithoutAStoreOfRecordHalts(t *testing.T) {
	s := stage(t, "blind")
	s.faultAt("!create", rotatortest.Lose)
	s.untilHalted(rotator.ReasonUncertainOrphan)
	s.never(rotator.VerbDeactivate)
}
