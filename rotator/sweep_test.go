package rotator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func TestAReportDeviatesOnlyWhereTheJournalExpectsOtherwise(t *testing.T) {
	made := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	created, before, cut := made.AddDate(0, -1, 0), made.Add(-time.Hour), made.Add(-2*time.Hour)
	idle := rotator.Progress{Phase: rotator.PhaseIdle, Created: created, Since: before}
	overlap := rotator.Progress{Phase: rotator.PhaseOverlap, Since: before, Cycle: &rotator.Cycle{}}
	trial := rotator.Progress{Phase: rotator.PhaseTrial, Since: before, Cycle: &rotator.Cycle{UseAtCut: cut}}
	halted := idle
	halted.Halt = &rotator.Halt{Reason: rotator.ReasonSecondKey}
	late := idle
	late.Since = made
	current := rotator.Slot{Active: true, Rotated: created}
	other := rotator.Slot{Active: true, Rotated: before}
	cases := []struct {
		name     string
		progress rotator.Progress
		slots    [2]rotator.Slot
		missing  bool
		want     bool
	}{
		{"one key as recorded is at rest", idle, [2]rotator.Slot{current}, false, false},
		{"the recorded key may lie in the second slot", idle, [2]rotator.Slot{{}, current}, false, false},
		{"a second key by hand is looked at", idle, [2]rotator.Slot{current, other}, false, true},
		{"a key made by hand in place of ours is looked at", idle, [2]rotator.Slot{other}, false, true},
		{"a key made inactive is looked at", idle, [2]rotator.Slot{}, false, true},
		{"a user that is gone is looked at", idle, [2]rotator.Slot{}, true, true},
		{"a halted user waits for a person", halted, [2]rotator.Slot{current, other}, false, false},
		{"a report older than the change says nothing", late, [2]rotator.Slot{current, other}, false, false},
		{"two keys in the overlap are as they should be", overlap, [2]rotator.Slot{current, other}, false, false},
		{"one key in the overlap is looked at", overlap, [2]rotator.Slot{other}, false, true},
		{"an unused old key in the trial is as it should be", trial, [2]rotator.Slot{{Used: cut}, other}, false, false},
		{"an old key used in the trial is looked at", trial, [2]rotator.Slot{{Used: before}, other}, false, true},
		{"an old key made active in the trial is looked at", trial, [2]rotator.Slot{current, other}, false, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			report := rotator.Report{Made: made, Users: map[string][2]rotator.Slot{"robot": c.slots}}
			if c.missing {
				report.Users = nil
			}
			if got := c.progress.Deviates(report, "robot"); got != c.want {
				t.Errorf("Deviates is %v, want %v", got, c.want)
			}
		})
	}
}

// inspector counts how often an account is inspected.
type inspector struct {
	report rotator.Report
	err    error
	asked  int
}

func (i *inspector) Inspect(context.Context) (rotator.Report, error) {
	i.asked++
	return i.report, i.err
}

// hourly ticks once an hour.
type hourly struct{}

func (hourly) Next(after time.Time) time.Time { return after.Add(time.Hour) }

func TestASweepLooksAtTheUserThatDeviatesAndAtNobodyElse(t *testing.T) {
	for _, denied := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { sweepOnce(t, denied) })
	}
}

// sweepOnce has two users at rest, one of whom has a second key by hand. With a
// report only that one is looked at; without permission to read it both are.
func sweepOnce(t *testing.T, denied bool) {
	t.Helper()
	ledger := journal.NewMemory()
	users := map[string]*countingIAM{}
	fleet := &rotator.Fleet{Targets: map[rotator.User]rotator.Target{}, Inspectors: map[string]rotator.Inspector{}}
	report := rotator.Report{Users: map[string][2]rotator.Slot{}}
	for _, name := range []string{"calm", "busy"} {
		user := rotator.User{Account: "acct", Name: name}
		users[name] = &countingIAM{key: rotator.Key{ID: rotator.KeyID("AKIA" + name), Status: rotator.Active, Created: time.Now()}}
		fleet.Targets[user] = rotator.Target{User: user, Policy: searchPolicy(), Keyring: users[name], Witness: users[name]}
		if err := ledger.Register(t.Context(), user, time.Now()); err != nil {
			t.Fatal(err)
		}
		report.Users[name] = [2]rotator.Slot{{Active: true, Rotated: time.Now()}}
	}
	report.Users["busy"] = [2]rotator.Slot{{Active: true, Rotated: time.Now()}, {Active: true, Rotated: time.Now()}}
	look := &inspector{report: report}
	if denied {
		look.err = rotator.ErrDenied
	}
	fleet.Inspectors["acct"] = look
	r, err := rotator.New(rotator.Deps{Journal: ledger, Roster: ledger, Sealer: noSealer{}}, fleet, rotator.Options{Owner: "one"})
	if err != nil {
		t.Fatal(err)
	}
	look.report.Made = time.Now().Add(30 * time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- rotator.NewLoop(r, hourly{}).Run(ctx) }()
	time.Sleep(59 * time.Minute) // of the bubble's fake clock
	for _, u := range users {
		u.lists.Store(0)
	}
	time.Sleep(2 * time.Minute)
	stop()
	<-ended
	if look.asked != 1 {
		t.Errorf("the account was inspected %d times, want once", look.asked)
	}
	if n := users["busy"].lists.Load(); n == 0 {
		t.Error("the user with a second key was not looked at")
	}
	if n := users["calm"].lists.Load(); (n > 0) != denied {
		t.Errorf("the user at rest was looked at %d times; the report was denied: %v", n, denied)
	}
}
