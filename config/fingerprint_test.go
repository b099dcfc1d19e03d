package config

import (
	"strings"
	"testing"
)

func TestTheFingerprintIsOfWhatAStepGoesBy(t *testing.T) {
	const text = `
accounts: {prod: {id: "111122223333", region: "${env:AWS_REGION}"}}
policies: {default: {overlap: 2d}}
journal: sqlite:///var/lib/keyrotator/journal.db
users:
  - user: prod/ci-deployer
    consumers: [{store: {secretsmanager: {secret: ci}}}]
`
	of := func(text, region string) string {
		t.Helper()
		env := testEnv()
		env.LookupEnv = func(string) (string, bool) { return region, true }
		c, err := Parse("x.yaml", []byte(text), env)
		if err != nil {
			t.Fatal(err)
		}
		return c.Fingerprint()
	}
	with := func(old, replacement string) string {
		t.Helper()
		changed := strings.Replace(text, old, replacement, 1)
		if changed == text {
			t.Fatalf("%q is not in the text", old)
		}
		return changed
	}
	want := of(text, "eu-west-1")
	if len(want) != 64 {
		t.Fatalf("the fingerprint is %q", want)
	}
	for name, c := range map[string]struct {
		text, region string
		same         bool
	}{
		"another environment":        {text, "us-east-1", true},
		"a comment and other quotes": {with("overlap: 2d}}", "overlap: '2d' }} # two days"), "eu-west-1", true},
		"another way to the journal": {with("sqlite:///var/lib/keyrotator/journal.db", "sqlite:///mnt/journal.db"), "eu-west-1", true},
		"another limit":              {text + "limits: {calls_in_flight: 3}\n", "eu-west-1", true},
		"another grace":              {with("overlap: 2d", "overlap: 3d"), "eu-west-1", false},
		"another user":               {with("prod/ci-deployer", "prod/ci"), "eu-west-1", false},
		"a safety mode":              {text + "observe_only: true\n", "eu-west-1", false},
	} {
		if got := of(c.text, c.region); (got == want) != c.same {
			t.Errorf("%s: %s after %s, want them the same: %v", name, got, want, c.same)
		}
	}
	if got := (&Config{}).Fingerprint(); got != "" {
		t.Errorf("a configuration without a file has the fingerprint %q", got)
	}
}
