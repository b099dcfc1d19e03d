package journal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// recorded opens a journal in which two users have a history of four.
func recorded(t *testing.T) *journal.DB {
	t.Helper()
	_, db := fresh(t)
	for _, name := range []string{"alice", "bob"} {
		row, err := db.Claim(t.Context(), rotator.User{Account: "prod", Name: name}, "a", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var entries []rotator.Entry
		for i := range 4 {
			entries = append(entries, rotator.Entry{Kind: rotator.KindNoted, At: time.Now(), Detail: fmt.Sprint(i + 1)})
		}
		if _, err := db.Save(t.Context(), row, rotator.Change{Entries: entries, Release: true}); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestVerifyNamesTheFirstRowThatWasTamperedWith(t *testing.T) {
	for name, c := range map[string]struct{ query, where string }{
		"a changed body":                {`UPDATE history SET body = replace(body, '"detail":"2"', '"detail":"X"')`, "prod/alice, row 2: its content does not match its hash"},
		"a changed body of another":     {`UPDATE history SET body = replace(body, '"detail":"3"', '"detail":"X"') WHERE name = 'bob'`, "prod/bob, row 3: its content"},
		"a changed kind beside it":      {`UPDATE history SET kind = 'halted' WHERE seq = 3`, "prod/alice, row 3: its columns"},
		"a changed time beside it":      {`UPDATE history SET at = at + 1 WHERE seq = 3`, "prod/alice, row 3: its columns"},
		"a row taken out":               {`DELETE FROM history WHERE seq = 2`, "prod/alice, row 3: row 2 is missing"},
		"the first rows taken out":      {`DELETE FROM history WHERE seq < 3`, "prod/alice, row 3: row 1 is missing"},
		"the last row taken out":        {`DELETE FROM history WHERE seq = 4 AND name = 'bob'`, "prod/bob: it ends at row 3"},
		"a whole history taken out":     {`DELETE FROM history WHERE name = 'bob'`, "prod/bob: it ends at row 0"},
		"a row taken out and closed up": {`DELETE FROM history WHERE seq = 2; UPDATE history SET seq = seq - 1 WHERE seq > 2`, "prod/alice, row 2: it does not follow"},
		"rows of another user":          {`UPDATE history SET name = 'x' || name; UPDATE history SET name = 'alice' WHERE name = 'xbob'; UPDATE history SET name = 'bob' WHERE name = 'xalice'`, "prod/alice, row 1: its content does not match its hash"},
		"another hash":                  {`UPDATE history SET hash = zeroblob(32) WHERE seq = 4`, "prod/alice, row 4: its content does not match its hash"},
		"a hash cut short":              {`UPDATE history SET hash = zeroblob(3) WHERE seq = 4`, "prod/alice"},
	} {
		t.Run(name, func(t *testing.T) {
			db := recorded(t)
			if err := db.Verify(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			execute(t, db, "PRAGMA foreign_keys = OFF")
			execute(t, db, c.query)
			err := db.Verify(t.Context())
			if !errors.Is(err, journal.ErrTampered) || !strings.Contains(err.Error(), c.where) {
				t.Errorf("got %v, want ErrTampered at %q", err, c.where)
			}
		})
	}
}

func TestAForeignHistoryEntryIsKeptByForeignKeys(t *testing.T) {
	db := recorded(t)
	if _, err := db.Write().Exec("DELETE FROM users WHERE name = 'bob'"); err == nil {
		t.Error("a user was deleted from under its history")
	}
}

func TestDueIsAnsweredFromIndexes(t *testing.T) {
	_, db := fresh(t)
	execute(t, db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO users SELECT 'prod', 'user-' || i, 'idle', 1, i % 10 = 0, i * 1000000000, NULL, 1, '', NULL, 0, 0, zeroblob(32), '' FROM n`)
	if _, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate}); err != nil {
		t.Fatal(err)
	}
	users, next, err := db.Due(t.Context(), time.Unix(5000, 0), 3)
	if err != nil || fmt.Sprint(users) != "[prod/user-10 prod/user-20 prod/user-30]" || !next.Equal(time.Unix(5000, 0)) {
		t.Errorf("due: %v, %s, %v", users, next, err)
	}
	execute(t, db, "ANALYZE")
	plans, err := db.Plan(t.Context())
	if err != nil || len(plans) != 4 {
		t.Fatal(plans, err)
	}
	for query, plan := range plans {
		if strings.Contains(query, "opened = ?") && !strings.Contains(plan[0], "(opened=? AND due") {
			t.Errorf("%s\nreads more of its index than it returns: %s", query, plan[0])
		}
		for _, step := range plan {
			scans := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "requests_pending") && !strings.Contains(step, "users_lease")
			if scans || strings.Contains(step, "TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%s\nlooks at every user: %s", query, step)
			}
		}
	}
}

func TestWhatWasSavedIsThereAfterARestart(t *testing.T) {
	dsn, db := fresh(t)
	if err := saveOnce(t, db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dsn, journal.Options{Exclusive: true})
	row, err := db.Claim(t.Context(), alice, "b", time.Now(), time.Minute)
	if err != nil || string(row.Sealed["AKIA"]) != "sealed" {
		t.Errorf("got %q, %v", row.Sealed, err)
	}
	if h, err := db.History(t.Context(), alice, 0, 0); err != nil || len(h) != 1 {
		t.Errorf("history: %v, %v", h, err)
	}
}

// TestReleasedMigrationsAreNeverEdited holds the hash of every migration that
// was in a release. A new one is added here and to testdata.
func TestReleasedMigrationsAreNeverEdited(t *testing.T) {
	released := map[string]string{
		"0001_first.sql": "3bb08a37f3dd96dba4c0a5174fbc1ee3081dc6a44a305d937d210bbe3e3e9d87",
	}
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) != len(released) {
		t.Fatalf("%v, %v, want %d files", files, err, len(released))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != released[filepath.Base(file)] {
			t.Errorf("%s has hash %s: write a new migration instead", file, got)
		}
	}
}
