//go:build unix

package program

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

const secret = "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC"

// script writes a shell script and prepares it with the arguments.
func script(t *testing.T, timeout time.Duration, text string, arguments ...string) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{Command: append([]string{path}, arguments...), Timeout: timeout, Environment: map[string]string{"REGION": "eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASecretReachesAProgramByItsStandardInputAlone(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of keyrotator itself")
	dir := t.TempDir()
	p := script(t, 0, `cat > "$2/stdin"; printf '%s\n' "$0" "$@" > "$2/arguments"; env | sort > "$2/environment"; pwd; ls -l /proc/self/fd | wc -l > "$2/files"`, dir)
	out, err := p.Run(t.Context(), Call{Verb: "put", Stdin: []byte(secret), Facts: map[string]string{"USER": "prod/ci"}})
	if err != nil || string(out) != "/\n" {
		t.Fatalf("run = %q, %v", out, err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := read("stdin"); got != secret {
		t.Errorf("stdin = %q", got)
	}
	if got := read("arguments"); got != p.path+"\nput\n"+dir+"\n" {
		t.Errorf("arguments = %q", got)
	}
	var names []string
	for line := range strings.Lines(read("environment")) {
		name, value, _ := strings.Cut(line, "=")
		if names = append(names, name); strings.Contains(value, "canary") || strings.Contains(value, "itself") {
			t.Errorf("%s holds a secret", name)
		}
	}
	// PWD is the shell's own.
	if want := []string{"KEYROTATOR_USER", "LANG", "PATH", "PWD", "REGION"}; !slices.Equal(names, want) {
		t.Errorf("environment = %q, want %q", names, want)
	}
}

func TestEveryExitCodeOfTheContractHasItsMeaning(t *testing.T) {
	p := script(t, 0, `echo out; echo "why: $1" >&2; exit "$1"`)
	for code, want := range map[string]error{
		"10": store.ErrForeign, "11": store.ErrEmpty, "12": store.ErrConflict, "13": store.ErrDenied, "14": store.ErrThrottled,
		"15": store.ErrAmbiguous, "16": ErrPending, "1": ErrFailed, "2": ErrFailed, "17": ErrFailed, "127": ErrFailed,
	} {
		out, err := p.Run(t.Context(), Call{Verb: code})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "why: "+code) || string(out) != "out\n" {
			t.Errorf("exit code %s: %q, %v, want %v", code, out, err, want)
		}
		for _, other := range []error{store.ErrForeign, store.ErrEmpty, store.ErrConflict, store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous, ErrPending, ErrFailed} {
			if !errors.Is(other, want) && errors.Is(err, other) {
				t.Errorf("exit code %s means %v too", code, other)
			}
		}
	}
	if out, err := p.Run(t.Context(), Call{Verb: "0"}); err != nil || string(out) != "out\n" {
		t.Errorf("exit code 0: %q, %v", out, err)
	}
	if _, err := script(t, 0, "kill -TERM $$").Run(t.Context(), Call{}); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("a signal: %v", err)
	}
}

