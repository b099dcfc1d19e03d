//go:build unix

package exec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
)

// saying makes a reloader whose program is a shell script.
func saying(t *testing.T, text string, waits bool) *Reloader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := program.New(program.Options{Command: []string{path, "runner"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Program: p, User: "prod/ci", Consumer: "runner", Waits: waits})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAProgramLearnsWhomItReloadsAndForWhichKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "told")
	r := saying(t, `echo "$1 $2 $KEYROTATOR_USER $KEYROTATOR_CONSUMER ${KEYROTATOR_KEY_ID-none} $(wc -c)" >> `+file, true)
	if err := errors.Join(r.Check(t.Context()), r.Reload(t.Context(), "AKIA1")); err != nil {
		t.Fatal(err)
	}
	if done, detail, err := r.Reloaded(t.Context(), "AKIA1"); !done || detail != "" || err != nil {
		t.Errorf("reloaded = %t, %q, %v", done, detail, err)
	}
	told, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := "check runner prod/ci runner none 0\nreload runner prod/ci runner AKIA1 0\nreloaded runner prod/ci runner AKIA1 0\n"
	if string(told) != want {
		t.Errorf("told\n%swant\n%s", told, want)
	}
	if !strings.HasPrefix(r.Describe(), "exec:/") || !strings.HasSuffix(r.Describe(), "/program runner") {
		t.Errorf("it is described as %s", r.Describe())
	}
}

func TestTheEndOfAReloadIsUnderstood(t *testing.T) {
	for text, want := range map[string]error{
		"exit 13": store.ErrDenied, "exit 14": store.ErrThrottled, "exit 15": store.ErrAmbiguous, "exit 1": store.ErrAmbiguous, "kill -KILL $$": store.ErrAmbiguous,
	} {
		if err := saying(t, "echo why >&2; "+text, false).Reload(t.Context(), "AKIA1"); !errors.Is(err, want) || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), "consumer runner") {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestAReloadThatGoesOnIsAskedFor(t *testing.T) {
	for _, x := range []struct {
		text   string
		waits  bool
		done   bool
		detail string
		err    error
	}{
		{"exit 1", false, true, "", nil},
		{"exit 0", true, true, "", nil},
		{"echo 2 of 3 are ready; exit 16", true, false, "2 of 3 are ready", nil},
		{"exit 16", true, false, "not complete yet", nil},
		{"exit 1", true, false, "", program.ErrFailed},
		{"exit 13", true, false, "", store.ErrDenied},
	} {
		done, detail, err := saying(t, x.text, x.waits).Reloaded(t.Context(), "AKIA1")
		if done != x.done || !strings.Contains(detail, x.detail) || !errors.Is(err, x.err) {
			t.Errorf("%s, waits %t: %t, %q, %v", x.text, x.waits, done, detail, err)
		}
	}
}

func TestACheckThatFailsSaysWhy(t *testing.T) {
	if err := saying(t, `[ "$1" != check ] || { echo may not restart runner >&2; exit 13; }`, false).Check(t.Context()); !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "may not restart runner") {
		t.Errorf("check: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := saying(t, "exit 0", false).Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("check under a cancelled context: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
