package journal_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// places are a DSN of each kind whose journal can be opened twice.
func places(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"SQLite": "sqlite://" + filepath.Join(t.TempDir(), "journal.db"), "PostgreSQL": servers().DSN(t)}
}

func TestAJournalThatWasMovedIsRefusedToDaemonsAndTakesNothingMore(t *testing.T) {
	for name, dsn := range places(t) {
		t.Run(name, func(t *testing.T) {
			db, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true, Now: atRest})
			if err != nil {
				t.Fatal(err)
			}
			busy(t, db)
			late, err := db.Claim(t.Context(), rotator.User{Account: "prod", Name: "bob"}, "late", dumpedAt.Add(-time.Hour), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			text := exported(t, db, journal.ExportOptions{Moved: "/backup/j.jsonl"})
			// A replica that has it open still.
			if _, err := db.Claim(t.Context(), alice, "b", dumpedAt, time.Minute); !errors.Is(err, journal.ErrMoved) {
				t.Errorf("claim: %v", err)
			}
			if _, err := db.Claim(t.Context(), rotator.User{Account: "prod", Name: "new"}, "b", dumpedAt, time.Minute); !errors.Is(err, journal.ErrMoved) {
				t.Errorf("claim of a new user: %v", err)
			}
			if _, err := db.Save(t.Context(), late, rotator.Change{Release: true}); !errors.Is(err, rotator.ErrConflict) {
				t.Errorf("save of a claim that ran out: %v", err)
			}
			if _, err := db.Append(t.Context(), rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestPause}); !errors.Is(err, journal.ErrMoved) {
				t.Errorf("request: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true}); !errors.Is(err, journal.ErrMoved) || !strings.Contains(err.Error(), "/backup/j.jsonl") {
				t.Errorf("a daemon: %v", err)
			}
			open(t, dsn, journal.Options{}) // to look at it
			again := open(t, dsn, journal.Options{Exclusive: true, Moved: true, Now: atRest})
			repeated := exported(t, again, journal.ExportOptions{})
			if strings.Contains(repeated, "/backup/j.jsonl") || strings.Count(repeated, "\n") != strings.Count(text, "\n") {
				t.Errorf("the second export is\n%s\nthe first\n%s", repeated, text)
			}
			target := sqliteOf(t)
			imported(t, target, text)
			if _, err := target.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestPause}); err != nil {
				t.Errorf("the mark came along: %v", err)
			}
		})
	}
}

