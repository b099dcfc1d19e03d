package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

const owner = "prod/ci"

var (
	older   = store.NewCredential("AKIAOLDER", "older/secret")
	newer   = store.NewCredential("AKIANEWER", "newer/secret")
	foreign = store.NewCredential("AKIAFOREIGN", "foreign/secret")
)

// crash is what a test panics with where the process is to die.
type crash struct{}

// fixture is a file in one of the states that a Put can find.
type fixture struct {
	name  string
	adopt bool
	// prepare fills the folder and returns the credential in the file.
	prepare func(t *testing.T, path string) store.Credential
	// ours says that the file is ours before the Put.
	ours bool
}

func fixtures() []fixture {
	return []fixture{
		{"first filling", false, func(*testing.T, string) store.Credential { return store.Credential{} }, true},
		{"replacing ours", false, func(t *testing.T, path string) store.Credential {
			mustPut(t, path, false, older)
			return older
		}, true},
		{"adopting", true, func(t *testing.T, path string) store.Credential {
			writeDocument(t, path, foreign)
			return foreign
		}, false},
	}
}

func payload(t *testing.T) store.Payload {
	t.Helper()
	p, err := store.NewAWSFile(store.AWSFile{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openAt(t *testing.T, path string, adopt bool, before func(string) error) Readable {
	t.Helper()
	s, err := New(Options{Path: path, Payload: payload(t), Owner: owner, Adopt: adopt})
	if err != nil {
		t.Fatal(err)
	}
	r := s.(Readable)
	r.before = before
	return r
}

func mustPut(t *testing.T, path string, adopt bool, c store.Credential) {
	t.Helper()
	if _, err := openAt(t, path, adopt, nil).Put(t.Context(), c); err != nil {
		t.Fatalf("put %v: %v", c, err)
	}
}

func writeDocument(t *testing.T, path string, c store.Credential) {
	t.Helper()
	document, err := store.Merge(payload(t), []byte("# mine\n"), c)
	if err == nil {
		err = os.WriteFile(path, document, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stepsOf lists the steps of a Put from a fixture.
func stepsOf(t *testing.T, x fixture) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	x.prepare(t, path)
	var steps []string
	s := openAt(t, path, x.adopt, func(step string) error {
		steps = append(steps, step)
		return nil
	})
	if _, err := s.Put(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestACrashAnywhereNeitherClaimsAForeignFileNorLosesOurs(t *testing.T) {
	for _, x := range fixtures() {
		steps := stepsOf(t, x)
		if len(steps) != 11 {
			t.Fatalf("%s takes the steps %q, want 11", x.name, steps)
		}
		for _, at := range steps {
			t.Run(x.name+", before "+at, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "credentials")
				was := x.prepare(t, path)
				s := openAt(t, path, x.adopt, func(step string) error {
					if step == at {
						panic(crash{})
					}
					return nil
				})
				func() {
					defer func() {
						if died := recover(); died != (crash{}) {
							t.Fatalf("the put ended with %v", died)
						}
					}()
					_, err := s.Put(t.Context(), newer)
					t.Errorf("the put returned %v", err)
				}()
				checkAfterCrash(t, x, path, was, at == "file: sync folder")
			})
		}
	}
}

// checkAfterCrash looks at what a crash left, as a fresh process without adopt.
func checkAfterCrash(t *testing.T, x fixture, path string, was store.Credential, renamed bool) {
	t.Helper()
	s := openAt(t, path, false, nil)
	held, err := s.Get(t.Context())
	want, ours := was, x.ours
	if renamed {
		want, ours = newer, true
	}
	switch {
	case want.IsZero():
		if !errors.Is(err, store.ErrEmpty) {
			t.Fatalf("get: %v, %v, want ErrEmpty", held, err)
		}
	case err != nil || !held.Credential.Equal(want):
		t.Fatalf("the file holds %v, %v, want %v", held.Credential, err, want)
	case ours != (held.Owner == owner):
		t.Fatalf("owner of %v = %q", held.Credential, held.Owner)
	}
	_, err = s.Put(t.Context(), newer)
	if !ours {
		if !errors.Is(err, store.ErrForeign) {
			t.Fatalf("put over a foreign file: %v, want ErrForeign", err)
		}
		mustPut(t, path, true, newer)
	} else if err != nil {
		t.Fatalf("put over our own file: %v", err)
	}
	if held, err := s.Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
		t.Errorf("after another put the file holds %v of %q, %v", held.Credential, held.Owner, err)
	}
	checkLeftovers(t, path)
}

func checkLeftovers(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"credentials", ".credentials.keyrotator", ".credentials.keyrotator-lock"}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestAFullDiskLeavesTheOldContent(t *testing.T) {
	for _, x := range fixtures() {
		for _, at := range stepsOf(t, x) {
			t.Run(x.name+", at "+at, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "credentials")
				was := x.prepare(t, path)
				s := openAt(t, path, x.adopt, func(step string) error {
					if step == at {
						return syscall.ENOSPC
					}
					return nil
				})
				if _, err := s.Put(t.Context(), newer); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("put: %v, want ENOSPC", err)
				} else if errors.Is(err, store.ErrAmbiguous) != strings.HasSuffix(at, "sync folder") {
					t.Errorf("put: %v", err)
				}
				checkLeftovers(t, path)
				checkAfterCrash(t, x, path, was, at == "file: sync folder")
			})
		}
	}
}

func TestAMarkOfAnotherContentClaimsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	mustPut(t, path, false, older)
	mustPut(t, path, false, newer)
	writeDocument(t, path, foreign) // a person puts a key of their own there
	s := openAt(t, path, false, nil)
	if held, err := s.Get(t.Context()); err != nil || held.Owner != "" {
		t.Errorf("owner = %q, %v, want none", held.Owner, err)
	}
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
	writeDocument(t, path, older) // and brings our older one back
	held, err := s.Get(t.Context())
	if err != nil || held.Owner != owner || held.Previous != "" {
		t.Errorf("get: %+v, %v", held, err)
	}
	mustPut(t, path, false, newer)
	if held, err := s.Get(t.Context()); err != nil || held.Previous != older.KeyID() {
		t.Errorf("previous = %q, %v, want %q", held.Previous, err, older.KeyID())
	}
}

func TestAMarkThatCannotBeReadRefusesThePut(t *testing.T) {
	for name, mark := range map[string]string{"damaged": "{", "newer": `{"version":2}`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "credentials")
			mustPut(t, path, false, older)
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), ".credentials.keyrotator"), []byte(mark), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openAt(t, path, true, nil).Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
				t.Errorf("put: %v, want ErrForeign", err)
			}
		})
	}
}
