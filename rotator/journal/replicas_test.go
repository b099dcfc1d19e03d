package journal_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func TestReplicasThatStartAtOnceMakeOneJournal(t *testing.T) {
	dsn := servers().DSN(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		group.Go(func() {
			db, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			mu.Lock()
			defer mu.Unlock()
			if found, _ := db.Schema(); found == 0 {
				made++
			}
		})
	}
	group.Wait()
	db := open(t, dsn, journal.Options{})
	applied := column(t, db, "SELECT number || ' ' || name FROM migrations ORDER BY number")
	if _, has := db.Schema(); made != 1 || len(applied) != has {
		t.Errorf("%d replicas made the journal, with the migrations %v", made, applied)
	}
}

func claims(t *testing.T, db *journal.DB) error {
	t.Helper()
	row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil {
		return err
	}
	_, err = db.Save(t.Context(), row, rotator.Change{Release: true})
	return err
}

// TestReplicasWithAnotherConfigurationStandBy: half of a rollout would halt users
// whom it does not know yet.
func TestReplicasWithAnotherConfigurationStandBy(t *testing.T) {
	dsn, old := shared(t, journal.Options{})
	fresh := open(t, dsn, journal.Options{Exclusive: true})
	previous := open(t, dsn, journal.Options{Exclusive: true}) // a version that does not know of fingerprints
	enforce := func(db *journal.DB, fingerprint string) {
		t.Helper()
		if err := db.Enforce(t.Context(), fingerprint); err != nil {
			t.Fatal(err)
		}
	}
	works := func(name string, db *journal.DB, want bool) {
		t.Helper()
		holds, err := db.InForce(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = claims(t, db)
		if err != nil && !errors.Is(err, rotator.ErrClaimed) {
			t.Fatal(err)
		}
		if holds != want || (err == nil) != want {
			t.Errorf("%s: in force %v, claim %v; want it to work: %v", name, holds, err, want)
		}
	}
	enforce(old, "one")
	works("the only one", old, true)
	enforce(fresh, "two")
	works("the former one", old, false)
	works("the new one", fresh, true)
	works("one that says nothing", previous, true)
	enforce(old, "two")
	works("the former one with the new configuration", old, true)
	enforce(old, "one")
	works("the new one after the way back", fresh, false)
	for _, age := range []string{"-2 minutes", "3 hours"} { // the latter after the clock was set back
		statement(t, old, `UPDATE meta SET value = convert_to(json_build_object('fingerprint', 'one', 'at', now() + interval '`+age+`')::text, 'UTF8') WHERE name = 'configuration'`)
		works("the new one after nobody has had the other for "+age, fresh, true)
		works("the one that was silent", old, false)
		enforce(old, "one")
		works("the new one while the other is there", fresh, false)
	}
	if text := exported(t, old, journal.ExportOptions{Live: true}); strings.Contains(text, "configuration") {
		t.Errorf("the configuration in force went into the export:\n%s", text)
	}
}

func TestTheConfigurationInForceIsKeptSo(t *testing.T) {
	_, db := shared(t, journal.Options{})
	if err := db.Enforce(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	age := func() string {
		t.Helper()
		return column(t, db, "SELECT CASE WHEN (convert_from(value, 'UTF8')::json->>'at')::timestamptz > now() - interval '15 seconds' THEN 'young' ELSE 'old' END FROM meta WHERE name = 'configuration'")[0]
	}
	statement(t, db, `UPDATE meta SET value = convert_to(json_build_object('fingerprint', 'one', 'at', now() - interval '20 seconds')::text, 'UTF8') WHERE name = 'configuration'`)
	if age() != "old" {
		t.Fatal("the row is young")
	}
	if holds, err := db.InForce(t.Context()); err != nil || !holds || age() != "young" {
		t.Errorf("in force: %v, %v, said %s", holds, err, age())
	}
}

func TestASQLiteJournalHasOneReplicaAndOneConfiguration(t *testing.T) {
	db := sqliteOf(t)
	if err := db.Enforce(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if holds, err := db.InForce(t.Context()); err != nil || !holds {
		t.Errorf("in force: %v, %v", holds, err)
	}
	if meta := column(t, db, "SELECT name FROM meta"); len(meta) > 0 {
		t.Errorf("it was written down: %v", meta)
	}
}

func TestWhatIsSavedIsOnTheDiskWhateverTheServerDoesForOthers(t *testing.T) {
	dsn := servers().DSN(t)
	show := func(dsn, setting string) string {
		t.Helper()
		return column(t, open(t, dsn, journal.Options{Exclusive: true}), "SELECT current_setting('"+setting+"')")[0]
	}
	off := open(t, dsn, journal.Options{Exclusive: true})
	statement(t, off, "ALTER ROLE CURRENT_USER IN DATABASE "+strings.TrimPrefix(off.Pool().Config().ConnConfig.Database, "/")+" SET synchronous_commit = off")
	for setting, want := range map[string]string{
		"synchronous_commit": "on", "idle_in_transaction_session_timeout": "30s", "tcp_keepalives_idle": "30",
		"application_name": "keyrotator", "search_path": "keyrotator",
	} {
		if got := show(dsn, setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
	if got := show(dsn+"&synchronous_commit=remote_apply", "synchronous_commit"); got != "remote_apply" {
		t.Errorf("the DSN wants remote_apply, the session has %s", got)
	}
}

// TestAReplicaThatFreezesInATransactionHoldsNobodyUp: the server ends its
// session, and with it the locks.
func TestAReplicaThatFreezesInATransactionHoldsNobodyUp(t *testing.T) {
	dsn := servers().DSN(t)
	frozen, thaw := make(chan struct{}), make(chan struct{})
	var once sync.Once
	freeze := func(context.Context, pgx.Tx, rotator.User, time.Time) error {
		once.Do(func() { close(frozen); <-thaw })
		return nil
	}
	asleep := open(t, dsn+"&idle_in_transaction_session_timeout=300ms", journal.Options{Exclusive: true, Follow: freeze})
	row, err := asleep.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	saved := make(chan error)
	go func() {
		row.Due = time.Now()
		_, err := asleep.Save(t.Context(), row, rotator.Change{Release: true})
		saved <- err
	}()
	<-frozen
	awake := open(t, dsn, journal.Options{Exclusive: true})
	if _, err := awake.Claim(t.Context(), alice, "b", time.Now().Add(time.Hour), time.Minute); err != nil {
		t.Errorf("after the lease: %v", err)
	}
	close(thaw)
	if err := <-saved; err == nil {
		t.Error("the replica that woke up has saved over its successor")
	}
}

func TestASpeakerThatNobodyAsksAnyMoreIsSucceeded(t *testing.T) {
	dsn := servers().DSN(t)
	asleep := open(t, dsn+"&idle_session_timeout=300ms", journal.Options{Exclusive: true})
	if ok, err := asleep.Speaks(t.Context()); err != nil || !ok {
		t.Fatalf("the first one speaks: %v, %v", ok, err)
	}
	awake := open(t, dsn, journal.Options{})
	for begun := time.Now(); ; {
		ok, err := awake.Speaks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("a speaker that is asleep keeps everybody silent")
		}
	}
	if ok, err := asleep.Speaks(t.Context()); err == nil && ok {
		t.Error("both speak")
	}
}
