package rotator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// boundaries are the worlds of a clean run between every two steps, until so
// many keys were retired.
func boundaries(t *testing.T, kind string, retired int) []*rotatortest.World {
	t.Helper()
	w := rotatortest.New(searchPolicy(), places(kind)...)
	var all []*rotatortest.World
	for range manySteps {
		all = append(all, w.Clone())
		if !w.Idle() {
			t.Fatalf("nothing happens any more\n%s", w.Story())
		}
		w.Step()
		deleted := 0
		for _, e := range w.Entries() {
			if e.Kind == rotator.KindDone && e.Verb == rotator.VerbDelete {
				deleted++
			}
		}
		if deleted == retired {
			return append(all, w.Clone())
		}
	}
	t.Fatalf("%d keys are not retired in %d steps", retired, manySteps)
	return nil
}

// endsWell runs a world until its user rests or halts with advice.
func endsWell(w *rotatortest.World) (halted rotator.Reason, err error) {
	for range manySteps {
		if p := w.Progress(); p.Halt != nil {
			if _, advised := rotator.Advise(p.Halt.Reason, rotatortest.User); !advised {
				return p.Halt.Reason, fmt.Errorf("halted for %s without advice", p.Halt.Reason)
			}
			return p.Halt.Reason, nil
		}
		if len(w.Violated) > 0 {
			return "", fmt.Errorf("violated: %v", w.Violated)
		}
		if done(w) {
			return "", nil
		}
		if !w.Idle() {
			return "", fmt.Errorf("stuck waiting for %s", w.Row().Waiting)
		}
		w.Step()
	}
	return "", fmt.Errorf("no end in sight")
}

// recordHasNewest reports whether the store of record has the newest key: only
// then can a journal that does not know the key learn that it is ours.
func recordHasNewest(w *rotatortest.World) bool {
	return rotator.KeyID(w.Places[0].Held.KeyID()) == w.Keys[len(w.Keys)-1].ID
}

// TestARestoredJournalBreaksNobody is I8: every state that the journal had in
// two rotations is put back at every later moment of them. Users with a store
// of record go on by themselves, unless the newest key was in no store yet.
func TestARestoredJournalBreaksNobody(t *testing.T) {
	for _, kind := range []string{"readable", "both", "blind"} {
		t.Run(kind, func(t *testing.T) {
			all := boundaries(t, kind, 2)
			runs, halts := 0, map[rotator.Reason]int{}
			for then := range all {
				for now := then + 1; now < len(all); now++ {
					w := all[now].Clone()
					w.Bereft = true // the custody went back too
					w.Restores(all[then].Journal)
					halted, err := endsWell(w)
					if err != nil {
						t.Fatalf("the journal of step %d restored at step %d: %v\n%s", then, now, err, w.Story())
					}
					if halted != "" {
						halts[halted]++
					}
					if halted != "" && kind != "blind" && (halted != rotator.ReasonSecondKey || recordHasNewest(all[now])) {
						t.Fatalf("the journal of step %d restored at step %d: a user with a store of record halted for %s\n%s", then, now, halted, w.Story())
					}
					runs++
				}
			}
			t.Logf("%d steps, %d restored journals, halts: %v", len(all), runs, halts)
		})
	}
}

// TestAJumpOfTheLocalClockShortensNoGrace moves the program's clock by days at
// every step boundary of a rotation; the world checks each grace on its own.
func TestAJumpOfTheLocalClockShortensNoGrace(t *testing.T) {
	const days = 3 * 24 * time.Hour
	for _, kind := range []string{"readable", "both", "blind"} {
		all := boundaries(t, kind, 1)
		for _, jump := range []time.Duration{days, -days, 40 * days, -40 * days} {
			t.Run(fmt.Sprintf("%s, %s", kind, jump), func(t *testing.T) {
				for at := range all[:len(all)-1] {
					w := all[at].Clone()
					w.Skew = jump
					if halted, err := endsWell(w); err != nil || halted != "" {
						t.Fatalf("at step %d: halted %q, %v\n%s", at, halted, err, w.Story())
					}
				}
			})
		}
	}
}

// TestAClockThatSwingsShortensNoGrace has it wrong in another way at every step.
func TestAClockThatSwingsShortensNoGrace(t *testing.T) {
	w := rotatortest.New(searchPolicy(), places("both")...)
	s := open(t, w)
	swings := []time.Duration{0, 72 * time.Hour, -72 * time.Hour, time.Hour, -time.Minute}
	for i := range manySteps {
		if s.closed(newKey) {
			return
		}
		w.Idle()
		w.Skew = swings[i%len(swings)]
		w.Step()
	}
	t.Error("the cycle does not end")
}
