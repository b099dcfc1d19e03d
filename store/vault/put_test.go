package vault_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

func TestOtherFieldsAndWhatPeopleSaidOfTheSecretStay(t *testing.T) {
	w := newWorld(t)
	w.seed(t, map[string]any{"n": 15, "deep": map[string]any{"list": []any{"a", true, nil}}, "AWS_ACCESS_KEY_ID": "AKIAFOREIGN"})
	w.call(t, "POST", "secret/metadata/"+w.path, map[string]any{"custom_metadata": map[string]string{"team": "platform"}, "max_versions": 7})
	o := w.pair(t)
	o.Adopt = true
	put(t, open(t, o), older)
	put(t, open(t, w.pair(t)), newer)
	want := `{"AWS_ACCESS_KEY_ID":"AKIANEWER","AWS_SECRET_ACCESS_KEY":"newer/secret","deep":{"list":["a",true,null]},"n":15}`
	if got := marshal(t, w.fields(t)); got != want {
		t.Errorf("the secret holds %s, want %s", got, want)
	}
	about := w.metadata(t)
	if custom := about["custom_metadata"].(map[string]any); custom["team"] != "platform" || custom["keyrotator"] != owner || about["max_versions"] != 7.0 {
		t.Errorf("the metadata are %v", about)
	}
}

func TestAWriteInBetweenIsMergedOrRefused(t *testing.T) {
	for _, x := range []struct {
		name  string
		write map[string]any
		want  error
	}{
		{"somebody adds a field", map[string]any{"AWS_ACCESS_KEY_ID": "AKIAOLDER", "AWS_SECRET_ACCESS_KEY": "older/secret", "note": "added"}, nil},
		{"somebody puts another key there", map[string]any{"AWS_ACCESS_KEY_ID": "AKIAFOREIGN", "AWS_SECRET_ACCESS_KEY": "foreign/secret", "note": "added"}, store.ErrForeign},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			put(t, open(t, w.pair(t)), older)
			w.transport.during("PUT", "secret/data/"+w.path, 1, func() { w.seed(t, x.write) })
			_, err := open(t, w.pair(t)).Put(t.Context(), newer)
			if !errors.Is(err, x.want) {
				t.Errorf("put: %v, want %v", err, x.want)
			}
			fields := w.fields(t)
			if fields["note"] != "added" || (fields["AWS_ACCESS_KEY_ID"] == newer.KeyID()) != (x.want == nil) {
				t.Errorf("the secret holds %v", fields)
			}
		})
	}
}

func TestABusyWriterEndsInAConflict(t *testing.T) {
	w := newWorld(t)
	put(t, open(t, w.pair(t)), older)
	n := 0
	w.transport.during("PUT", "secret/data/"+w.path, 99, func() {
		n++
		w.seed(t, map[string]any{"AWS_ACCESS_KEY_ID": "AKIAOLDER", "AWS_SECRET_ACCESS_KEY": "older/secret", "n": n})
	})
	if _, err := open(t, w.pair(t)).Put(t.Context(), newer); !errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("put: %v, want ErrConflict", err)
	}
	if w.fields(t)["n"] != float64(n) {
		t.Errorf("the secret holds %v after %d writes", w.fields(t), n)
	}
}

func TestReplicasThatWriteAtOnceNeverLoseTheMark(t *testing.T) {
	for name, method := range map[string]string{"between our mark and our write": "PUT", "before our mark": "PATCH"} {
		for _, filled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, filled before %t", name, filled), func(t *testing.T) {
				w, rival := newWorld(t), newWorld(t)
				rival.path = w.path
				other := open(t, rival.pair(t))
				if filled {
					put(t, other, older)
				}
				path := map[string]string{"PUT": "secret/data/", "PATCH": "secret/metadata/"}[method] + w.path
				w.transport.during(method, path, 1, func() { put(t, other, newest) })
				mine := open(t, w.pair(t))
				put(t, mine, newer)
				if held, err := mine.Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner || held.Previous != newest.KeyID() {
					t.Errorf("get: %v of %q, before it %q, %v", held.Credential, held.Owner, held.Previous, err)
				}
				put(t, other, older)
			})
		}
	}
}

func TestAMarkWhoseWriteIsUnderWayIsKept(t *testing.T) {
	w, rival := newWorld(t), newWorld(t)
	rival.path = w.path
	put(t, open(t, w.pair(t)), older)
	other := open(t, rival.pair(t))
	marked, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	rival.transport.during("PUT", "secret/data/"+w.path, 1, func() { close(marked); <-resume })
	go func() {
		_, err := other.Put(t.Context(), newest)
		done <- err
	}()
	<-marked
	mine := open(t, w.pair(t))
	// Our mark is there, and our write comes second.
	w.transport.during("PUT", "secret/data/"+w.path, 1, func() {
		close(resume)
		if err := <-done; err != nil {
			t.Errorf("the other's put: %v", err)
		}
	})
	put(t, mine, newer)
	if held, err := mine.Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
		t.Errorf("get: %v of %q, %v", held.Credential, held.Owner, err)
	}
}

func TestADeletedVersionIsAnEmptyPlace(t *testing.T) {
	for name, destroy := range map[string]bool{"deleted": false, "destroyed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := w.pair(t)
			s := open(t, o)
			put(t, s, older)
			put(t, s, newer)
			if destroy {
				w.call(t, "PUT", "secret/destroy/"+w.path, map[string]any{"versions": []int{2}})
			} else {
				w.call(t, "DELETE", "secret/data/"+w.path, nil)
			}
			if _, err := s.Get(t.Context()); !errors.Is(err, store.ErrEmpty) {
				t.Errorf("get: %v, want ErrEmpty", err)
			}
			if _, err := s.Previous(t.Context()); !errors.Is(err, store.ErrEmpty) {
				t.Errorf("previous: %v, want ErrEmpty", err)
			}
			o.Create = false
			if err := open(t, o).Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
			if receipt := put(t, open(t, o), newest); receipt.Version != "3" || !receipt.Changed {
				t.Errorf("receipt %+v", receipt)
			}
			if before, err := s.Previous(t.Context()); err != nil || !before.Equal(older) {
				t.Errorf("previous: %v, %v; want the one before the %s version", before, err, name)
			}
		})
	}
}

