package rotator_test

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

func searchPolicy() rotator.Policy {
	return rotator.Policy{
		Name: "search", MaxAge: 90 * 24 * time.Hour, Overlap: 4 * time.Hour, Quiet: 3 * time.Hour,
		Trial: 5 * time.Hour, Settle: 10 * time.Minute, PushLimit: 15 * time.Minute, LastUsedLag: 5 * time.Hour,
		Verify: rotator.Quorum{Successes: 3, Over: time.Minute, Limit: 15 * time.Minute},
	}
}

func places(kind string) []rotatortest.Place {
	rec := rotatortest.Place{Name: "record", Readable: true, Record: true, Owner: rotatortest.User.String(), Refreshes: time.Minute}
	blind := rotatortest.Place{Name: "blind", Refreshes: time.Hour}
	switch kind {
	case "readable":
		return []rotatortest.Place{rec}
	case "both":
		return []rotatortest.Place{rec, blind}
	case "waves": // a canary that is restarted and soaks, before the staged store of record is promoted
		rec.Stages, blind.Refreshes, blind.Reloads, blind.Wave, blind.Soak = true, 0, true, -1, 30*time.Minute
		return []rotatortest.Place{rec, blind}
	default:
		return []rotatortest.Place{blind}
	}
}

// finish runs a world without faults until nothing happens any more, the
// second rotation would begin, or the steps run out.
func finish(w *rotatortest.World, most int) (steps int, ended bool) {
	for steps = range most {
		if !w.Idle() {
			return steps, true
		}
		out := w.Step()
		p := w.Progress()
		if p.Phase == rotator.PhaseIdle && p.Current != "AKIA0001" && out.Decision.Verb == rotator.VerbWait && p.Suspect.IsZero() {
			return steps, true
		}
	}
	return most, false
}

func TestACleanCycleReplacesTheKey(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind", "waves"} {
		t.Run(kind, func(t *testing.T) {
			w := rotatortest.New(searchPolicy(), places(kind)...)
			steps, ended := finish(w, 60)
			t.Logf("%d steps\n%s", steps, w.Story())
			p := w.Progress()
			if !ended || p.Phase != rotator.PhaseIdle || p.Current != "AKIA0002" || len(w.Keys) != 1 {
				t.Errorf("the cycle did not close")
			}
			if len(w.Violated) > 0 {
				t.Errorf("violated: %v", w.Violated)
			}
		})
	}
}
