package seal_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/seal"
)

func TestIdentityIsChangedThroughAFileWithBoth(t *testing.T) {
	oldPath, older := fresh(t)
	newPath, newer := fresh(t)
	both := open(t, joined(t, newPath, oldPath), seal.Options{})
	j := custody(t, older)
	attend(t, older, j)

	if _, err := newer.Attend(t.Context(), j); !errors.Is(err, seal.ErrWrongIdentity) {
		t.Fatalf("the new identity alone: %v, want ErrWrongIdentity", err)
	}
	attend(t, both, j)
	if got, err := newer.Unseal(t.Context(), alice, inCustody(t, j)); err != nil || !got.Equal(credential) {
		t.Errorf("the new identity after the change: %v, %v", got, err)
	}
	attend(t, newer, j)
	if _, err := older.Attend(t.Context(), j); !errors.Is(err, seal.ErrWrongIdentity) {
		t.Errorf("the old identity after the change: %v, want ErrWrongIdentity", err)
	}
}

// joined writes the identity files one after another into a new one.
func joined(t *testing.T, paths ...string) string {
	t.Helper()
	var all []byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	path := filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// custody returns a journal with alice's credential in custody.
func custody(t *testing.T, a *seal.Age) *journal.Memory {
	t.Helper()
	j := journal.NewMemory()
	put(t, j, sealed(t, a, alice))
	return j
}

func put(t *testing.T, j *journal.Memory, text []byte) {
	t.Helper()
	row, err := j.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	change := rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIAIOSFODNN7EXAMPLE": text}, Release: true}
	if _, err := j.Save(t.Context(), row, change); err != nil {
		t.Fatal(err)
	}
}

func inCustody(t *testing.T, j *journal.Memory) []byte {
	t.Helper()
	row, err := j.Clone().Claim(t.Context(), alice, "reader", time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return row.Sealed["AKIAIOSFODNN7EXAMPLE"]
}

func attend(t *testing.T, a *seal.Age, j seal.Custody) {
	t.Helper()
	if damaged, err := a.Attend(t.Context(), j); err != nil || len(damaged) != 0 {
		t.Fatalf("attend: %v, damaged %v", err, damaged)
	}
}

func TestAnEmptyJournalKnowsItsIdentity(t *testing.T) {
	_, a := fresh(t)
	_, other := fresh(t)
	j := journal.NewMemory()
	attend(t, a, j)
	attend(t, a, j)
	if _, err := other.Attend(t.Context(), j); !errors.Is(err, seal.ErrWrongIdentity) {
		t.Errorf("another identity: %v, want ErrWrongIdentity", err)
	}
}

func TestACustodyWithoutCanaryIsNotAdoptedByAnotherIdentity(t *testing.T) {
	_, a := fresh(t)
	_, other := fresh(t)
	j := custody(t, a)
	if _, err := other.Attend(t.Context(), j); !errors.Is(err, seal.ErrWrongIdentity) {
		t.Errorf("another identity: %v, want ErrWrongIdentity", err)
	}
	if canary, err := j.Canary(t.Context()); canary != nil || err != nil {
		t.Errorf("the refused identity left its canary: %v", err)
	}
}

func TestOneDamagedSecretDoesNotStopTheRest(t *testing.T) {
	_, a := fresh(t)
	j := custody(t, a)
	attend(t, a, j)
	moved := sealed(t, a, bob) // bob's bytes in alice's row
	put(t, j, moved)
	damaged, err := a.Attend(t.Context(), j)
	if err != nil || len(damaged) != 1 || damaged[0] != alice {
		t.Errorf("damaged %v, %v, want alice", damaged, err)
	}
	if !bytes.Equal(inCustody(t, j), moved) {
		t.Error("what does not open was changed")
	}
}

// crashing fails to store the canary, as a crash right before it does.
type crashing struct{ *journal.Memory }

func (crashing) SetCanary(context.Context, []byte) error { return errors.New("crashed") }

func TestACrashInTheMiddleOfAChangeOfIdentityIsRepeated(t *testing.T) {
	oldPath, older := fresh(t)
	newPath, newer := fresh(t)
	both := open(t, joined(t, newPath, oldPath), seal.Options{})
	j := custody(t, older)
	attend(t, older, j)
	if _, err := both.Attend(t.Context(), crashing{j}); err == nil {
		t.Fatal("the crash was not noticed")
	}
	attend(t, both, j)
	attend(t, newer, j)
}
