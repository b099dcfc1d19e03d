package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/keyrotator/keyrotator/rotator"
)

// DB is a journal in a SQL database. It is safe for concurrent use. Close it.
type DB struct {
	path    string // empty in memory
	dialect dialect
	now     func() time.Time
	lock    *os.File
	// write has one connection, read several that cannot write; in memory both
	// are one.
	write, read *sql.DB
	// uncut is set while erased bytes may still be in the write-ahead log.
	uncut atomic.Bool
	// found and has are the schemas before and after Open.
	found, has int

	// PostgreSQL only.
	pool   *pgxpool.Pool
	server string // host, port and database, for people
	margin time.Duration
	follow Follow
	speech speech
	// fingerprint is that of the configuration that Enforce was given; nil
	// before.
	fingerprint atomic.Pointer[string]
}

var _ rotator.Journal = (*DB)(nil)

// String names the database: its file, or where its server is.
func (db *DB) String() string {
	if db.pool != nil {
		return db.server
	}
	if db.path == "" {
		return "memory"
	}
	return db.path
}

// Close releases the files and, at last, the exclusive lock. A second Close
// does nothing.
func (db *DB) Close() error {
	var errs []error
	if db.read != nil && db.read != db.write {
		errs = append(errs, db.read.Close())
	}
	if db.write != nil {
		errs = append(errs, db.write.Close())
	}
	if db.pool != nil {
		db.speech.end()
		db.pool.Close()
	}
	if db.lock != nil {
		if err := db.lock.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// exec runs one statement and returns how many rows it changed.
func (db *DB) exec(ctx context.Context, tx querier, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, db.dialect.bind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// each runs scan for every row of a query. scan may end it early, with false,
// and must not use the transaction: it has one connection.
func (db *DB) each(ctx context.Context, tx querier, scan func(rows *sql.Rows) (more bool, err error), query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, db.dialect.bind(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if more, err := scan(rows); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}

// cutLog empties the write-ahead log if erased bytes may still be in it. A
// reader of another process may hold the log for a moment; then it stays owed
// until the next save, and an exclusive open always does it.
func (db *DB) cutLog(ctx context.Context) error {
	if db.path == "" || db.dialect.truncate == "" || !db.uncut.Load() {
		return nil
	}
	var busy, inLog, moved int
	if err := db.write.QueryRowContext(ctx, db.dialect.truncate).Scan(&busy, &inLog, &moved); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", explain(err))
	}
	if busy == 0 {
		db.uncut.Store(false)
	}
	return nil
}

// takeOver ends every claim at most at until.
func (db *DB) takeOver(ctx context.Context, until time.Time) error {
	return db.update(ctx, func(tx querier) error {
		_, err := db.exec(ctx, tx, "UPDATE users SET lease_until = ? WHERE lease_until > ?", int64(stampOf(until)), int64(stampOf(until)))
		if err != nil {
			return fmt.Errorf("end the claims of the former owner: %w", err)
		}
		return nil
	})
}

// nullable stores none as NULL.
func nullable(s stamp) sql.NullInt64 { return sql.NullInt64{Int64: int64(s), Valid: s != 0} }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
