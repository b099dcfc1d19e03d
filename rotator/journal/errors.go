package journal

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// Sentinels of Open.
var (
	// ErrHeld: another process has the journal for itself.
	ErrHeld = errors.New("the journal is held by another process")
	// ErrNetworkFile: the journal lies on a file system that cannot lock.
	ErrNetworkFile = errors.New("the journal is on a network file system")
	// ErrSchema: the database has a schema that this version cannot use.
	ErrSchema = errors.New("the journal has the schema of another version")
)

// explain adds to an error of SQLite what a person can do about it. The
// primary result code is the low byte (sqlite.org/rescode.html).
func explain(err error) error {
	if advice := explainPostgres(err); advice != "" {
		return fmt.Errorf("%s: %w", advice, err)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	var advice string
	switch e.Code() & 0xff {
	case codes.SQLITE_FULL:
		advice = "the disk is full: free space, the step will be tried again"
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		advice = "the journal file is damaged: restore it from a backup or remove it (see docs/journal.md)"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_CANTOPEN, codes.SQLITE_AUTH:
		advice = "the journal is not writable: check owner and mode of the file and its directory"
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		advice = "the journal is locked by another process that writes for too long"
	case codes.SQLITE_IOERR:
		advice = "the disk failed to read or write the journal: check the volume"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", advice, err)
}
