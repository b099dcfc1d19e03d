package rotator_test

import (
	"context"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// swapping has somebody swap the configuration right before the first wait within
// a cycle is saved.
type swapping struct {
	rotator.Journal

	swap func()
}

func (s *swapping) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	if swap := s.swap; swap != nil && row.Waiting != "" && row.Progress.Cycle != nil {
		s.swap = nil
		swap()
	}
	return s.Journal.Save(ctx, row, change)
}

func TestAWaitThatWasDecidedUnderAFormerConfigurationIsNotSatOut(t *testing.T) {
	d := deploy(t, quarter, "robot")
	j := &swapping{Journal: d.journal}
	r, err := rotator.New(rotator.Deps{Journal: j, Roster: d.journal, Sealer: rotatortest.Sealer{}}, d.fleet, rotator.Options{Owner: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	j.swap = func() { r.Reload(&rotator.Fleet{}) }
	for steps := 0; j.swap != nil; steps++ {
		if steps == manySteps {
			t.Fatal("no cycle ever waited")
		}
		if _, err := r.Step(t.Context(), robot, true); err != nil {
			t.Fatal(err)
		}
	}
	if row := d.row("robot"); row.Progress.Halt == nil || row.Progress.Halt.Reason != rotator.ReasonUnconfigured {
		t.Errorf("it waits for %s until %s, and is configured no longer", row.Waiting, row.Due.Format(time.DateTime))
	}
}
