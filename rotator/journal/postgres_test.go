package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// shared opens a journal in a new database as a daemon does, and returns its
// dsn for others to open it, too.
func shared(t *testing.T, options journal.Options) (string, *journal.DB) {
	t.Helper()
	dsn := servers().DSN(t)
	options.Exclusive = true
	return dsn, open(t, dsn, options)
}

func statement(t *testing.T, db *journal.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestAClaimKeepsOtherReplicasAwayForAMarginAfterItsLease(t *testing.T) {
	dsn, db := shared(t, journal.Options{Margin: time.Minute})
	other := open(t, dsn, journal.Options{Exclusive: true, Margin: time.Minute})
	begun := time.Now()
	if _, err := db.Claim(t.Context(), alice, "a", begun, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Claim(t.Context(), alice, "b", begun.Add(119*time.Second), time.Minute); !errors.Is(err, rotator.ErrClaimed) {
		t.Errorf("claimed within the margin: %v", err)
	}
	if _, err := other.Claim(t.Context(), alice, "b", begun.Add(121*time.Second), time.Minute); err != nil {
		t.Errorf("after the margin: %v", err)
	}
}

// followed notes what a journal tells of.
type followed struct {
	mu  sync.Mutex
	due map[rotator.User]time.Time
	err error
}

func (f *followed) follow(_ context.Context, _ pgx.Tx, user rotator.User, due time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due[user] = due
	return f.err
}

func TestWhateverMakesAUserDueIsFollowedInItsTransaction(t *testing.T) {
	f := &followed{}
	_, db := shared(t, journal.Options{Follow: f.follow})
	soon := time.Now().Add(time.Hour).Round(time.Microsecond)
	release := func(due time.Time) func() error {
		return func() error {
			row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
			if err != nil {
				return err
			}
			row.Due = due
			_, err = db.Save(t.Context(), row, rotator.Change{Release: true})
			return err
		}
	}
	request := func(user rotator.User) func() error {
		return func() error {
			_, err := db.Append(t.Context(), rotator.Request{User: user, Verb: rotator.RequestPause})
			return err
		}
	}
	for _, c := range []struct {
		name string
		act  func() error
		want time.Time // zero: not told; the epoch: the present
	}{
		{"a user is registered", func() error { return db.Register(t.Context(), alice, soon) }, soon},
		{"a step ends", release(soon), soon},
		{"a step ends with nothing to wait for", release(time.Time{}), time.Time{}},
		{"a user is woken", func() error { return db.Wake(t.Context(), alice, soon) }, soon},
		{"an operator asks", request(alice), time.Unix(0, 0)},
		{"a step ends while a request waits", release(soon), time.Unix(0, 0)},
		{"an operator asks for all", request(rotator.AllUsers()), time.Time{}},
	} {
		f.due = map[rotator.User]time.Time{}
		if err := c.act(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, told := f.due[alice]
		switch {
		case told == c.want.IsZero():
			t.Errorf("%s: told %v, %s", c.name, told, got)
		case c.want.Unix() == 0 && time.Since(got).Abs() > time.Minute:
			t.Errorf("%s: due %s, want the present", c.name, got)
		case c.want.Unix() > 0 && !got.Equal(c.want):
			t.Errorf("%s: due %s, want %s", c.name, got, c.want)
		}
	}
	f.err = errors.New("the queue does not take it")
	if _, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestResume}); !errors.Is(err, f.err) {
		t.Errorf("got %v", err)
	}
	if all, err := db.Requests(t.Context(), alice); err != nil || len(all) != 1 {
		t.Errorf("a request that could not be followed was kept: %v, %v", all, err)
	}
}

func TestOneProcessSpeaksOfUsersUntilItsConnectionEnds(t *testing.T) {
	dsn, first := shared(t, journal.Options{})
	second := open(t, dsn, journal.Options{})
	speaks := func(db *journal.DB) bool {
		t.Helper()
		ok, err := db.Speaks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for range 2 {
		if !speaks(first) || speaks(second) {
			t.Fatal("not the first alone speaks")
		}
	}
	statement(t, second, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	await := func(db *journal.DB) {
		t.Helper()
		for begun := time.Now(); !speaks(db); { // the server frees the lock when it notices
			if time.Since(begun) > time.Minute {
				t.Fatal("nobody speaks any more")
			}
		}
	}
	await(second)
	if speaks(first) {
		t.Error("both speak")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	await(first)
}

// TestRequestsBecomeVisibleInTheOrderOfTheirNumbers: whoever has taken up
// number n never looks for a smaller one again.
func TestRequestsBecomeVisibleInTheOrderOfTheirNumbers(t *testing.T) {
	dsn, db := shared(t, journal.Options{})
	other := open(t, dsn, journal.Options{})
	const each = 60
	var group sync.WaitGroup
	for _, j := range []*journal.DB{db, other, db, other} {
		group.Go(func() {
			for range each {
				if _, err := j.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestPause}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for seen := 0; seen < 4*each && !t.Failed(); {
		all, err := other.Requests(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		seen = len(all)
		if seen > 0 && all[seen-1].Number != int64(seen) {
			t.Fatalf("%d requests are visible, and the last is number %d", seen, all[seen-1].Number)
		}
	}
	group.Wait()
}

func TestACutConnectionLosesNothingThatWasSaved(t *testing.T) {
	dsn, db := shared(t, journal.Options{})
	cut := make(chan struct{}, 1)
	var group sync.WaitGroup
	admin, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	group.Go(func() {
		for range cut {
			_, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			if err != nil {
				t.Error(err)
			}
		}
	})
	saved, failed := 0, 0
	at := time.Now()
	for (saved < 25 || failed < 25) && saved+failed < 10_000 && !t.Failed() {
		select {
		case cut <- struct{}{}: // while the claim or the save runs
		default:
		}
		at = at.Add(time.Hour) // past the lease of a claim whose save failed
		row, err := db.Claim(t.Context(), alice, "a", at, time.Minute)
		if err == nil {
			row.Progress.Schema, row.Progress.Phase, row.Attempts = rotator.Schema, rotator.PhaseIdle, saved+1
			_, err = db.Save(t.Context(), row, rotator.Change{
				Entries: []rotator.Entry{{Kind: rotator.KindNoted, At: at, Detail: fmt.Sprint(saved + 1)}}, Release: true,
			})
		}
		if err != nil {
			failed++
			continue
		}
		saved++
	}
	close(cut)
	group.Wait()
	whole := open(t, dsn, journal.Options{}) // connections of db may be dead without its knowing
	history, err := whole.History(t.Context(), alice, 0, 0)
	if err := errors.Join(err, whole.Verify(t.Context())); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, h := range history {
		found[h.Entry.Detail] = true
	}
	for n := 1; n <= saved; n++ {
		if !found[fmt.Sprint(n)] {
			t.Errorf("save %d was confirmed and is gone", n)
		}
	}
	t.Logf("%d saves confirmed, %d failed, %d in the history", saved, failed, len(history))
	if saved < 25 || failed < 25 {
		t.Error("the connections were cut always or never")
	}
}

func TestThePreviousVersionWorksBesideTheNextOnes(t *testing.T) {
	dsn, db := shared(t, journal.Options{})
	later := func(readableFrom string) {
		t.Helper()
		statement(t, db, "ALTER TABLE users ADD COLUMN IF NOT EXISTS mood TEXT NOT NULL DEFAULT ''")
		statement(t, db, "INSERT INTO migrations (number, name, at) VALUES (1000, '1000_mood', 0) ON CONFLICT DO NOTHING")
		statement(t, db, "INSERT INTO meta (name, value) VALUES ('readable_from', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", []byte(readableFrom))
	}
	later("1")
	beside := open(t, dsn, journal.Options{Exclusive: true})
	for _, j := range []*journal.DB{db, beside} {
		row, err := j.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Save(t.Context(), row, rotator.Change{Release: true}); err != nil {
			t.Fatal(err)
		}
	}
	later("999")
	if _, err := journal.Open(t.Context(), dsn, journal.Options{}); !errors.Is(err, journal.ErrSchema) {
		t.Errorf("a journal that is not for this version: %v", err)
	}
}

func TestAPostgreSQLJournalThatIsNotThere(t *testing.T) {
	if _, err := journal.Open(t.Context(), servers().DSN(t), journal.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty database: %v", err)
	}
	for name, c := range map[string]struct{ dsn, want string }{
		"a server that is not there": {"postgres://me:hunter2@127.0.0.1:1/keys?sslmode=disable", "does not answer"},
		"a database that is not":     {strings.Replace(servers().DSN(t), "/test", "/none", 1), "create it"},
		"a URL that is none":         {"postgres://me:hunter2@[/keys", "want postgres://"},
		"a pool that is too small":   {"postgres://me:hunter2@127.0.0.1/keys?sslmode=disable&pool_max_conns=3", "at least 4"},
		"a parameter that is none":   {"postgres://me:hunter2@127.0.0.1/keys?sslmode=maybe", "want postgres://"},
	} {
		_, err := journal.Open(t.Context(), c.dsn, journal.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want %q and no password", name, err, c.want)
		}
	}
}

func TestOnlyASharedJournalHasAMarginAndFollowers(t *testing.T) {
	if _, err := journal.Open(t.Context(), "memory:", journal.Options{Margin: time.Minute}); err == nil {
		t.Error("a margin in memory is taken")
	}
}
