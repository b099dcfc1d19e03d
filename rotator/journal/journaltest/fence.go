package journaltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

func unseen(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	want := rotator.Row{User: alice, Version: row.Version, Owner: "a", LeaseUntil: start.Add(lease)}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got %+v, want %+v", row, want)
	}
	if _, err := j.Claim(t.Context(), alice, "b", start, lease); !errors.Is(err, rotator.ErrClaimed) {
		t.Errorf("a second claim: %v, want ErrClaimed", err)
	}
}

// full is a row with every part of it set.
func full(row rotator.Row) rotator.Row {
	row.Progress = rotator.Progress{
		Schema: rotator.Schema, UserID: "AIDAEXAMPLE", Current: "AKIAOLD", Created: start.Add(-time.Hour),
		Phase: rotator.PhaseOverlap, Since: start, Number: 3, Paused: true, Suspect: start,
		Cycle: &rotator.Cycle{
			Number: 3, Opened: start, Intent: &rotator.Intent{Verb: rotator.VerbPush, Key: "AKIANEW", Consumer: "file:/a"},
			Opening: rotator.Opening{
				Purpose: rotator.PurposeRotation, Policy: rotator.Policy{Name: "p", MaxAge: time.Hour},
				Consumers: []rotator.Pinned{{Name: "file:/a", Required: true}}, Retire: "AKIAOLD", Keep: "AKIANEW", Phase: rotator.PhaseCreating,
			},
			Before: []rotator.KeyID{"AKIAOLD"}, Pushed: map[string]time.Time{"file:/a": start},
		},
		Halt: &rotator.Halt{Reason: "stranger", At: start},
	}
	row.Due, row.Waiting, row.Detail, row.Attempts = start.Add(time.Hour), "overlap", "sts in eu-west-1", 4
	row.Calls = map[string]int{"iam": 2}
	return row
}

func roundTrip(t *testing.T, j Journal) {
	want := save(t, j, full(claim(t, j, alice, "a", start)), rotator.Change{Release: true})
	got := claim(t, j, alice, "b", start)
	if got.Version <= want.Version || got.Owner != "b" || !got.LeaseUntil.Equal(start.Add(lease)) {
		t.Errorf("version %d after %d, owner %q, lease until %s", got.Version, want.Version, got.Owner, got.LeaseUntil)
	}
	want.Version, want.Owner, want.LeaseUntil = got.Version, got.Owner, got.LeaseUntil
	sameRow(t, got, want)
}

