package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// movedName is the row of meta that marks a journal as moved. It belongs to one
// database and is in no dump.
const movedName = "moved"

// notMoved fails with ErrMoved if the journal goes on elsewhere: two daemons on
// two copies of one journal would each rotate the same users.
func (db *DB) notMoved(ctx context.Context, tx querier) error {
	var value []byte
	err := tx.QueryRowContext(ctx, db.dialect.bind("SELECT value FROM meta WHERE name = ?"), movedName).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read whether the journal was moved: %w", err)
	}
	return fmt.Errorf("%w: it was exported %s; go on with the journal that this file was imported into, by journal: in the configuration "+
		"(to go on here, put this journal away and import the file into a new one)", ErrMoved, value)
}

// markMoved ends the journal's life here. Saves of claims that ran out are
// fenced off; new claims and requests ask notMoved.
func (db *DB) markMoved(ctx context.Context, tx querier, to string) error {
	value := "to " + to + " at " + db.now().UTC().Format(time.RFC3339)
	if err := db.setMeta(ctx, tx, movedName, []byte(value)); err != nil {
		return fmt.Errorf("mark the journal as moved: %w", err)
	}
	if _, err := db.exec(ctx, tx, "UPDATE users SET version = version + 1 WHERE lease_until IS NOT NULL"); err != nil {
		return fmt.Errorf("end the claims of the journal: %w", err)
	}
	return nil
}

func (db *DB) setMeta(ctx context.Context, tx querier, name string, value []byte) error {
	_, err := db.exec(ctx, tx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}

// alone keeps all writers out until the end of the transaction, so that what is
// read in it is one state. In SQLite a transaction that writes is alone.
func (db *DB) alone(ctx context.Context, tx querier) error {
	if db.pool == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "LOCK TABLE users, history, sealed, requests, meta IN EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("wait for the tables: %w", err)
	}
	return nil
}

// unclaimed fails with ErrHeld while a replica works on a user. In SQLite the
// exclusive lock proves more than that.
func (db *DB) unclaimed(ctx context.Context, tx querier) error {
	if db.pool == nil {
		return nil
	}
	var count int
	var until sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*), MAX(lease_until) FROM users WHERE lease_until > $1", int64(stampOf(db.now()))).Scan(&count, &until)
	if err != nil {
		return fmt.Errorf("look for claims: %w", err)
	}
	if count > 0 {
		return fmt.Errorf("%w: %d users are claimed, the last until %s: stop all replicas and wait for that", ErrHeld, count, stamp(until.Int64).time().Format(time.RFC3339))
	}
	return nil
}
