//go:build unix

package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
	"github.com/keyrotator/keyrotator/store/storetest"
)

// shelf is a program as docs/stores/exec.md asks for one, over a folder that is
// its argument: the mark lies in owner, the document in document, a line for
// each write in writes. Files that a test makes there have it misbehave.
const shelf = `#!/bin/sh
set -eu
place=$2
foreign() {
	[ -e "$place/document" ] || return 1
	owner=$(cat "$place/owner" 2>/dev/null || :)
	if [ -e "$place/blind" ]; then
		[ "$KEYROTATOR_RECORDED" = false ] && [ "$KEYROTATOR_ADOPT" = false ]
	elif [ -n "$owner" ]; then
		[ "$owner" != "$KEYROTATOR_USER" ]
	else
		[ "$KEYROTATOR_ADOPT" = false ]
	fi
}
case $1 in
check)
	if [ -e "$place/judges" ] && foreign; then
		echo "it is not yours" >&2
		exit 10
	fi
	;;
get)
	[ -e "$place/document" ] || exit 11
	cat "$place/owner" 2>/dev/null || echo
	cat "$place/document"
	;;
put)
	if [ -e "$place/judges" ] && foreign; then
		echo "it is not yours: $(cat "$place/document")" >&2
		exit 10
	fi
	cat > "$place/new.$$"
	mv "$place/new.$$" "$place/document"
	[ -e "$place/blind" ] || { echo "$KEYROTATOR_USER" > "$place/new.$$"; mv "$place/new.$$" "$place/owner"; }
	echo "$KEYROTATOR_KEY_ID" >> "$place/writes"
	if [ -s "$place/lose" ]; then
		sed -i 1d "$place/lose"
		exit 1
	fi
	;;
esac
`

func payloads(t *testing.T) map[string]store.Payload {
	t.Helper()
	names := store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}
	document, err1 := store.JSON(names)
	dotenv, err2 := store.Dotenv(names)
	template, err3 := store.Template("id={{.KeyID}} secret={{.Secret}}\n")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return map[string]store.Payload{"json": document, "dotenv": dotenv, "template": template}
}

// shelfAt makes a folder with the program in it.
func shelfAt(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shelf"), []byte(shelf), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, flag := range flags {
		write(t, filepath.Join(dir, flag), "")
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return text
}

func openAt(t *testing.T, command []string, payload store.Payload, reads bool, owner string, adopt bool) store.Store {
	t.Helper()
	p, err := program.New(program.Options{Command: command})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Program: p, Payload: payload, Owner: owner, Adopt: adopt, Reads: reads})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAProgramThatReadsConforms(t *testing.T) {
	for name, payload := range payloads(t) {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{Payload: payload, NewPlace: func(t *testing.T) storetest.Place { return newPlace(t, payload, true) }})
		})
	}
}

func TestAProgramThatJudgesByItselfConforms(t *testing.T) {
	for name, payload := range payloads(t) {
		for _, blind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, blind %t", name, blind), func(t *testing.T) {
				storetest.Run(t, storetest.Harness{Payload: payload, WriteOnly: true, Unmarked: blind, NewPlace: func(t *testing.T) storetest.Place {
					if blind {
						return newPlace(t, payload, false, "judges", "blind")
					}
					return newPlace(t, payload, false, "judges")
				}})
			})
		}
	}
}

func newPlace(t *testing.T, payload store.Payload, reads bool, flags ...string) storetest.Place {
	t.Helper()
	dir := shelfAt(t, flags...)
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			return openAt(t, []string{filepath.Join(dir, "shelf"), dir}, payload, reads, owner, adopt)
		},
		Seed: func(t *testing.T, document []byte) {
			t.Helper()
			write(t, filepath.Join(dir, "document"), string(document))
		},
		Content: func(t *testing.T) []byte {
			t.Helper()
			return read(t, filepath.Join(dir, "document"))
		},
		Writes: func(t *testing.T) int {
			t.Helper()
			return bytes.Count(read(t, filepath.Join(dir, "writes")), []byte("\n"))
		},
		LoseAnswer: func(t *testing.T, n int) {
			t.Helper()
			write(t, filepath.Join(dir, "lose"), strings.Repeat("\n", n))
		},
	}
}

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

// saying makes a store whose program ends as the text says.
func saying(t *testing.T, text string, reads bool) store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return openAt(t, []string{path}, payloads(t)["json"], reads, storetest.Owner, false)
}

