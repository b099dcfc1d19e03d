package store_test

import (
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

var newMark = store.Mark{Owner: "prod/ci", KeyID: "AKIANEW"}

func TestAMarkIsOneWordOfADescriptionAndKeepsTheOthers(t *testing.T) {
	for description, want := range map[string]string{
		"":                                   "keyrotator:prod/ci:AKIANEW",
		"  for  the nightly job ":            "  for  the nightly job  keyrotator:prod/ci:AKIANEW",
		"keyrotator:prod/ci:AKIAOLD":         "keyrotator:prod/ci:AKIANEW",
		"a  keyrotator:prod/ci:AKIAOLD  b":   "a  keyrotator:prod/ci:AKIANEW  b",
		"xkeyrotator:prod/ci:AKIAOLD":        "xkeyrotator:prod/ci:AKIAOLD keyrotator:prod/ci:AKIANEW",
		"a\nkeyrotator:prod/ci:AKIAOLD":      "a\nkeyrotator:prod/ci:AKIANEW",
		"about keyrotator, not marked by it": "about keyrotator, not marked by it keyrotator:prod/ci:AKIANEW",
	} {
		got := newMark.Into(description)
		if got != want {
			t.Errorf("%q becomes %q, want %q", description, got, want)
		}
		if m := store.ParseMark(got); m != newMark {
			t.Errorf("%q is read as %+v", got, m)
		}
	}
}

func TestAMarkThatNobodyCanReadIsUnclear(t *testing.T) {
	for _, description := range []string{
		"keyrotator:", "keyrotator:prod/ci", "keyrotator::AKIA", "keyrotator:prod/ci:", "keyrotator:prod/ci:AKIA:x",
		"keyrotator:prod/ci:AKIA keyrotator:prod/ci:AKIA", "keyrotator: prod/ci:AKIA",
	} {
		if m := store.ParseMark(description); m != (store.Mark{Unclear: true}) {
			t.Errorf("%q is read as %+v", description, m)
		}
	}
	for _, m := range []store.Mark{{}, {Owner: "prod/a b", KeyID: "AKIA"}, {Owner: "prod/a:b", KeyID: "AKIA"}, {Owner: "prod/ci"}} {
		if m.Valid() {
			t.Errorf("%+v passes for a mark that can be read back", m)
		}
	}
	if !newMark.Valid() {
		t.Errorf("%+v cannot be read back", newMark)
	}
}

func FuzzMark(f *testing.F) {
	for _, seed := range []string{"", "keyrotator:prod/ci:AKIA", "a keyrotator: b", "keyrotator:a:b keyrotator:c:d", "keyrotator:a:b:c", "\u00a0keyrotator:a:b", "\xffkeyrotator:a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, description string) {
		had := store.ParseMark(description)
		if had != (store.Mark{}) && !strings.Contains(description, "keyrotator:") {
			t.Fatalf("a mark %+v out of nothing", had)
		}
		if had.Unclear {
			return // such a description is never written
		}
		marked := newMark.Into(description)
		if m := store.ParseMark(marked); m != newMark {
			t.Errorf("%q became %q, which is read as %+v", description, marked, m)
		}
		if had == newMark && marked != description {
			t.Errorf("%q became %q for no reason", description, marked)
		}
	})
}