// sameRow compares rows by what they say, not by how a time is held.
func sameRow(t *testing.T, got, want rotator.Row) {
	t.Helper()
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

func isolated(t *testing.T, j Journal) {
	sealed := []byte("sealed bytes")
	row := full(claim(t, j, alice, "a", start))
	row = save(t, j, row, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIANEW": sealed}, Release: true})
	want := claim(t, j, alice, "b", start)
	want = save(t, j, want, rotator.Change{Release: true})
	scribble := func(r rotator.Row) {
		r.Progress.Cycle.Pushed["file:/a"] = time.Time{}
		r.Progress.Cycle.Consumers[0].Name = "changed"
		r.Progress.Cycle.Before[0] = "changed"
		r.Progress.Halt.Reason = "changed"
		r.Calls["iam"] = 99
		r.Sealed["AKIANEW"][0] = 'X'
		r.Sealed["other"] = nil
	}
	text := must[[]byte](t)(json.Marshal(want))
	scribble(row)
	scribble(want)
	sealed[1] = 'X'
	if row.Sealed["AKIANEW"][1] == 'X' {
		t.Error("the saved row shares its sealed bytes with the change")
	}
	got := claim(t, j, alice, "c", start)
	var kept rotator.Row
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	kept.Version, kept.Owner, kept.LeaseUntil = got.Version, got.Owner, got.LeaseUntil
	sameRow(t, got, kept)
}

func exclusive(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	for _, owner := range []string{"a", "b"} {
		if _, err := j.Claim(t.Context(), alice, owner, start.Add(lease-1), lease); !errors.Is(err, rotator.ErrClaimed) {
			t.Errorf("claim by %q while the lease runs: %v, want ErrClaimed", owner, err)
		}
	}
	claim(t, j, bob, "b", start)
	released := save(t, j, row, rotator.Change{Release: true})
	if released.Owner != "" || !released.LeaseUntil.IsZero() {
		t.Errorf("after the release the row has owner %q and a lease until %s", released.Owner, released.LeaseUntil)
	}
	claim(t, j, alice, "b", start)
}

func takenOver(t *testing.T, j Journal) {
	old := claim(t, j, alice, "a", start)
	next := claim(t, j, alice, "b", start.Add(lease))
	conflict(t, j, old)
	save(t, j, next, rotator.Change{Release: true})
}

func reclaimed(t *testing.T, j Journal) {
	old := claim(t, j, alice, "a", start)
	next := claim(t, j, alice, "a", start.Add(lease))
	conflict(t, j, old)
	save(t, j, next, rotator.Change{Release: true})
}

func staleVersion(t *testing.T, j Journal) {
	old := claim(t, j, alice, "a", start)
	next := save(t, j, old, rotator.Change{})
	conflict(t, j, old)
	save(t, j, next, rotator.Change{})
}

func wrongOwner(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	// A restored database may hand the same version out again; then only the
	// random owner tells two claims apart.
	for _, owner := range []string{"b", ""} {
		stolen := row
		stolen.Owner = owner
		conflict(t, j, stolen)
	}
	save(t, j, row, rotator.Change{})
}

func afterRelease(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	released := save(t, j, row, rotator.Change{Release: true})
	conflict(t, j, released)
	released.Owner = "a"
	conflict(t, j, released)
	never := rotator.Row{User: bob, Owner: "a", Version: 1}
	if _, err := j.Save(t.Context(), never, rotator.Change{}); !errors.Is(err, rotator.ErrConflict) {
		t.Errorf("save of a row that was never claimed: %v, want ErrConflict", err)
	}
}

// conflict saves a row that must be refused, and checks that nothing was written.
func conflict(t *testing.T, j Journal, row rotator.Row) {
	t.Helper()
	before := must[rotator.Row](t)(j.Row(t.Context(), row.User))
	row.Detail = "must not be seen"
	change := rotator.Change{Entries: []rotator.Entry{noted("must not be seen")}, Seal: map[rotator.KeyID][]byte{"AKIAX": {1}}, Release: true}
	if _, err := j.Save(t.Context(), row, change); !errors.Is(err, rotator.ErrConflict) {
		t.Errorf("save: %v, want ErrConflict", err)
	}
	unchanged(t, j, before)
}

// unchanged checks row and custody, and that the history has no forbidden entry.
func unchanged(t *testing.T, j Journal, before rotator.Row) {
	t.Helper()
	after := must[rotator.Row](t)(j.Row(t.Context(), before.User))
	sameRow(t, after, before)
	if !maps.EqualFunc(after.Sealed, before.Sealed, bytes.Equal) {
		t.Errorf("custody: %v, want %v", after.Sealed, before.Sealed)
	}
	for _, h := range must[[]entries](t)(history(t, j, before.User)) {
		if h.Entry.Detail == "must not be seen" {
			t.Error("a refused save left a history entry")
		}
	}
	if err := j.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func badClaims(t *testing.T, j Journal) {
	for name, try := range map[string]func() error{
		"no name": func() error {
			_, err := j.Claim(t.Context(), rotator.User{Account: "prod"}, "a", start, lease)
			return err
		},
		"all users": func() error { _, err := j.Claim(t.Context(), rotator.AllUsers(), "a", start, lease); return err },
		"no owner":  func() error { _, err := j.Claim(t.Context(), alice, "", start, lease); return err },
		"no lease":  func() error { _, err := j.Claim(t.Context(), alice, "a", start, 0); return err },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if rows := must[[]rotator.Row](t)(j.Rows(t.Context())); len(rows) != 0 {
		t.Errorf("refused claims left rows: %v", rows)
	}
}

// ending is a context that ends after it was asked a number of times whether
// it has, and so in the middle of whatever uses it.
type ending struct {
	context.Context
	cancel context.CancelFunc
	asks   atomic.Int64
}

func (e *ending) Err() error {
	e.ask()
	return e.Context.Err()
}

func (e *ending) Done() <-chan struct{} {
	e.ask()
	return e.Context.Done()
}

func (e *ending) ask() {
	if e.asks.Add(-1) < 0 {
		e.cancel()
	}
}

func wholeSave(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	row = save(t, j, row, rotator.Change{Entries: []rotator.Entry{noted("first")}, Seal: map[rotator.KeyID][]byte{"AKIAOLD": {7}}})
	bad := noted("must not be seen")
	bad.Date = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) // has no JSON form
	before := must[rotator.Row](t)(j.Row(t.Context(), alice))
	change := rotator.Change{
		Entries: []rotator.Entry{noted("must not be seen"), bad},
		Seal:    map[rotator.KeyID][]byte{"AKIANEW": {8}}, Erase: []rotator.KeyID{"AKIAOLD"}, Release: true,
	}
	if _, err := j.Save(t.Context(), row, change); err == nil {
		t.Fatal("an entry without a JSON form was saved")
	}
	unchanged(t, j, before)

	change.Entries = change.Entries[:1]
	for asks := range int64(1 << 20) {
		inner, cancel := context.WithCancel(t.Context())
		ctx := &ending{Context: inner, cancel: cancel}
		ctx.asks.Store(asks)
		_, err := j.Save(ctx, row, change)
		cancel()
		got := must[rotator.Row](t)(j.Row(t.Context(), alice))
		done := got.Version != before.Version
		if err == nil && !done {
			t.Fatal("a save without an error wrote nothing")
		}
		if done {
			// All of it, or the next comparison fails: the last save is whole.
			if len(got.Sealed) != 1 || len(must[[]entries](t)(history(t, j, alice))) != 2 {
				t.Errorf("half a save: %+v", got)
			}
			return
		}
		unchanged(t, j, before)
	}
	t.Error("the save never ended")
}
