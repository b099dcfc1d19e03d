package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyrotator/keyrotator/rotator/journal"
)

func TestACommandLeavesAJournalThatIsBeingMadeToItsDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := journal.Open(t.Context(), "sqlite://"+path, journal.Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open = %v, %v; want an error that there is no journal yet", db, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the empty file was written to: %v, %v", info.Size(), err)
	}
}
