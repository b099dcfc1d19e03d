package journal_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// saveOnce saves once for alice, and returns the error of the save.
func saveOnce(t *testing.T, db *journal.DB) error {
	t.Helper()
	row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Save(t.Context(), row, rotator.Change{
		Entries: []rotator.Entry{{Kind: rotator.KindNoted, At: time.Now(), Detail: strings.Repeat("x", 20<<10)}},
		Seal:    map[rotator.KeyID][]byte{"AKIA": []byte("sealed")}, Release: true,
	})
	return err
}

// execute runs SQL on the writer's connection, or ends the test.
func execute(t *testing.T, db *journal.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Write().ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestAFailedSaveIsAnErrorThatSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ pragma, advice string }{
		"a full disk":         {"PRAGMA max_page_count = 1", "the disk is full"},
		"a read-only journal": {"PRAGMA query_only = ON", "not writable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, db := fresh(t)
			row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			execute(t, db, c.pragma)
			_, err = db.Save(t.Context(), row, rotator.Change{Entries: []rotator.Entry{{Kind: rotator.KindNoted, Detail: strings.Repeat("x", 64<<10)}}})
			if err == nil || !strings.Contains(err.Error(), c.advice) || !strings.Contains(err.Error(), "save prod/alice") {
				t.Errorf("got %v, want %q", err, c.advice)
			}
			if h, err := db.History(t.Context(), alice, 0, 0); err != nil || len(h) != 0 {
				t.Errorf("the failed save left %v, %v", h, err)
			}
		})
	}
}

func TestALockedJournalIsAnError(t *testing.T) {
	dsn, db := fresh(t)
	other := open(t, dsn, journal.Options{})
	tx, err := other.Write().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, "PRAGMA busy_timeout = 0")
	_, err = db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err == nil || !strings.Contains(err.Error(), "locked by another process") {
		t.Errorf("got %v, want a word on the other process", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := saveOnce(t, db); err != nil {
		t.Error(err)
	}
}

func TestASaveIsWholeOrNothingWhicheverTableFails(t *testing.T) {
	for _, when := range []string{"INSERT ON history", "INSERT ON sealed", "UPDATE ON users", "DELETE ON sealed", "UPDATE ON requests"} {
		t.Run(when, func(t *testing.T) {
			_, db := fresh(t)
			q, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate})
			if err != nil {
				t.Fatal(err)
			}
			if err := saveOnce(t, db); err != nil {
				t.Fatal(err)
			}
			row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			before := dump(t, db)
			execute(t, db, "CREATE TRIGGER fault BEFORE "+when+" BEGIN SELECT RAISE(ABORT, 'injected'); END")
			row.Detail, row.Progress.Handled = "must not be seen", q.Number
			change := rotator.Change{
				Entries: []rotator.Entry{{Kind: rotator.KindNoted}}, Seal: map[rotator.KeyID][]byte{"AKIB": {1}},
				Erase: []rotator.KeyID{"AKIA"}, Release: true,
			}
			if _, err := db.Save(t.Context(), row, change); err == nil || !strings.Contains(err.Error(), "injected") {
				t.Fatalf("got %v, want the injected fault", err)
			}
			if after := dump(t, db); !reflect.DeepEqual(after, before) {
				t.Errorf("the failed save wrote:\n%v\nbefore:\n%v", after, before)
			}
			execute(t, db, "DROP TRIGGER fault")
			if _, err := db.Save(t.Context(), row, change); err != nil {
				t.Errorf("the same save without the fault: %v", err)
			}
		})
	}
}

// dump reads every table.
func dump(t *testing.T, db *journal.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for table, columns := range map[string]string{
		"users": "name || version || owner || handled || last_seq || body", "history": "seq || body",
		"sealed": "key || hex(bytes)", "requests": "number || pending",
	} {
		all[table] = column(t, db, "SELECT "+columns+" FROM "+table)
	}
	return all
}

