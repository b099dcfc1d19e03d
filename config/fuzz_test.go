package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse feeds the loader anything: it must answer with a Config or with an
// *Error whose findings have places, and show no value that it was told to hide.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("no fixtures at %s (%v)", pattern, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, seed := range []string{
		"a: &a [*a]", strings.Repeat("[", 5000), strings.Repeat("- ", 5000), strings.Repeat("!a ", 5000), strings.Repeat("? ", 5000),
		"accounts: {p: {id: ${file:/run/canary}}}", "%YAML 1.2\n---\n", "\x00", "accounts: |\n  x\n", "users: [{}]", "{", "? ", "- - - -",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("f.yaml", data, testEnv())
		if err == nil {
			_ = cfg.Warnings()
			for _, u := range cfg.Users {
				if u.Name() == "" || u.Account() == "" || len(u.Consumers) == 0 {
					t.Fatalf("accepted the user %+v", u)
				}
			}
			return
		}
		refused, ok := errors.AsType[*Error](err)
		if !ok || cfg != nil || len(refused.Findings) == 0 {
			t.Fatalf("Parse = %v, %v", cfg, err)
		}
		for _, finding := range refused.Findings {
			if finding.Line < 1 || finding.Column < 1 || finding.Message == "" {
				t.Fatalf("finding without a place or message: %+v", finding)
			}
		}
		if !strings.Contains(string(data), canary[:6]) && strings.Contains(err.Error(), canary[:6]) {
			t.Fatalf("the message shows a hidden value:\n%v", err)
		}
	})
}