func TestTheEndOfAPutIsUnderstood(t *testing.T) {
	for _, x := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"foreign", "exit 10", store.ErrForeign, "adopt: true"},
		{"a code of get", "exit 11", store.ErrAmbiguous, ""},
		{"somebody else wrote", "exit 12", store.ErrConflict, ""},
		{"denied, with a reason", "echo s3:PutObject is missing >&2; exit 13", store.ErrDenied, "s3:PutObject is missing"},
		{"throttled", "exit 14", store.ErrThrottled, ""},
		{"unknown", "exit 15", store.ErrAmbiguous, ""},
		{"a code of reloads", "exit 16", store.ErrAmbiguous, ""},
		{"any other code", "exit 1", store.ErrAmbiguous, "exit code 1"},
		{"killed", "kill -KILL $$", store.ErrAmbiguous, "killed"},
		{"it tells what it read", "cat >&2; exit 13", store.ErrDenied, "not shown"},
	} {
		t.Run(x.name, func(t *testing.T) {
			receipt, err := saying(t, x.text, false).Put(t.Context(), credential)
			if !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.says) || receipt.Changed || strings.Contains(err.Error(), "canary") {
				t.Errorf("put: %+v, %v, want %v", receipt, err, x.want)
			}
			for _, other := range []error{store.ErrForeign, store.ErrEmpty, store.ErrConflict, store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous} {
				if !errors.Is(x.want, other) && errors.Is(err, other) {
					t.Errorf("it means %v too", other)
				}
			}
		})
	}
}

func TestAPutThatIsCutShortMayHaveHadEffect(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "begun")
	ctx, cancel := context.WithCancel(t.Context())
	s := saying(t, `mkfifo "`+path+`.wait"; echo > "`+path+`"; read line < "`+path+`.wait"`, false)
	ended := make(chan error, 1)
	begun := filepath.Join(dir, "begun")
	if err := mkfifo(begun); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := s.Put(ctx, credential)
		ended <- err
	}()
	if _, err := os.ReadFile(begun); err != nil { // returns once the program has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
}

func TestAnAdoptedPlaceIsMarkedEvenIfItHoldsTheCredentialAlready(t *testing.T) {
	dir, payload := shelfAt(t), payloads(t)["json"]
	document, err := store.Merge(payload, nil, credential)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "document"), string(document))
	s := openAt(t, []string{filepath.Join(dir, "shelf"), dir}, payload, true, storetest.Owner, true)
	if receipt, err := s.Put(t.Context(), credential); err != nil || !receipt.Changed {
		t.Errorf("put: %+v, %v", receipt, err)
	}
	if held, err := s.(store.Reader).Get(t.Context()); err != nil || held.Owner != storetest.Owner {
		t.Errorf("owner = %q, %v", held.Owner, err)
	}
}

func TestAGetThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a failure": "exit 1", "denied": "exit 13", "no line for the mark": `printf '{"AWS_ACCESS_KEY_ID":"canary-no-mark"}'`, "something else there": `printf '{"canary\n'`,
	} {
		s := saying(t, `[ "$1" = get ] || { touch "`+dir+`/wrote"; exit 0; }; `+text, true)
		_, err := s.Put(t.Context(), credential)
		if err == nil || errors.Is(err, store.ErrAmbiguous) || strings.Contains(err.Error(), "canary") {
			t.Errorf("put, %s: %v", name, err)
		}
		if _, err := s.(store.Reader).Get(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("get, %s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "wrote")); err == nil {
		t.Error("the program was asked to write")
	}
}

func TestACheckAsksTheProgram(t *testing.T) {
	for text, want := range map[string]error{
		"exit 0": store.ErrShape, "exit 11": nil, "exit 10": store.ErrForeign, "exit 13": store.ErrDenied, "exit 1": program.ErrFailed,
		`[ "$1" = check ] && exit 0; exit 11`: nil, `[ "$1" = check ] && exit 0; exit 13`: store.ErrDenied, `[ "$1" = check ] && exit 0; printf 'prod/other\nx'`: store.ErrForeign,
	} {
		if err := saying(t, text, true).(store.Checker).Check(t.Context()); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

func FuzzWhatGetPrints(f *testing.F) {
	for _, seed := range []string{"", "\n", "prod/ci\n{}", "\r\nx", "prod/ci", "secret\nx", "prod/ci\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		got, err := parse(out)
		if err != nil {
			if len(got.document) > 0 || got.owner != "" || !errors.Is(err, store.ErrEmpty) && !errors.Is(err, store.ErrShape) {
				t.Fatalf("parse = %+v, %v", got, err)
			}
			return
		}
		if got.owner != "" && !ownerMark.MatchString(got.owner) || len(got.document) == 0 || !bytes.HasSuffix(out, got.document) {
			t.Fatalf("parse of %q = %+v", out, got)
		}
	})
}
