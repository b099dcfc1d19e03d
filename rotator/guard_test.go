package rotator_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
)

var allVerbs = []rotator.Verb{
	rotator.VerbWait, rotator.VerbObserve, rotator.VerbAdopt, rotator.VerbOpen, rotator.VerbSuspect, rotator.VerbClear,
	rotator.VerbAbandon, rotator.VerbRecognise, rotator.VerbForget, rotator.VerbHeal, rotator.VerbRepin, rotator.VerbAccept,
	rotator.VerbClose, rotator.VerbWithdraw, rotator.VerbHalt, rotator.VerbPause, rotator.VerbResume, rotator.VerbReject,
	rotator.VerbTurn, rotator.VerbAsk, rotator.VerbHurry,
	rotator.VerbCreate, rotator.VerbProve, rotator.VerbPush, rotator.VerbProbe, rotator.VerbRestore,
	rotator.VerbDeactivate, rotator.VerbReactivate, rotator.VerbDelete, rotator.VerbDiscard,
}

func TestEachSafetyModeHoldsItsVerbsAndNoOther(t *testing.T) {
	effects := []rotator.Verb{
		rotator.VerbCreate, rotator.VerbProve, rotator.VerbPush, rotator.VerbProbe, rotator.VerbRestore,
		rotator.VerbDeactivate, rotator.VerbReactivate, rotator.VerbDelete, rotator.VerbDiscard,
	}
	forward := []rotator.Verb{
		rotator.VerbCreate, rotator.VerbProve, rotator.VerbPush, rotator.VerbProbe,
		rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard,
	}
	deferrable := []rotator.Verb{rotator.VerbCreate, rotator.VerbDeactivate, rotator.VerbDelete}
	paused := rotator.State{Progress: rotator.Progress{Paused: true}}
	for _, mode := range []struct {
		reason rotator.Reason
		modes  rotator.Modes
		state  rotator.State
		holds  []rotator.Verb
	}{
		{rotator.ReasonObserveOnly, rotator.Modes{ObserveOnly: true}, rotator.State{}, append(effects, rotator.VerbOpen)},
		{rotator.ReasonPaused, rotator.Modes{}, paused, forward},
		{rotator.ReasonPausedAll, rotator.Modes{PausedAll: true}, rotator.State{}, forward},
		{rotator.ReasonBreaker, rotator.Modes{Tripped: true}, rotator.State{}, deferrable},
		{rotator.ReasonNoDelete, rotator.Modes{NoDelete: true}, rotator.State{}, []rotator.Verb{rotator.VerbDelete, rotator.VerbDiscard}},
		{rotator.ReasonOutsideWindow, rotator.Modes{Calendar: &hours{shut: true}}, rotator.State{}, deferrable},
		{rotator.ReasonFrozen, rotator.Modes{Calendar: &hours{shut: true, frozen: true}}, rotator.State{}, deferrable},
		{"", rotator.Modes{Calendar: &hours{}}, rotator.State{}, nil},
		{"", rotator.Modes{}, rotator.State{}, nil},
	} {
		for _, verb := range allVerbs {
			d := rotator.Decision{Verb: verb, Key: oldKey, Reason: rotator.ReasonDue}
			held := rotator.Guard(genesis, mode.modes, mode.state, d)
			want := d.Reason
			if slices.Contains(mode.holds, verb) {
				want = mode.reason
			}
			if held.Reason != want {
				t.Errorf("mode %q: %s ended as %s for %s, want %s", mode.reason, verb, held.Verb, held.Reason, want)
			}
		}
	}
}

// TestTheFirstSafetyModeThatObjectsGivesTheReason switches the modes on one
// after the other, the last to be asked first.
func TestTheFirstSafetyModeThatObjectsGivesTheReason(t *testing.T) {
	d := rotator.Decision{Verb: rotator.VerbDelete, Key: oldKey, Reason: rotator.ReasonTrialPassed}
	modes, state := rotator.Modes{}, rotator.State{}
	for _, next := range []struct {
		on   func()
		want rotator.Reason
	}{
		{func() {}, rotator.ReasonTrialPassed},
		{func() { modes.Calendar = &hours{shut: true} }, rotator.ReasonOutsideWindow},
		{func() { modes.NoDelete = true }, rotator.ReasonNoDelete},
		{func() { modes.Tripped = true }, rotator.ReasonBreaker},
		{func() { modes.PausedAll = true }, rotator.ReasonPausedAll},
		{func() { state.Progress.Paused = true }, rotator.ReasonPaused},
		{func() { modes.ObserveOnly = true }, rotator.ReasonObserveOnly},
	} {
		next.on()
		if have := rotator.Guard(genesis, modes, state, d).Reason; have != next.want {
			t.Errorf("held for %s, want %s", have, next.want)
		}
	}
}

// TestASafetyModeNeverMakesAnotherAct: what comes out is the decision that went
// in, or a wait.
func TestASafetyModeNeverMakesAnotherAct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := states().Draw(t, "state")
		now := instants().Draw(t, "now")
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		modes := rotator.Modes{
			ObserveOnly: flag("observe only"), NoDelete: flag("no delete"), PausedAll: flag("paused"), Tripped: flag("tripped"),
			Calendar: &hours{shut: flag("shut"), frozen: flag("frozen")},
		}
		d := rotator.Decide(now, searchPolicy(), s)
		held := rotator.Guard(now, modes, s, d)
		if asText(t, held) != asText(t, d) && (held.Verb != rotator.VerbWait || held.Key != "" || held.Opening != nil || held.Reason == "") {
			t.Errorf("%+v became %+v", d, held)
		}
		if again := rotator.Guard(now, modes, s, held); asText(t, again) != asText(t, held) {
			t.Errorf("held twice, %+v became %+v", held, again)
		}
	})
}

func TestAWindowIsWaitedForUntilItOpens(t *testing.T) {
	d := rotator.Decision{Verb: rotator.VerbCreate, Reason: rotator.ReasonDue}
	held := rotator.Guard(genesis, rotator.Modes{Calendar: &hours{shut: true}}, rotator.State{}, d)
	if want := genesis.Add(6 * time.Hour); !held.Until.Equal(want) {
		t.Errorf("waits until %s, want %s", held.Until, want)
	}
	emergency := rotator.Decision{Verb: rotator.VerbCreate, Reason: rotator.ReasonEmergency, Opening: &rotator.Opening{Emergency: true}}
	if held := rotator.Guard(genesis, rotator.Modes{Calendar: &hours{shut: true}}, rotator.State{}, emergency); held.Verb != rotator.VerbCreate {
		t.Errorf("an emergency waits for %s", held.Reason)
	}
}
