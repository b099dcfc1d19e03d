package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Claim implements rotator.Journal.
func (db *DB) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	row, err := db.claim(ctx, user, owner, now, lease)
	if err != nil {
		return rotator.Row{}, fmt.Errorf("claim %s: %w", user, err)
	}
	return row, nil
}

func (db *DB) claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	if err := checkClaim(user, owner, lease); err != nil {
		return rotator.Row{}, err
	}
	var row rotator.Row
	err := db.update(ctx, func(tx querier) error {
		old, err := db.load(ctx, tx, user, db.dialect.lockRow)
		if errors.Is(err, sql.ErrNoRows) {
			old, err = record{user: user}, nil
		}
		if err != nil {
			return err
		}
		r, err := old.claim(owner, now, lease+db.margin)
		if err != nil {
			return err
		}
		if err := db.store(ctx, tx, old, r, rotator.ErrClaimed); err != nil {
			return err
		}
		// After the write, which waits for whoever moves the journal.
		if err := db.notMoved(ctx, tx); err != nil {
			return err
		}
		if err := db.ours(ctx, tx); err != nil {
			return err
		}
		if row, err = r.row(); err != nil {
			return err
		}
		if row.Sealed, err = db.sealed(ctx, tx, user); err != nil {
			return err
		}
		row.Requests, err = db.requests(ctx, tx, user, r.handled)
		return err
	})
	return row, err
}

// Save implements rotator.Journal. When it erased sealed bytes it also empties
// the write-ahead log, so that they are in no file any more when it returns;
// while another process reads the journal, or on a machine too slow to do it in
// time, that is left to the next save.
func (db *DB) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	saved, err := db.save(ctx, row, change)
	if err != nil {
		return rotator.Row{}, fmt.Errorf("save %s: %w", row.User, err)
	}
	if err := db.cutLog(ctx); err != nil {
		// The save is durable by now, and calling it failed would hold the user
		// for a whole lease. The log stays owed until the next save.
		db.uncut.Store(true)
	}
	return saved, nil
}

func (db *DB) save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	var saved rotator.Row
	err := db.update(ctx, func(tx querier) error {
		old, err := db.load(ctx, tx, row.User, db.dialect.lockRow)
		if errors.Is(err, sql.ErrNoRows) {
			return rotator.ErrConflict
		}
		if err != nil {
			return err
		}
		r, links, err := old.save(row, change)
		if err != nil {
			return err
		}
		if r, err = r.encode(); err != nil {
			return err
		}
		saved = r.result(row, change)
		if err := db.writeChange(ctx, tx, old, r, links, change); err != nil {
			return err
		}
		return db.followSave(ctx, tx, r, change.Release)
	})
	if err == nil && len(change.Erase)+len(change.Seal) > 0 { // a put may overwrite
		db.uncut.Store(true)
	}
	return saved, err
}

