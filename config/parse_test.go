package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files and generated references")

// canary is a value that no message may ever show.
const canary = "wJalrXUtnFEMI-canary"

func testEnv() Env {
	variables := map[string]string{
		"ACCOUNT_ID": "111122223333", "AWS_REGION": "eu-west-1", "OVERLAP": "36h", "CI_USER": "ci-deployer", "EMPTY": "",
	}
	files := map[string]string{
		"/etc/keyrotator/external-id": "external-id-7\n",
		"/run/canary":                 canary + "\n",
		"/run/signing-key":            strings.Repeat("k", 64) + "\n",
		"/run/spaces":                 canary + " with \"spaces\"",
		"/run/cron":                   canary + "  * *  * *",
		"/run/user":                   "prod/" + canary + " x",
	}
	return Env{
		LookupEnv: func(name string) (string, bool) { v, ok := variables[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if path == "/forbidden" {
				return nil, fs.ErrPermission
			}
			text, ok := files[path]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
	}
}

func fixtures(t *testing.T, pattern string, atLeast int) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) < atLeast {
		t.Fatalf("found %d fixtures (%v), want at least %d", len(names), err, atLeast)
	}
	return names
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// golden compares text with a file, or writes the file with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, name)); want != text {
		t.Errorf("%s is stale; run go test ./config -update and read the difference\n--- have\n%s\n--- want\n%s", name, text, want)
	}
}

func TestGoodFixtures(t *testing.T) {
	for _, name := range fixtures(t, "good/*.yaml", 10) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			cfg, err := Parse(filepath.Base(name), read(t, name), testEnv())
			if err != nil {
				t.Fatal(err)
			}
			for _, policy := range cfg.Policies {
				if _, err := policy.Calendar(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestBadFixtures(t *testing.T) {
	for _, name := range fixtures(t, "bad/*.yaml", 30) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := Parse(filepath.Base(name), read(t, name), testEnv())
			refused, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("err = %v, want an *Error", err)
			}
			text := refused.Error() + "\n"
			if strings.Contains(text, canary[:6]) || strings.Contains(text, canary[6:]) || strings.Contains(text, "hunter2") {
				t.Errorf("the message shows a secret:\n%s", text)
			}
			for i, f := range refused.Findings {
				if f.Line < 1 || f.Column < 1 || f.Message == "" {
					t.Errorf("finding %d has no place or no message: %+v", i, f)
				}
				if i > 0 && f.Line < refused.Findings[i-1].Line {
					t.Errorf("finding %d is out of order", i)
				}
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", text)
		})
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := Parse("minimal.yaml", read(t, "testdata/good/minimal.yaml"), Env{})
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Policies[DefaultPolicy]
	for _, c := range []struct {
		name       string
		have, want any
	}{
		{"max_age", p.MaxAge, 90 * 24 * time.Hour},
		{"overlap", p.Overlap, 24 * time.Hour},
		{"quiet", p.Quiet, 24 * time.Hour},
		{"trial", p.Trial, 7 * 24 * time.Hour},
		{"settle", p.Settle, 10 * time.Minute},
		{"jitter", p.Jitter, 6 * time.Hour},
		{"push_limit", p.PushLimit, 15 * time.Minute},
		{"last_used_lag", p.LastUsedLag, 5 * time.Hour},
		{"verify.successes", p.Verify.Successes, 3},
		{"verify.over", p.Verify.Over, time.Minute},
		{"verify.limit", p.Verify.Limit, 15 * time.Minute},
		{"journal", cfg.JournalPath(), "/var/lib/keyrotator/journal.db"},
		{"sealing", cfg.Sealing.Identity, "/var/lib/keyrotator/journal.db.identity"},
		{"sweep", cfg.Schedule.Sweep, "@every 1h"},
		{"calls", cfg.Limits.CallsInFlight, 8},
		{"timeout", cfg.Limits.CallTimeout, 30 * time.Second},
		{"failures", cfg.Breaker.Failures, 5},
		{"within", cfg.Breaker.Within, time.Hour},
		{"partition", cfg.Accounts["prod"].Partition, "aws"},
		{"session", cfg.Accounts["prod"].SessionName, "keyrotator"},
		{"required", cfg.Users[0].Consumers[0].Required, true},
		{"format", cfg.Users[0].Consumers[0].Store.File.Format, FormatCredentials},
		{"mode", cfg.Users[0].Consumers[0].Store.File.Mode, "0600"},
		{"policy of the user", cfg.PolicyOf(cfg.Users[0]).MaxAge, p.MaxAge},
		{"account of the user", cfg.Users[0].Account(), "prod"},
		{"name of the user", cfg.Users[0].Name(), "ci"},
	} {
		if c.have != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.have, c.want)
		}
	}
}

func TestDerivedValues(t *testing.T) {
	parse := func(name string) *Config {
		cfg, err := Parse(name, read(t, "testdata/good/"+name+".yaml"), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	arn := parse("secret-by-arn").Users[0].Consumers[0].Store
	if got := arn.Location(); got != "secretsmanager:vault/eu-central-1/team/ci" {
		t.Errorf("location of an ARN = %s", got)
	}
	smtp := parse("ses-smtp").Users[0].Consumers[0].Store
	if want := (Fields{SMTPUser: "username", SMTPPassword: "password"}); smtp.File.Fields != want || smtp.HoldsSecret() {
		t.Errorf("fields = %+v, want only those of SMTP", smtp.File.Fields)
	}
	both := parse("ses-smtp-beside-the-key").Users[0].Consumers[0].Store
	if want := (Fields{"id", "key", "SMTP_USERNAME", "SMTP_PASSWORD"}); both.SecretsManager.Fields != want || !both.HoldsSecret() {
		t.Errorf("fields = %+v", both.SecretsManager.Fields)
	}
	template := parse("template").Users[0].Consumers[0].Store.File.Template
	if !strings.HasSuffix(template, "literal=${not.expanded}\n") || !strings.Contains(template, "{{.KeyID}}") {
		t.Errorf("template = %q", template)
	}
	expanded := parse("expansion")
	if expanded.Users[0].User != "prod/ci-deployer" || expanded.Policies[DefaultPolicy].Overlap != 36*time.Hour {
		t.Errorf("expanded = %+v", expanded.Users[0])
	}
	full := parse("full")
	if got := full.Accounts["prod"].ExternalID.RevealSecretText(); got != "external-id-7" {
		t.Errorf("external id = %q", got)
	}
	if got := full.Accounts["shared"].ID; got != "444455556666" {
		t.Errorf("an unquoted account id became %q", got)
	}
	lead, err := full.Policies["quarterly"].Lead(Pace{Refreshes: 2 * 24 * time.Hour})
	if err != nil || lead.Total() != 10*time.Minute+time.Minute+15*time.Minute+48*time.Hour+24*time.Hour+5*time.Hour+7*24*time.Hour+3*69*time.Hour {
		t.Errorf("lead = %v = %v (%v)", lead.Total(), lead, err)
	}
}

func TestLoadReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("KEYROTATOR_TEST_REGION", "eu-west-1")
	path := filepath.Join(t.TempDir(), "keyrotator.yaml")
	text := "accounts:\n  prod: {id: \"111122223333\", region: \"${env:KEYROTATOR_TEST_REGION}\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path)
	if err != nil || cfg.Accounts["prod"].Region != "eu-west-1" {
		t.Errorf("Load = %+v, %v", cfg, err)
	}
	if _, err := Load(path + ".missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v, want fs.ErrNotExist", err)
	}
}