func TestWhatAProgramSaysIsShownOnlyIfItIsFreeOfSecrets(t *testing.T) {
	for _, x := range []struct {
		name, text, stdin string
		secrets           []string
		shown             bool
	}{
		{"a plain reason", "echo no such bucket >&2", secret, nil, true},
		{"a reason that names a variable of the document", "echo AWS_SECRET_ACCESS_KEY is missing >&2", "AWS_SECRET_ACCESS_KEY=" + secret, nil, true},
		{"what it read", "cat >&2", secret, nil, false},
		{"a part of what it read", "cut -c 9-20 >&2", "secret=" + secret, nil, false},
		{"what it read, in base64", "base64 >&2", secret, nil, false},
		{"a secret that is not in the document", "echo got " + secret[:15] + " >&2", "", []string{secret}, false},
		{"what it printed", "echo " + secret + "; echo got " + secret[:15] + " >&2", "", nil, false},
		{"the command line that the shell traces", "set -x; s=$(cat)", secret, nil, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := script(t, 0, x.text+"; exit 13").Run(t.Context(), Call{Verb: "put", Stdin: []byte(x.stdin), Secrets: x.secrets})
			if !errors.Is(err, store.ErrDenied) {
				t.Fatalf("err = %v", err)
			}
			if shown := !strings.Contains(err.Error(), "not shown"); shown != x.shown || strings.Contains(err.Error(), "rXUtnF") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// fifo makes a named pipe and returns what reads it to its end.
func fifo(t *testing.T) (string, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var pipe *os.File
	return path, func() string {
		if pipe == nil { // opening waits for a writer
			var err error
			if pipe, err = os.Open(path); err != nil {
				t.Error(err)
				return ""
			}
			t.Cleanup(func() { _ = pipe.Close() })
			line := make([]byte, 6)
			_, _ = io.ReadFull(pipe, line)
			return string(line)
		}
		rest, _ := io.ReadAll(pipe)
		return string(rest)
	}
}

func TestWhatACancelledProgramStartedIsKilledWithIt(t *testing.T) {
	path, read := fifo(t)
	p := script(t, time.Minute, `(echo ready; sleep 600) > "$2" & wait`, path)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := p.Run(ctx, Call{Verb: "put"})
		ended <- err
	}()
	if got := read(); got != "ready\n" {
		t.Fatalf("the child says %q", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, ErrFailed) || !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	read() // returns when nobody holds the pipe any longer: the child is dead
}

func TestAProgramThatTakesTooLongIsKilled(t *testing.T) {
	path, _ := fifo(t)
	_, err := script(t, 50*time.Millisecond, `read line < "$2"`, path).Run(t.Context(), Call{Verb: "put"})
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "longer than 50ms") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	path, read := fifo(t)
	p := script(t, time.Minute, `(echo ready > "$2"; exec sleep 600 3> "$2") & read line < "$3"`, path, os.DevNull)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Run(t.Context(), Call{Verb: "put"})
		ended <- err
	}()
	if got := read(); got != "ready\n" {
		t.Fatalf("the child says %q", got)
	}
	if err := <-ended; err == nil || !errors.Is(err, ErrFailed) { // read fails at the end of the null device
		t.Errorf("err = %v", err)
	}
	read()
}

func TestAProgramNeedNotReadAndMayNotPrintWithoutEnd(t *testing.T) {
	if _, err := script(t, 0, "exit 0").Run(t.Context(), Call{Stdin: bytes.Repeat([]byte("x"), 1<<20)}); err != nil {
		t.Errorf("a program that reads nothing: %v", err)
	}
	out, err := script(t, 0, "head -c 1200000 /dev/zero; head -c 100000 /dev/zero >&2").Run(t.Context(), Call{})
	if !errors.Is(err, ErrFailed) || len(out) != maxStdout || len(err.Error()) > 1000 {
		t.Errorf("a program that prints without end: %d bytes, %d of error", len(out), len(err.Error()))
	}
}

func TestWhatCannotOrShouldNotBeRunIsNot(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("#!/bin/sh\ntouch "+path+".ran\n"), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, x := range []struct{ path, want string }{
		{file("plain", 0o600), "chmod u+x"},
		{file("open", 0o757), "chmod o-w"},
		{dir, "not a regular file"},
		{filepath.Join(dir, "missing"), "no such file"},
	} {
		p, err := New(Options{Command: []string{x.path}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(t.Context(), Call{}); err == nil || !strings.Contains(err.Error(), x.want) || errors.Is(err, ErrFailed) {
			t.Errorf("%s: %v, want %q", x.path, err, x.want)
		}
		if _, err := os.Stat(x.path + ".ran"); err == nil {
			t.Errorf("%s ran", x.path)
		}
	}
	for _, command := range [][]string{nil, {"sh"}, {""}} {
		if _, err := New(Options{Command: command}); err == nil {
			t.Errorf("command %q is accepted", command)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fine := file("fine", 0o700)
	p, err := New(Options{Command: []string{fine}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(ctx, Call{}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrFailed) {
		t.Errorf("under a cancelled context: %v", err)
	}
	if _, err := os.Stat(fine + ".ran"); err == nil {
		t.Error("a program ran under a cancelled context")
	}
}