// writeChange writes all of one save.
func (db *DB) writeChange(ctx context.Context, tx querier, old, r record, links []link, change rotator.Change) error {
	if err := db.store(ctx, tx, old, r, rotator.ErrConflict); err != nil {
		return err
	}
	u := r.user
	for _, l := range links {
		_, err := db.exec(ctx, tx, "INSERT INTO history (account, name, seq, at, kind, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			u.Account, u.Name, l.seq, nullable(l.at), string(l.kind), string(l.body), l.prev[:], l.hash[:])
		if err != nil {
			return fmt.Errorf("append to the history: %w", err)
		}
	}
	for key, sealed := range change.Seal {
		if err := db.put(ctx, tx, u, key, sealed); err != nil {
			return err
		}
	}
	for _, key := range change.Erase {
		_, err := db.exec(ctx, tx, "DELETE FROM sealed WHERE account = ? AND name = ? AND key = ?", u.Account, u.Name, string(key))
		if err != nil {
			return fmt.Errorf("erase from custody: %w", err)
		}
	}
	if r.handled == old.handled {
		return nil
	}
	_, err := db.exec(ctx, tx, "UPDATE requests SET pending = CASE WHEN number > ? THEN 1 ELSE 0 END WHERE account = ? AND name = ?", r.handled, u.Account, u.Name)
	if err != nil {
		return fmt.Errorf("mark the requests handled: %w", err)
	}
	return nil
}

// put stores sealed bytes in the place of any other of the key.
func (db *DB) put(ctx context.Context, tx querier, u rotator.User, key rotator.KeyID, sealed []byte) error {
	_, err := db.exec(ctx, tx, "INSERT INTO sealed (account, name, key, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (account, name, key) DO UPDATE SET bytes = excluded.bytes",
		u.Account, u.Name, string(key), slices.Concat(make([]byte, db.dialect.pad), sealed))
	if err != nil {
		return fmt.Errorf("put into custody: %w", err)
	}
	return nil
}

const recordColumns = "account, name, phase, schema, opened, due, wake, version, owner, lease_until, handled, last_seq, last_hash, body"

// load reads a user's record, locked if the transaction is to write it; the
// error is sql.ErrNoRows if there is none.
func (db *DB) load(ctx context.Context, tx querier, user rotator.User, lock string) (record, error) {
	row := tx.QueryRowContext(ctx, db.dialect.bind("SELECT "+recordColumns+" FROM users WHERE account = ? AND name = ?"+lock), user.Account, user.Name)
	return scanRecord(row.Scan)
}

func scanRecord(scan func(...any) error) (record, error) {
	var r record
	var phase string
	var opened int
	var due, wake, lease sql.NullInt64
	var hash []byte
	err := scan(&r.user.Account, &r.user.Name, &phase, &r.schema, &opened, &due, &wake, &r.version, &r.owner, &lease, &r.handled, &r.seq, &hash, &r.body)
	if err != nil {
		return record{}, err
	}
	r.phase, r.open = rotator.Phase(phase), opened != 0
	r.due, r.wake, r.lease = stamp(due.Int64), stamp(wake.Int64), stamp(lease.Int64)
	if r.hash, err = toHash(hash); err != nil {
		return record{}, fmt.Errorf("read the row of %s: %w", r.user, err)
	}
	return r, nil
}

func toHash(text []byte) (Hash, error) {
	if len(text) != len(Hash{}) {
		return Hash{}, fmt.Errorf("a hash of %d bytes: %w", len(text), ErrTampered)
	}
	return Hash(text), nil
}

// store replaces old by r if the table still has old, else it fails with lost.
func (db *DB) store(ctx context.Context, tx querier, old, r record, lost error) error {
	var changed int64
	var err error
	if old.version == 0 {
		changed, err = db.exec(ctx, tx, "INSERT INTO users ("+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			r.user.Account, r.user.Name, string(r.phase), r.schema, bit(r.open), nullable(r.due), nullable(r.wake),
			r.version, r.owner, nullable(r.lease), r.handled, r.seq, r.hash[:], string(r.body))
	} else {
		changed, err = db.exec(ctx, tx, `UPDATE users SET phase = ?, schema = ?, opened = ?, due = ?, wake = ?, version = ?, owner = ?, lease_until = ?,
handled = ?, last_seq = ?, last_hash = ?, body = ? WHERE account = ? AND name = ? AND version = ? AND owner = ?`,
			string(r.phase), r.schema, bit(r.open), nullable(r.due), nullable(r.wake), r.version, r.owner, nullable(r.lease),
			r.handled, r.seq, r.hash[:], string(r.body), r.user.Account, r.user.Name, old.version, old.owner)
	}
	if err != nil {
		return fmt.Errorf("write the row: %w", err)
	}
	if changed != 1 {
		return lost
	}
	return nil
}

// sealed reads a user's custody.
func (db *DB) sealed(ctx context.Context, tx querier, user rotator.User) (map[rotator.KeyID][]byte, error) {
	var all map[rotator.KeyID][]byte
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var key string
		var sealed []byte
		if err := rows.Scan(&key, &sealed); err != nil {
			return false, err
		}
		if len(sealed) <= db.dialect.pad {
			return false, fmt.Errorf("key %s: the sealed bytes are cut short", key)
		}
		if all == nil {
			all = map[rotator.KeyID][]byte{}
		}
		all[rotator.KeyID(key)] = sealed[db.dialect.pad:]
		return true, nil
	}, "SELECT key, bytes FROM sealed WHERE account = ? AND name = ?", user.Account, user.Name)
	if err != nil {
		return nil, fmt.Errorf("read the custody of %s: %w", user, err)
	}
	return all, nil
}
