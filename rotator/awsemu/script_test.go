package awsemu_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func TestFaultScripts(t *testing.T) {
	good := map[string]struct {
		script string
		want   []awsemu.Fault
	}{
		"nothing at all":                   {"", nil},
		"comments, empty faults and lines": {" ; # nothing here; throttle\n\n;", nil},
		"the example of the documentation": {"throttle iam:ListAccessKeys x3; lose-answer iam:CreateAccessKey; flap-new-key", []awsemu.Fault{
			{Kind: awsemu.Throttle, Service: "iam", Operation: "ListAccessKeys", Count: 3},
			{Kind: awsemu.LoseAnswer, Service: "iam", Operation: "CreateAccessKey", Count: 1},
			{Kind: awsemu.FlapNewKey, Count: 2},
		}},
		"every option": {"delay secretsmanager always skip=2 user=ci key=AKIA p=0.25 for=1m30s", []awsemu.Fault{
			{Kind: awsemu.Delay, Service: "secretsmanager", Skip: 2, User: "ci", KeyID: "AKIA", Probability: 0.25, For: 90 * time.Second},
		}},
		"one fault a line": {"keep-alive\r\nno-date x2", []awsemu.Fault{{Kind: awsemu.KeepAlive}, {Kind: awsemu.NoDate, Count: 2}}},
	}
	for name, tt := range good {
		t.Run(name, func(t *testing.T) {
			got, err := awsemu.ParseFaults(tt.script)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	bad := map[string]struct{ script, says string }{
		"an unknown kind":                  {"throtle", `unknown kind "throtle"; known are throttle, refuse`},
		"a misspelt call":                  {"throttle iam:ListAccesKeys", `did you mean "iam:ListAccessKeys"?`},
		"an unknown service":               {"throttle s3:GetObject", `"s3:GetObject" is neither a call`},
		"an unknown option":                {"throttle users=ci", `unknown option "users"`},
		"a count of none":                  {"throttle x0", "not a whole number from 1"},
		"a count said twice":               {"throttle x2 always", "says the count a second time"},
		"an option without a value":        {"throttle user=", "has no value"},
		"a probability of more than one":   {"throttle p=1.5", "probability"},
		"a probability that is no number":  {"throttle p=NaN", "probability"},
		"a negative duration":              {"delay for=-1s", "not a positive duration"},
		"a duration where none is used":    {"throttle for=1s", "for= means nothing to throttle"},
		"a fault that could never act":     {"quota-race iam:ListAccessKeys", "quota-race acts on iam:CreateAccessKey only"},
		"the second of two, by its number": {"throttle; nonsense", `fault 2 ("nonsense")`},
		"a number that is far too large":   {"throttle x99999999999999999999", "not a whole number"},
	}
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			got, err := awsemu.ParseFaults(tt.script)
			if got != nil || !errors.Is(err, awsemu.ErrScript) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, error %v; want %q", got, err, tt.says)
			}
		})
	}
	t.Run("all errors come at once", func(t *testing.T) {
		_, err := awsemu.ParseFaults("one; two; throttle; three")
		if err == nil || strings.Count(err.Error(), "unknown kind") != 3 {
			t.Errorf("error %v", err)
		}
	})
}

func FuzzParseFaults(f *testing.F) {
	f.Add("throttle iam:ListAccessKeys x3; lose-answer iam:CreateAccessKey; flap-new-key")
	f.Add("delay secretsmanager always skip=2 user=ci key=AKIA p=0.25 for=1m30s # slow")
	f.Add("x;=;p=;\n#")
	f.Fuzz(func(t *testing.T, script string) {
		faults, err := awsemu.ParseFaults(script)
		if (err != nil) && faults != nil {
			t.Fatal("faults and an error")
		}
		for _, fault := range faults {
			if fault.Count < 0 || fault.Skip < 0 || fault.Probability < 0 || fault.Probability > 1 || fault.For < 0 {
				t.Fatalf("fault out of range: %+v", fault)
			}
			awsemu.New(awsemu.Options{}).Inject(fault)
		}
	})
}