// column reads the texts that a query returns.
func column(t *testing.T, db *journal.DB, query string) []string {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADamagedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(t.Context(), "sqlite://"+path, journal.Options{Exclusive: true})
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want a word on the damage", err)
	}
}

func TestADatabaseOfAnotherProgramIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("CREATE TABLE users (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Close(), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = journal.Open(t.Context(), "sqlite://"+path, journal.Options{Exclusive: true})
	if err == nil || !strings.Contains(err.Error(), "not a journal of this program") {
		t.Errorf("got %v, want that it is not a journal", err)
	}
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	dsn, db := fresh(t)
	refused := func(options journal.Options, word string) {
		t.Helper()
		if _, err := journal.Open(t.Context(), dsn, options); !errors.Is(err, journal.ErrSchema) || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want ErrSchema and %q", err, word)
		}
	}
	execute(t, db, "INSERT INTO migrations (number, name, at) VALUES (99, '0099_future', 0)")
	refused(journal.Options{}, "newer version")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(journal.Options{Exclusive: true}, "newer version")

	dsn, db = fresh(t)
	execute(t, db, "DELETE FROM migrations")
	refused(journal.Options{}, "start the daemon of this version once")
}

func TestRowsOfANewerVersionAreShownAndNeverHandedOut(t *testing.T) {
	for name, set := range map[string]string{
		"a newer schema":   `schema = 2, body = '{"progress":{"schema":2,"phase":"idle"}}'`,
		"an unknown phase": `phase = 'levitating', body = '{"progress":{"schema":1,"phase":"levitating"}}'`,
	} {
		t.Run(name, func(t *testing.T) {
			_, db := fresh(t)
			now := time.Now()
			if err := db.Register(t.Context(), alice, now); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate}); err != nil {
				t.Fatal(err)
			}
			execute(t, db, "UPDATE users SET "+set)
			before := dump(t, db)
			if _, err := db.Claim(t.Context(), alice, "a", now, time.Minute); !errors.Is(err, rotator.ErrUnreadable) {
				t.Errorf("claim: %v, want ErrUnreadable", err)
			}
			if users, next, err := db.Due(t.Context(), now, 10); err != nil || len(users) != 0 || !next.IsZero() {
				t.Errorf("due: %v, %s, %v, want nobody ever", users, next, err)
			}
			if after := dump(t, db); !reflect.DeepEqual(after, before) {
				t.Errorf("the refused claim wrote %v, before %v", after, before)
			}
			rows, err := db.Rows(t.Context())
			if err != nil || len(rows) != 1 || !errors.Is(journal.Readable(rows[0].Progress), rotator.ErrUnreadable) {
				t.Errorf("rows: %+v, %v, want one that is not readable", rows, err)
			}
		})
	}
}

func TestErasedBytesLeaveTheLogWithTheNextSaveWhenAReaderHeldIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	db := open(t, "sqlite://"+path, journal.Options{Exclusive: true})
	reader := open(t, "sqlite://"+path, journal.Options{})
	execute(t, db, "PRAGMA busy_timeout = 0")
	step := func(c rotator.Change) {
		t.Helper()
		row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c.Release = true
		if _, err := db.Save(t.Context(), row, c); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := reader.Read().BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	step(rotator.Change{})
	var n int
	if err := tx.QueryRow("SELECT COUNT(*) FROM users").Scan(&n); err != nil {
		t.Fatal(err)
	}
	step(rotator.Change{Seal: map[rotator.KeyID][]byte{key(1): []byte(secretMark(1))}})
	step(rotator.Change{Erase: []rotator.KeyID{key(1)}})
	if !strings.Contains(string(readAll(t, path)["journal.db-wal"]), secretMark(1)) {
		t.Fatal("the reader did not hold the log, so this test shows nothing")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	step(rotator.Change{})
	for name, content := range readAll(t, path) {
		if strings.Contains(string(content), secretMark(1)) {
			t.Errorf("%s still has the erased secret", name)
		}
	}
}
