package journaltest

import (
	"reflect"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

func user(name string) rotator.User { return rotator.User{Account: "prod", Name: name} }

// dueAt makes the user's row due at a time, in an open cycle or not.
func dueAt(t *testing.T, j Journal, name string, at time.Time, open bool) {
	t.Helper()
	settle(t, j, user(name), func(r *rotator.Row) {
		r.Due = at
		if open {
			r.Progress.Cycle = &rotator.Cycle{Number: 1}
		}
	})
}

// wantDue asks for at most limit users at now and compares names and next.
func wantDue(t *testing.T, j Journal, now time.Time, limit int, next time.Time, names ...string) {
	t.Helper()
	users, at, err := j.Due(t.Context(), now, limit)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range users {
		got = append(got, u.Name)
	}
	if !reflect.DeepEqual(got, names) || !at.Equal(next) {
		t.Errorf("due: %v, next %s; want %v, next %s", got, at, names, next)
	}
}

func dueOrder(t *testing.T, j Journal) {
	wantDue(t, j, start, 10, time.Time{})
	dueAt(t, j, "never", time.Time{}, true)
	wantDue(t, j, start, 10, time.Time{})
	dueAt(t, j, "later", start.Add(3*time.Hour), false)
	dueAt(t, j, "sooner", start.Add(2*time.Hour), true)
	dueAt(t, j, "long", start.Add(-time.Hour), false)
	dueAt(t, j, "longest", start.Add(-2*time.Hour), false)
	dueAt(t, j, "open", start, true)
	dueAt(t, j, "alike", start, true)
	wantDue(t, j, start, 10, start.Add(2*time.Hour), "alike", "open", "longest", "long")
	wantDue(t, j, start.Add(-1), 10, start, "longest", "long")
}

func dueClaimed(t *testing.T, j Journal) {
	dueAt(t, j, "alice", start, false)
	dueAt(t, j, "bob", time.Time{}, false)
	a := claim(t, j, alice, "a", start)
	claim(t, j, bob, "a", start.Add(time.Second))
	wantDue(t, j, start, 10, start.Add(lease))
	// A claim that nobody released is due when it ends, even without a time.
	wantDue(t, j, start.Add(lease+time.Second), 10, time.Time{}, "alice", "bob")
	a.Due = start.Add(time.Hour)
	save(t, j, a, rotator.Change{Release: true})
	wantDue(t, j, start, 10, start.Add(lease+time.Second))
	wantDue(t, j, start.Add(lease+time.Second), 10, start.Add(time.Hour), "bob")
}

func dueRequests(t *testing.T, j Journal) {
	dueAt(t, j, "alice", start.Add(time.Hour), false)
	dueAt(t, j, "idle", start.Add(-time.Hour), false)
	dueAt(t, j, "open", start, true)
	q := must[rotator.Request](t)(j.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate, At: start.Add(-time.Minute)}))
	must[rotator.Request](t)(j.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestPause, At: start}))
	must[rotator.Request](t)(j.Append(t.Context(), rotator.Request{User: user("new"), Verb: rotator.RequestPause, At: start}))
	must[rotator.Request](t)(j.Append(t.Context(), rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestPause, At: start}))
	wantDue(t, j, start, 10, time.Time{}, "open", "idle", "alice", "new")

	row := claim(t, j, alice, "a", start)
	wantDue(t, j, start, 10, start.Add(lease), "open", "idle", "new")
	row.Progress.Handled = q.Number
	save(t, j, row, rotator.Change{Release: true})
	wantDue(t, j, start, 10, time.Time{}, "open", "idle", "alice", "new")
	row = claim(t, j, alice, "a", start)
	row.Progress.Handled = row.Requests[0].Number
	save(t, j, row, rotator.Change{Release: true})
	wantDue(t, j, start, 10, start.Add(time.Hour), "open", "idle", "new")
}

func dueLimit(t *testing.T, j Journal) {
	for _, name := range []string{"a", "b", "c"} {
		dueAt(t, j, name, start.Add(-time.Hour), name == "c")
	}
	wantDue(t, j, start, 2, start, "c", "a")
	wantDue(t, j, start, 3, time.Time{}, "c", "a", "b")
	wantDue(t, j, start, 0, start)
}

func register(t *testing.T, j Journal) {
	ctx := t.Context()
	dueAt(t, j, "settled", start.Add(time.Hour), false)
	dueAt(t, j, "halted", time.Time{}, false)
	before := must[rotator.Row](t)(j.Row(ctx, user("settled")))
	for _, name := range []string{"settled", "halted", "fresh", "empty"} {
		at := start
		if name == "empty" {
			at = time.Time{}
		}
		if err := j.Register(ctx, user(name), at); err != nil {
			t.Fatal(err)
		}
	}
	sameRow(t, must[rotator.Row](t)(j.Row(ctx, user("settled"))), before)
	wantDue(t, j, start, 10, start.Add(time.Hour), "fresh")
	if err := j.Register(ctx, user("empty"), start); err != nil {
		t.Fatal(err)
	}
	wantDue(t, j, start, 10, start.Add(time.Hour), "empty", "fresh")
	row := claim(t, j, user("fresh"), "a", start)
	if row.Progress.Phase != rotator.PhaseUnseen || !row.Due.Equal(start) {
		t.Errorf("a registered user: %+v", row)
	}
	if err := j.Register(ctx, rotator.AllUsers(), start); err == nil {
		t.Error("all users were registered as one")
	}
}

func wake(t *testing.T, j Journal) {
	ctx := t.Context()
	wakeUp := func(name string, at time.Time) {
		t.Helper()
		if err := j.Wake(ctx, user(name), at); err != nil {
			t.Fatal(err)
		}
	}
	dueAt(t, j, "alice", start.Add(time.Hour), false)
	dueAt(t, j, "bob", time.Time{}, false)
	version := must[rotator.Row](t)(j.Row(ctx, alice)).Version
	wakeUp("alice", start.Add(2*time.Hour))
	wakeUp("nobody", start)
	wantDue(t, j, start, 10, start.Add(time.Hour))
	wakeUp("alice", start)
	wakeUp("bob", start)
	wantDue(t, j, start, 10, time.Time{}, "alice", "bob")
	if got := must[rotator.Row](t)(j.Row(ctx, alice)).Version; got != version {
		t.Errorf("a wake took the row from version %d to %d", version, got)
	}

	row := claim(t, j, alice, "a", start)
	wakeUp("alice", start.Add(time.Minute))
	wakeUp("alice", start.Add(2*time.Minute))
	row.Due = start.Add(time.Hour)
	row = save(t, j, row, rotator.Change{})
	row.Due = start.Add(time.Hour)
	row = save(t, j, row, rotator.Change{Release: true})
	if !row.Due.Equal(start.Add(time.Minute)) {
		t.Errorf("a wake during a step was lost: due %s", row.Due)
	}
	row = claim(t, j, alice, "a", start)
	row.Due = start.Add(time.Hour)
	if row = save(t, j, row, rotator.Change{Release: true}); !row.Due.Equal(start.Add(time.Hour)) {
		t.Errorf("a wake before the step held its due time at %s", row.Due)
	}

	claim(t, j, alice, "dies", start)
	wakeUp("alice", start)
	row = claim(t, j, alice, "a", start.Add(lease))
	row.Due = start.Add(time.Hour)
	if row = save(t, j, row, rotator.Change{Release: true}); !row.Due.Equal(start.Add(time.Hour)) {
		t.Errorf("a wake during the step of a dead owner held the due time of the next at %s", row.Due)
	}
}