func TestAnExportThatFailsDoesNotEndTheJournal(t *testing.T) {
	for name, dsn := range places(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t, dsn, journal.Options{Exclusive: true, Now: atRest})
			busy(t, db)
			full := errors.New("the disk is full")
			o := journal.ExportOptions{Moved: "x", Durable: func() error { return full }}
			if _, err := db.Export(t.Context(), io.Discard, o); !errors.Is(err, full) {
				t.Errorf("got %v", err)
			}
			if _, err := db.Claim(t.Context(), alice, "b", dumpedAt, time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAJournalThatSomebodyHoldsIsNotExported(t *testing.T) {
	dsn := "sqlite://" + filepath.Join(t.TempDir(), "journal.db")
	daemon := open(t, dsn, journal.Options{Exclusive: true, Now: atRest})
	busy(t, daemon)
	beside := open(t, dsn, journal.Options{Now: atRest})
	shared := sharedOf(t)
	busy(t, shared)
	if _, err := shared.Claim(t.Context(), alice, "b", dumpedAt.Add(-time.Second), time.Minute); err != nil {
		t.Fatal(err)
	}
	for name, db := range map[string]*journal.DB{"SQLite": beside, "PostgreSQL": shared} {
		for _, moved := range []string{"", "x"} {
			if _, err := db.Export(t.Context(), io.Discard, journal.ExportOptions{Moved: moved}); !errors.Is(err, journal.ErrHeld) {
				t.Errorf("%s, moved %q: got %v", name, moved, err)
			}
		}
		if _, err := db.Export(t.Context(), io.Discard, journal.ExportOptions{Live: true, Moved: "x"}); err == nil {
			t.Errorf("%s was moved beside a daemon", name)
		}
		live := exported(t, db, journal.ExportOptions{Live: true})
		target := sqliteOf(t)
		if _, err := target.Import(t.Context(), strings.NewReader(live), journal.ImportOptions{Live: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name+" beside a daemon", target, db)
	}
}

func TestATamperedJournalIsNotExported(t *testing.T) {
	db := sqliteOf(t)
	busy(t, db)
	execute(t, db, `UPDATE history SET body = replace(body, 'halted', 'closed')`)
	if _, err := db.Export(t.Context(), io.Discard, journal.ExportOptions{Moved: "x"}); !errors.Is(err, journal.ErrTampered) {
		t.Errorf("got %v", err)
	}
}

// TestRandomJournalsSurviveTheWay moves journals of random steps through both
// databases.
func TestRandomJournalsSurviveTheWay(t *testing.T) {
	shared := servers().DSN(t)
	users := []rotator.User{alice, {Account: "prod", Name: "bob"}, {Account: "d|\"ev", Name: "a=b"}}
	rapid.Check(t, func(r *rapid.T) {
		source := openMemory(r)
		defer source.Close()
		for range rapid.IntRange(0, 12).Draw(r, "acts") {
			randomAct(r, source, rapid.SampledFrom(users).Draw(r, "user"))
		}
		var before, between, after bytes.Buffer
		target, err := journal.Open(t.Context(), shared, journal.Options{Exclusive: true, Now: atRest})
		if err != nil {
			r.Fatal(err)
		}
		defer target.Close()
		if _, err := target.Pool().Exec(t.Context(), "TRUNCATE users, history, sealed, requests, meta"); err != nil {
			r.Fatal(err)
		}
		last := openMemory(r)
		defer last.Close()
		o := journal.ExportOptions{Live: true}
		i := journal.ImportOptions{Live: true}
		_, err1 := source.Export(t.Context(), &before, o)
		_, err2 := target.Import(t.Context(), bytes.NewReader(before.Bytes()), i)
		_, err3 := target.Export(t.Context(), &between, o)
		_, err4 := last.Import(t.Context(), bytes.NewReader(between.Bytes()), i)
		_, err5 := last.Export(t.Context(), &after, o)
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(before.Bytes(), between.Bytes()) || !bytes.Equal(before.Bytes(), after.Bytes()) {
			r.Errorf("%s\n%s\n%s", &before, &between, &after)
		}
	})
}

func openMemory(r *rapid.T) *journal.DB {
	db, err := journal.Open(r.Context(), "memory:", journal.Options{Exclusive: true, Now: atRest})
	if err != nil {
		r.Fatal(err)
	}
	return db
}

// randomAct does one thing to a journal; a claim that runs refuses some.
func randomAct(r *rapid.T, db *journal.DB, user rotator.User) {
	at := dumpedAt.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(r, "at")))
	var err error
	switch rapid.IntRange(0, 3).Draw(r, "act") {
	case 0:
		_, err = db.Append(r.Context(), rotator.Request{User: user, Verb: rotator.RequestRotate, At: at, Why: rapid.String().Draw(r, "why")})
	case 1:
		err = db.Register(r.Context(), user, at)
	case 2:
		err = db.Wake(r.Context(), user, at)
	default:
		row, refused := db.Claim(r.Context(), user, "o", at, time.Minute)
		if refused != nil {
			return
		}
		row.Due, row.Detail = at, rapid.String().Draw(r, "detail")
		var entries []rotator.Entry
		for range rapid.IntRange(0, 4).Draw(r, "entries") {
			entries = append(entries, rotator.Entry{Kind: rotator.KindNoted, At: at, Detail: rapid.String().Draw(r, "noted")})
		}
		sealed := map[rotator.KeyID][]byte{"AKIA": rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(r, "sealed")}
		_, err = db.Save(r.Context(), row, rotator.Change{Entries: entries, Seal: sealed, Release: rapid.Bool().Draw(r, "release")})
	}
	if err != nil {
		r.Fatal(err)
	}
}
