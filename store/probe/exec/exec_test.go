//go:build unix

package exec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
)

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

// saying makes a probe whose program is a shell script.
func saying(t *testing.T, text string) *Probe {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	run, err1 := program.New(program.Options{Command: []string{path, "runner"}})
	payload, err2 := store.Dotenv(store.Names{KeyID: "ID", Secret: "SECRET"})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{Program: run, Payload: payload, User: "prod/ci", Consumer: "runner"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProgramTriesTheCredentialFromItsStandardInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "told")
	p := saying(t, `{ echo "$1 $2 $KEYROTATOR_USER $KEYROTATOR_CONSUMER ${KEYROTATOR_KEY_ID-none}"; cat; env; } >> `+file)
	if err := errors.Join(p.Check(t.Context()), p.Probe(t.Context(), credential)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	told := string(text)
	for _, want := range []string{"check runner prod/ci runner none\n", "probe runner prod/ci runner AKIAIOSFODNN7EXAMPLE\nID=AKIAIOSFODNN7EXAMPLE\nSECRET="} {
		if !strings.Contains(told, want) {
			t.Errorf("it was told\n%swant %q", told, want)
		}
	}
	if strings.Count(told, credential.RevealSecret()) != 1 {
		t.Error("the secret is not on standard input alone")
	}
	if !strings.HasPrefix(p.Describe(), "exec:/") || !strings.HasSuffix(p.Describe(), "/program runner") {
		t.Errorf("it is described as %s", p.Describe())
	}
}

func TestAProgramThatFailsSaysWhyWithoutTheSecret(t *testing.T) {
	for text, says := range map[string]string{
		"echo cannot push >&2; exit 1": "cannot push", "exit 13": "denied", "kill -KILL $$": "killed", "cut -c 12-30 >&2; exit 1": "not shown", "exit 16": "not complete",
	} {
		if err := saying(t, text).Probe(t.Context(), credential); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "consumer runner") || strings.Contains(err.Error(), "wJalr") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := saying(t, "exit 0").Probe(t.Context(), store.Credential{}); err == nil {
		t.Error("no credential is no error")
	}
	if err := saying(t, "exit 13").Check(t.Context()); !errors.Is(err, store.ErrDenied) {
		t.Errorf("check: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
