package ssm

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzAMarkIsReadBack(f *testing.F) {
	f.Add("", "prod/ci", "AKIAX")
	f.Add("The nightly job.", "prod/ci+x@y", "AKIAX")
	f.Add("old [keyrotator a/b AKIA 00000000000000000000000000000000]", "prod/ci", "AKIAX")
	f.Add(strings.Repeat("x", maxDescription), "prod/ci", "AKIAX")
	f.Fuzz(func(t *testing.T, text, owner, keyID string) {
		if len(owner) > 300 || len(keyID) > 128 || len(strings.Fields(owner)) != 1 || len(strings.Fields(keyID)) != 1 ||
			strings.Fields(owner)[0] != owner || strings.Fields(keyID)[0] != keyID || !utf8.ValidString(owner+keyID+text) {
			return
		}
		m := mark{owner, keyID, fingerprint(owner, "value")}
		described := m.describe(text)
		if utf8.RuneCountInString(described) > maxDescription {
			t.Fatalf("%q is too long", described)
		}
		if back, ok := parseMark(described); !ok || back != m {
			t.Fatalf("%q is read as %+v, want %+v", described, back, m)
		}
		if again := m.describe(described); again != described {
			t.Fatalf("describing twice gives %q, once %q", again, described)
		}
	})
}
