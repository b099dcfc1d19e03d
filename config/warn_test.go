package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWarnings(t *testing.T) {
	warnings := func(name string) string {
		cfg, err := Parse(name+".yaml", read(t, "testdata/good/"+name+".yaml"), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, w := range cfg.Warnings() {
			b.WriteString(w.String() + "\n")
		}
		return b.String()
	}
	for _, name := range []string{"minimal", "full", "windows"} {
		if text := warnings(name); text != "" {
			t.Errorf("%s is safe, but has warnings:\n%s", name, text)
		}
	}
	golden(t, "testdata/seconds-long.warnings.txt", warnings("seconds-long"))
	golden(t, "testdata/no-users-yet.warnings.txt", warnings("no-users-yet"))
}

func TestWarningsName(t *testing.T) {
	base := "accounts: {prod: {id: \"111122223333\", region: eu-west-1}}\nusers: [{user: prod/a, consumers: [{store: {file: {path: /a}}, refreshes: 30h}]}]\npolicies: {default: {%}}\n"
	for _, c := range []struct{ name, policy, want string }{
		{"a short overlap", "overlap: 14m", "policies.default.overlap"},
		{"a short quiet", "quiet: 5h", "policies.default.quiet"},
		{"a short trial", "trial: 23h", "policies.default.trial"},
		{"a short settle", "settle: 59s", "policies.default.settle"},
		{"a short lag", "last_used_lag: 3h", "policies.default.last_used_lag"},
		{"a short proof", "verify: {over: 29s}", "policies.default.verify.over"},
		{"a small quorum", "verify: {successes: 2}", "policies.default.verify.successes"},
		{"a lead that the jitter lifts over the age, counting the slowest reader", "max_age: 9d17h", "policies.default.jitter"},
		{"nothing, when all is safe", "max_age: 30d", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("w.yaml", []byte(strings.Replace(base, "%", c.policy, 1)), Env{})
			if err != nil {
				t.Fatal(err)
			}
			found := cfg.Warnings()
			if c.want == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Path != c.want || found[0].Line != 3 {
				t.Errorf("warnings = %+v, want one at %s", found, c.want)
			}
		})
	}
}

func TestAShortTakeoverMarginIsWarnedOfWhereReplicasShareAJournal(t *testing.T) {
	cfg := Config{Users: []User{{}}, Limits: Limits{TakeoverMargin: 5 * time.Minute}}
	for journal, want := range map[string]int{"postgres://localhost/keys": 1, "sqlite:///var/lib/journal.db": 0} {
		cfg.Journal = journal
		found := slices.DeleteFunc(cfg.Warnings(), func(f Finding) bool { return f.Path != "limits.takeover_margin" })
		if len(found) != want {
			t.Errorf("journal %s: %d warnings of a short margin, want %d", journal, len(found), want)
		}
	}
}