func TestASecretThatIsGoneIsMadeAgainOnlyWhenAllowed(t *testing.T) {
	w := newWorld(t)
	o := w.pair(t)
	put(t, open(t, o), older)
	w.call(t, "DELETE", "secret/metadata/"+w.path, nil)
	o.Create = false
	s := open(t, o)
	_, err := s.Put(t.Context(), newer)
	for _, err := range []error{err, s.Check(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "set create") {
			t.Errorf("a secret that is gone: %v", err)
		}
	}
	if w.metadata(t) != nil {
		t.Error("it was made")
	}
	o.Create = true
	if receipt := put(t, open(t, o), newer); receipt.Version != "1" {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestASecretDeletedWhileItIsMarkedIsNotHalfMade(t *testing.T) {
	w := newWorld(t)
	put(t, open(t, w.pair(t)), older)
	w.transport.during("PATCH", "secret/metadata/"+w.path, 1, func() { w.call(t, "DELETE", "secret/metadata/"+w.path, nil) })
	put(t, open(t, w.pair(t)), newer)
	if held, err := open(t, w.pair(t)).Get(t.Context()); err != nil || held.Owner != owner {
		t.Errorf("owner %q, %v", held.Owner, err)
	}
}

func TestAnEngineThatRequiresCheckAndSetIsServed(t *testing.T) {
	w := newWorld(t)
	w.call(t, "POST", "secret/metadata/"+w.path, map[string]any{"cas_required": true})
	o := w.pair(t)
	o.Create = false // somebody has made it
	put(t, open(t, o), older)
	put(t, open(t, o), newer)
}

func TestAnOldOrMissingEngineIsNotWrittenTo(t *testing.T) {
	w := newWorld(t)
	for mount, want := range map[string]string{"old": "version 2", "nowhere": "nowhere"} {
		o := w.pair(t)
		o.Mount = mount
		s := open(t, o)
		_, err := s.Put(t.Context(), newer)
		for _, err := range []error{err, s.Check(t.Context())} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("mount %s: %v", mount, err)
			}
		}
		if w.transport.count("PUT "+mount) > 0 || w.transport.count("PATCH "+mount) > 0 {
			t.Errorf("something was written below %s", mount)
		}
	}
}

func TestAFieldThatIsNoTextIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.seed(t, map[string]any{"AWS_ACCESS_KEY_ID": 5})
	o := w.pair(t)
	o.Adopt = true
	s := open(t, o)
	_, put := s.Put(t.Context(), newer)
	_, get := s.Get(t.Context())
	for _, err := range []error{put, get, s.Check(t.Context())} {
		if !errors.Is(err, store.ErrShape) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Errorf("%v, want ErrShape with the field's name", err)
		}
	}
	if w.version(t) != 1 {
		t.Error("it was written")
	}
}

func TestMarksDoNotPileUp(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.pair(t))
	for i := range 12 {
		put(t, s, store.NewCredential(fmt.Sprintf("AKIA%d", i), "secret"))
	}
	if custom := w.metadata(t)["custom_metadata"].(map[string]any); len(custom) != 3 {
		t.Errorf("the custom metadata are %v", custom)
	}
	if before, err := s.Previous(t.Context()); err != nil || before.KeyID() != "AKIA10" {
		t.Errorf("previous: %v, %v", before, err)
	}
}

// Vault's own audit log is the witness of what the store calls.
func TestTheAuditLogShowsNoCallButThoseOfTheDocumentation(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "audit.log")
	w.call(t, "PUT", "sys/audit/witness", map[string]any{"type": "file", "options": map[string]string{"file_path": file}})
	s := open(t, w.pair(t))
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, s, older)
	put(t, s, newer)
	if _, err := s.Previous(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.call(t, "DELETE", "sys/audit/witness", nil)
	allowed := []string{
		"update auth/approle/login", "read sys/internal/ui/mounts/secret", "update sys/capabilities-self",
		"read secret/data/" + w.path, "update secret/data/" + w.path,
		"read secret/metadata/" + w.path, "create secret/metadata/" + w.path, "patch secret/metadata/" + w.path,
	}
	seen := map[string]bool{}
	for _, call := range audited(t, file) {
		seen[call] = true
		if !slices.Contains(allowed, call) {
			t.Errorf("called %q", call)
		}
	}
	for _, call := range allowed {
		if !seen[call] {
			t.Errorf("%q was not called: the test or the documentation is out of date", call)
		}
	}
}

// audited lists the operations and paths of the requests in an audit log that were
// not the operator's.
func audited(t *testing.T, file string) []string {
	t.Helper()
	log, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	var calls []string
	entries := bufio.NewScanner(log)
	entries.Buffer(nil, 1<<20)
	for entries.Scan() {
		var entry struct {
			Type string
			Auth struct {
				Policies []string
			}
			Request struct{ Operation, Path string }
		}
		if err := json.Unmarshal(entries.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		// Vault tries an audit log before it trusts it.
		operator := entry.Request.Path == "sys/audit/test" || slices.Contains(entry.Auth.Policies, "root") || strings.HasPrefix(entry.Request.Path, "auth/approle/role/")
		if entry.Type == "request" && !operator {
			calls = append(calls, entry.Request.Operation+" "+entry.Request.Path)
		}
	}
	return calls
}
