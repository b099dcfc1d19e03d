package rotator

import (
	"testing"
	"time"
)

func TestTheTimeThatIAMIsSilentAboutDoesNotCountAsQuiet(t *testing.T) {
	date := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		ago  time.Duration
		want bool
	}{
		{"used an hour before the lag began, with a quiet time of two", 6 * time.Hour, false},
		{"used more than two hours before the lag began", 7*time.Hour + time.Minute, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := State{
				Progress: Progress{Cycle: &Cycle{Opening: Opening{
					Purpose: PurposeRotation, Retire: "AKIAOLD", Keep: "AKIANEW",
					Policy: Policy{Quiet: 2 * time.Hour, LastUsedLag: 5 * time.Hour},
				}}},
				Live: &Live{Date: date, Needs: Needs{UseOf: "AKIAOLD"}, Use: LastUse{Known: true, At: date.Add(-test.ago)}},
			}
			if got := isQuiet(s, Decision{Verb: VerbDeactivate, Key: "AKIAOLD"}); got != test.want {
				t.Errorf("isQuiet = %t, want %t", got, test.want)
			}
		})
	}
}
