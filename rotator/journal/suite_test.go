package journal_test

import (
	"path/filepath"
	"testing"

	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Journal { return journal.NewMemory() })
}

func TestSQLite(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal {
		return open(t, "sqlite://"+filepath.Join(t.TempDir(), "journal.db"), journal.Options{Exclusive: true})
	})
}

func TestPostgreSQL(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal {
		return open(t, servers().DSN(t), journal.Options{Exclusive: true})
	})
}

func TestSQLiteInMemory(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal { return open(t, "memory:", journal.Options{}) })
}

// open opens a journal until the end of the test.
func open(t *testing.T, dsn string, options journal.Options) *journal.DB {
	t.Helper()
	db, err := journal.Open(t.Context(), dsn, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
