package journal_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func TestCloneSharesNothing(t *testing.T) {
	now := time.Now()
	one := journal.NewMemory()
	step := func(m *journal.Memory, detail string) {
		t.Helper()
		row, err := m.Claim(t.Context(), alice, "a", now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		row.Detail = detail
		change := rotator.Change{Entries: []rotator.Entry{{Kind: rotator.KindNoted, Detail: detail}}, Seal: map[rotator.KeyID][]byte{"AKIA": []byte(detail)}, Release: true}
		if _, err := m.Save(t.Context(), row, change); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestPause, By: detail}); err != nil {
			t.Fatal(err)
		}
		if err := m.SetCanary(t.Context(), []byte(detail)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 { // so that slices have room to grow into
		step(one, strconv.Itoa(i))
	}
	two := one.Clone()
	step(one, "one")
	step(two, "two")
	for want, m := range map[string]*journal.Memory{"one": one, "two": two} {
		if err := m.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		h, err := m.History(t.Context(), alice, 5, 0)
		if err != nil || len(h) != 1 || h[0].Entry.Detail != want {
			t.Errorf("%s: history %v, %v", want, h, err)
		}
		row, err := m.Claim(t.Context(), alice, "b", now, time.Minute)
		if err != nil || row.Detail != want || string(row.Sealed["AKIA"]) != want || row.Requests[5].By != want {
			t.Errorf("%s: %+v, %v", want, row, err)
		}
		if canary, err := m.Canary(t.Context()); err != nil || string(canary) != want {
			t.Errorf("%s: canary %q, %v", want, canary, err)
		}
	}
}

func TestMemoryIsTakenOverAsADatabaseIs(t *testing.T) {
	now := time.Now()
	m := journal.NewMemory()
	if _, err := m.Claim(t.Context(), alice, "dead", now, time.Hour); err != nil {
		t.Fatal(err)
	}
	m.TakeOver(now.Add(time.Minute))
	m.TakeOver(now.Add(time.Hour))
	if _, err := m.Claim(t.Context(), alice, "next", now.Add(time.Minute-1), time.Hour); !errors.Is(err, rotator.ErrClaimed) {
		t.Errorf("too early: %v, want ErrClaimed", err)
	}
	if _, err := m.Claim(t.Context(), alice, "next", now.Add(time.Minute), time.Hour); err != nil {
		t.Error(err)
	}
}

// BenchmarkMemoryStep measures what a step of the crash search pays for the
// journal: a clone, a claim and a save with one entry.
func BenchmarkMemoryStep(b *testing.B) {
	m := journal.NewMemory()
	now := time.Now()
	for b.Loop() {
		m = m.Clone()
		row, err := m.Claim(b.Context(), alice, "a", now, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		row.Progress.Phase, row.Progress.Cycle = rotator.PhaseOverlap, &rotator.Cycle{Number: 1, Pushed: map[string]time.Time{"file:a": now}}
		if _, err := m.Save(b.Context(), row, rotator.Change{Release: true}); err != nil {
			b.Fatal(err)
		}
	}
}
