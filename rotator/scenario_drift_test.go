package rotator_test

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// driftedScene is at rest after a rotation, and then a copy beside the store of
// record holds something else.
func driftedScene(t *testing.T, held func(*rotatortest.Place) store.Credential) *scene {
	t.Helper()
	s := stagedScene(t, rotatortest.Place{}, rotatortest.Place{Name: "copy", Readable: true})
	s.untilClosed(newKey)
	s.w.Step() // it sees that nothing is due
	place := s.place("copy")
	place.Held, place.Reader = held(place), store.Credential{} // its reader is not what this is about
	place.Refreshes = 1000 * time.Hour
	return s
}

func older(p *rotatortest.Place) store.Credential   { return p.Prior }
func nothing(*rotatortest.Place) store.Credential   { return store.Credential{} }
func unheardOf(*rotatortest.Place) store.Credential { return store.NewCredential("AKIAOTHER", "x") }

func TestAStoreThatDriftsAtRestIsWrittenAgainFromTheStoreOfRecord(t *testing.T) {
	for name, held := range map[string]func(*rotatortest.Place) store.Credential{"an older key": older, "nothing": nothing, "another key": unheardOf} {
		t.Run(name, func(t *testing.T) {
			s := driftedScene(t, held)
			s.w.Look()
			if !s.holds("copy", newKey) {
				t.Errorf("it holds %s", s.place("copy").Held)
			}
			if p := s.w.Progress(); p.Phase != rotator.PhaseIdle || p.Halt != nil {
				t.Errorf("the user is %s, halted %v", p.Phase, p.Halt)
			}
		})
	}
}

func TestAStoreThatDriftedIsWrittenAgainBeforeARotationThatIsDue(t *testing.T) {
	s := driftedScene(t, older)
	s.w.Broken[oldKey] = true // by whoever put it back
	s.w.AdvanceTo(s.w.Now.Add(s.w.Policy.MaxAge))
	s.w.Step()
	if row := s.w.Row(); !s.holds("copy", newKey) || row.Waiting == rotator.ReasonUnavailable {
		t.Errorf("it holds %s, and the user waits for %s: %s", s.place("copy").Held, row.Waiting, row.Detail)
	}
	s.untilClosed("AKIA0003")
}

func TestAStoreThatDriftsAtRestIsOnlyReportedWhereThePolicySaysSo(t *testing.T) {
	s := driftedScene(t, older)
	s.w.Policy.DriftReport = true
	s.w.Look()
	s.w.Look()
	if p := s.w.Progress(); s.holds("copy", newKey) || p.Drifted != "fake:copy" || s.standing("copy") != rotator.StandingDrifted {
		t.Errorf("it holds %s and is %s", s.place("copy").Held, s.standing("copy"))
	}
	if row := s.w.Row(); row.Waiting != rotator.ReasonDrift || row.Due.IsZero() {
		t.Errorf("the user waits for %s until %s", row.Waiting, row.Due)
	}
	place := s.place("copy")
	place.Held = s.place("record").Held
	s.w.Look()
	if p := s.w.Progress(); p.Drifted != "" || s.standing("copy") != rotator.StandingInSync {
		t.Errorf("after a person mended it, it is %s", s.standing("copy"))
	}
}

func TestAStoreOfAnotherOwnerThatHoldsAnotherKeyIsNotRepaired(t *testing.T) {
	s := driftedScene(t, unheardOf)
	s.place("copy").Owner = "acct/somebody-else"
	s.w.Look()
	s.untilHalted(rotator.ReasonForeignKey)
	if s.holds("copy", newKey) {
		t.Error("it was overwritten")
	}
}

func TestASweepLooksAtAUserWhoseStoreHasDrifted(t *testing.T) {
	s := driftedScene(t, older)
	looked := s.sweep()
	if len(looked) != 1 {
		t.Errorf("the sweep looks at %v", looked)
	}
	s.place("copy").Held = s.place("record").Held
	if looked := s.sweep(); len(looked) != 0 {
		t.Errorf("with all in order the sweep looks at %v", looked)
	}
}

// sweep asks which users a sweep would look at, with a credential report that
// agrees with the journal about the keys.
func (s *scene) sweep() []rotator.User {
	s.Helper()
	report := rotator.Report{Made: s.w.Local().Add(24 * time.Hour), Users: map[string][2]rotator.Slot{}}
	var slots [2]rotator.Slot
	for i, k := range s.w.Keys {
		slots[i] = rotator.Slot{Active: k.Status == rotator.Active, Rotated: k.Created}
	}
	report.Users[rotatortest.User.Name] = slots
	r, err := rotator.New(
		rotator.Deps{Journal: s.w.Journal, Roster: s.w.Journal, Sealer: rotatortest.Sealer{}},
		&rotator.Fleet{
			Targets:    map[rotator.User]rotator.Target{rotatortest.User: s.w.Target()},
			Inspectors: map[string]rotator.Inspector{rotatortest.User.Account: &inspector{report: report}},
		},
		rotator.Options{Owner: "one", Now: s.w.Local},
	)
	if err != nil {
		s.Fatal(err)
	}
	var looked []rotator.User
	r.Sweep(s.Context(), func(u rotator.User) { looked = append(looked, u) })
	return looked
}
