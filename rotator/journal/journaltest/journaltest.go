// Package journaltest is the conformance suite of journals: what it asks holds
// in memory, on SQLite, and on any other database that joins.
package journaltest

import (
	"context"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// Journal is what a journal offers: the core's interface, what start-up and
// sweeps use, and what readers use.
type Journal interface {
	rotator.Journal
	Register(ctx context.Context, user rotator.User, due time.Time) error
	Wake(ctx context.Context, user rotator.User, at time.Time) error

	Rows(ctx context.Context) ([]rotator.Row, error)
	Row(ctx context.Context, user rotator.User) (rotator.Row, error)
	History(ctx context.Context, user rotator.User, after int64, limit int) ([]journal.HistoryEntry, error)
	Requests(ctx context.Context, user rotator.User) ([]rotator.Request, error)
	Verify(ctx context.Context) error
	Canary(ctx context.Context) ([]byte, error)
	SetCanary(ctx context.Context, sealed []byte) error
	Reseal(ctx context.Context, reseal func(user rotator.User, sealed []byte) ([]byte, error)) error
}

// Run runs the suite. open returns an empty journal for one test and closes it
// at that test's end.
func Run(t *testing.T, open func(t *testing.T) Journal) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, j Journal)
	}{
		{"a user never seen gets an empty row and is claimed", unseen},
		{"a row comes back as it was saved", roundTrip},
		{"what a caller changes afterwards changes nothing in the journal", isolated},
		{"a claim excludes another owner and the same one until it is released", exclusive},
		{"a claim that ran out is taken over and its former owner cannot save", takenOver},
		{"the same owner claims again after its lease and its former step cannot save", reclaimed},
		{"a save with an older version writes nothing", staleVersion},
		{"a save with the right version and another owner writes nothing", wrongOwner},
		{"a save after the release writes nothing", afterRelease},
		{"a claim without owner, lease or valid user is refused", badClaims},
		{"a save that fails leaves row, history and custody as they were", wholeSave},
		{"history is chained from the first entry", chained},
		{"history is read in pages", pages},
		{"the sealed secrets of a user are put, kept and erased", custody},
		{"rows of a newer schema or an unknown phase are never handed out", newer},
		{"a request touches no row and waits until it is handled", requests},
		{"a request that makes no sense is refused", badRequests},
		{"due users come open cycles first, then the longest overdue", dueOrder},
		{"due leaves claimed users out until their claim ends", dueClaimed},
		{"a user with a request is due whatever its time", dueRequests},
		{"due cut by its limit says that more are due now", dueLimit},
		{"registering makes a user due and disturbs no other row", register},
		{"a wake makes a user due earlier, never later, and outlives a step", wake},
		{"pause, trip and resume hold for all users", global},
		{"halts are counted since the last resume", halts},
		{"readers see key ids and never sealed bytes", readers},
		{"the canary is kept", canary},
		{"the custody is resealed whole or not at all, and steps go on", reseal},
		{"many users and owners at once leave one history each", concurrent},
		{"of many claims of one user one wins", oneWins},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// The tests' own instants and users. Instants have nanoseconds on purpose.
var (
	start = time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC)
	alice = rotator.User{Account: "prod", Name: "alice"}
	bob   = rotator.User{Account: "prod", Name: "bob"}
)

const lease = time.Minute

// claim claims or ends the test.
func claim(t *testing.T, j Journal, user rotator.User, owner string, now time.Time) rotator.Row {
	t.Helper()
	row, err := j.Claim(t.Context(), user, owner, now, lease)
	if err != nil {
		t.Fatalf("claim %s: %v", user, err)
	}
	return row
}

// save saves or ends the test.
func save(t *testing.T, j Journal, row rotator.Row, change rotator.Change) rotator.Row {
	t.Helper()
	saved, err := j.Save(t.Context(), row, change)
	if err != nil {
		t.Fatalf("save %s: %v", row.User, err)
	}
	return saved
}

// settle claims, edits, saves with the entries and releases.
func settle(t *testing.T, j Journal, user rotator.User, edit func(*rotator.Row), entries ...rotator.Entry) rotator.Row {
	t.Helper()
	row := claim(t, j, user, "settler", start)
	row.Progress.Schema, row.Progress.Phase = rotator.Schema, rotator.PhaseIdle
	if edit != nil {
		edit(&row)
	}
	return save(t, j, row, rotator.Change{Entries: entries, Release: true})
}

func noted(detail string) rotator.Entry {
	return rotator.Entry{Kind: rotator.KindNoted, At: start, Detail: detail}
}

// must returns the value or ends the test.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
