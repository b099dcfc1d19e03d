package vault

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzAMarkSurvivesItsPatches applies the patches of two writes to any custom
// metadata, as Vault does, and looks at the mark that comes of it.
func FuzzAMarkSurvivesItsPatches(f *testing.F) {
	f.Add(`{"team": "platform", "keyrotator": "prod/x", "keyrotator:AKIAOLD": "3"}`, "AKIANEW", "AKIANEWER", 4)
	f.Add(`{"keyrotator:": "3", "keyrotator:AKIA": "-1", "keyrotator:B": 5}`, "AKIANEW", strings.Repeat("x", 200), 0)
	f.Fuzz(func(t *testing.T, before, one, two string, version int) {
		var custom map[string]any
		if json.Unmarshal([]byte(before), &custom) != nil || custom == nil || one == "" || two == "" || one == two || version < 0 || version > 1<<30 {
			return
		}
		patch := func(changes map[string]any) {
			for key, value := range changes {
				if len(key) > maxKey {
					t.Fatalf("the name %q is too long", key)
				}
				if custom[key] = value; value == nil {
					delete(custom, key)
				}
			}
		}
		others := 0
		for key := range custom {
			if !strings.HasPrefix(key, ownerKey) {
				others++
			}
		}
		patch(parseMark(custom).announce("prod/ci", one, "", version))
		patch(parseMark(custom).announce("prod/ci", two, one, version+1))
		m := parseMark(custom)
		if m.owner != "prod/ci" || !m.names(one) || !m.names(two) {
			t.Fatalf("the mark is %+v", m)
		}
		for key := range custom {
			if !strings.HasPrefix(key, ownerKey) {
				others--
			}
		}
		if others != 0 {
			t.Fatal("what is not ours was changed")
		}
	})
}
