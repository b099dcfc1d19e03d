package iamkeys_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/iamkeys"
)

func TestInspectReadsEveryUsersSlotsInTwoCalls(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	made := time.Now().Add(-100 * 24 * time.Hour).UTC().Truncate(time.Second)
	must(t, c.SetKeyCreated(c.old.KeyID(), made))
	second, _, err := c.CreateAccessKey(prodID, "alice")
	must(t, err)
	must(t, c.SetKeyStatus(second, awsemu.Inactive))
	c.ResetCalls()

	report, err := c.keys.Inspect(t.Context())
	must(t, err)
	slots := report.Users["alice"]
	if !slots[0].Active || !slots[0].Rotated.Equal(made) || !slots[0].Used.IsZero() {
		t.Errorf("the first slot is %+v, want active, made %s, never used", slots[0], made)
	}
	if slots[1].Active || !slots[1].Rotated.IsZero() {
		t.Errorf("the second slot is %+v, want inactive", slots[1])
	}
	if time.Since(report.Made) > time.Minute {
		t.Errorf("the report was made %s", report.Made)
	}
	if calls := len(c.Calls()); calls != 2 {
		t.Errorf("it took %d calls, want 2", calls)
	}
}

func TestInspectTellsAReportThatIsNotReadyFromOneThatIsDenied(t *testing.T) {
	c := newCloud(t, awsemu.Options{ReportDelay: time.Hour})
	if _, err := c.keys.Inspect(t.Context()); !errors.Is(err, rotator.ErrThrottled) {
		t.Errorf("a report in the making answers %v, want ErrThrottled", err)
	}
	c.Inject(awsemu.Fault{Operation: "GenerateCredentialReport", Kind: awsemu.Refuse})
	if _, err := c.keys.Inspect(t.Context()); !errors.Is(err, rotator.ErrDenied) {
		t.Errorf("a refusal answers %v, want ErrDenied", err)
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte("user,access_key_1_active\nalice,true\n"))
	f.Add([]byte("user,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date\n" +
		"alice,true,2026-01-01T00:00:00+00:00,N/A,false,N/A,no_information\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		report, err := iamkeys.ParseReport(content)
		if err == nil && report.Users == nil {
			t.Error("a report without users and without an error")
		}
	})
}
