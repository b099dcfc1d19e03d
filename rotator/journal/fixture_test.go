package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// Journals of earlier schemas are kept as they were written, one of each kind of
// database: the next version has to open them in the middle of whatever was under
// way. schemaN.db is a SQLite file, schemaN.sql what pg_dump --inserts makes of
// the schema keyrotator, without comments and settings.

func sqliteFixture(t *testing.T, schema int) (dsn string) {
	t.Helper()
	old, err := os.ReadFile(fmt.Sprintf("testdata/schema%d.db", schema))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite://" + path
}

func postgresFixture(t *testing.T, schema int) (dsn string) {
	t.Helper()
	old, err := os.ReadFile(fmt.Sprintf("testdata/schema%d.sql", schema))
	if err != nil {
		t.Fatal(err)
	}
	dsn = servers().DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.PgConn().Exec(t.Context(), string(old)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// TestEverySchemaIsKept: whoever adds a migration keeps a journal of it.
func TestEverySchemaIsKept(t *testing.T) {
	_, newest := sqliteOf(t).Schema()
	for schema := 1; schema <= newest; schema++ {
		for _, dsn := range []string{sqliteFixture(t, schema), postgresFixture(t, schema)} {
			db := open(t, dsn, journal.Options{Exclusive: true})
			if found, has := db.Schema(); found != schema || has != newest {
				t.Errorf("%s of schema %d: found schema %d, and made %d of it", db, schema, found, has)
			}
			if err := db.Verify(t.Context()); err != nil {
				t.Errorf("%s of schema %d: %v", db, schema, err)
			}
		}
	}
}

// TestJournalsOfTheFirstSchemaGoOn opens copies of journals that the first schema
// made: alice in the middle of a cycle with a secret in custody, bob with a
// request waiting, everybody paused.
func TestJournalsOfTheFirstSchemaGoOn(t *testing.T) {
	for name, dsn := range map[string]string{"SQLite": sqliteFixture(t, 1), "PostgreSQL": postgresFixture(t, 1)} {
		t.Run(name, func(t *testing.T) { goesOn(t, open(t, dsn, journal.Options{Exclusive: true})) })
	}
}

func goesOn(t *testing.T, db *journal.DB) {
	t.Helper()
	if err := db.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil || row.Progress.Phase != rotator.PhaseOverlap || row.Progress.Cycle.Keep != "AKIAIOSFODNN7EXAMPLE" ||
		row.Waiting != "overlap" || row.Calls["iam"] != 2 || string(row.Sealed["AKIAIOSFODNN7EXAMPLE"]) != "sealed bytes" {
		t.Errorf("alice: %+v, %v", row, err)
	}
	h, err := db.History(t.Context(), alice, 0, 0)
	if err != nil || len(h) != 2 || h[1].Hash.String() != "3117bd26370708d9b0e6077edb0eb40bdc3195a0e9958706d93a86122165d3f6" {
		t.Errorf("history: %+v, %v", h, err)
	}
	if _, err := db.Save(t.Context(), row, rotator.Change{Entries: []rotator.Entry{{Kind: rotator.KindNoted}}, Release: true}); err != nil {
		t.Error(err)
	}
	bob, err := db.Row(t.Context(), rotator.User{Account: "prod", Name: "bob"})
	if err != nil || len(bob.Requests) != 1 || bob.Requests[0].Verb != rotator.RequestRotate || !bob.Due.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("bob: %+v, %v", bob, err)
	}
	if g, err := db.Global(t.Context()); err != nil || !g.Paused {
		t.Errorf("global: %+v, %v", g, err)
	}
	if canary, err := db.Canary(t.Context()); err != nil || string(canary) != "sealed canary" {
		t.Errorf("canary: %q, %v", canary, err)
	}
	if err := db.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if q, err := db.Append(t.Context(), rotator.Request{User: alice, Verb: rotator.RequestRotate}); err != nil || q.Number != 3 {
		t.Errorf("the next request has number %d, %v", q.Number, err)
	}
}
