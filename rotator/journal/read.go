package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/rotator"
)

// ErrUnknownUser tells that the journal has no row for the user.
var ErrUnknownUser = errors.New("the journal does not know the user")

// Rows returns the rows of all users, in the order of their names. Sealed has
// the key ids in custody, without their bytes. Rows of a newer version are
// there as far as this version understands them: ask Readable before trusting one.
func (db *DB) Rows(ctx context.Context) ([]rotator.Row, error) {
	var all []rotator.Row
	err := db.view(ctx, func(tx querier) error {
		at := map[rotator.User]int{}
		err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
			r, err := scanRecord(rows.Scan)
			if err != nil {
				return false, err
			}
			row, err := r.row()
			at[r.user], all = len(all), append(all, row)
			return true, err
		}, "SELECT "+recordColumns+" FROM users ORDER BY account, name")
		if err != nil {
			return err
		}
		return db.fill(ctx, tx, all, at)
	})
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	return all, nil
}

// fill adds key ids and pending requests to the rows.
func (db *DB) fill(ctx context.Context, tx querier, all []rotator.Row, at map[rotator.User]int) error {
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var u rotator.User
		var key string
		if err := rows.Scan(&u.Account, &u.Name, &key); err != nil {
			return false, err
		}
		row := &all[at[u]]
		if row.Sealed == nil {
			row.Sealed = map[rotator.KeyID][]byte{}
		}
		row.Sealed[rotator.KeyID(key)] = nil
		return true, nil
	}, "SELECT account, name, key FROM sealed")
	if err != nil {
		return err
	}
	return db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var u rotator.User
		var number int64
		var text []byte
		if err := rows.Scan(&u.Account, &u.Name, &number, &text); err != nil {
			return false, err
		}
		i, known := at[u]
		if !known {
			return true, nil
		}
		q, err := decodeRequest(number, text)
		all[i].Requests = append(all[i].Requests, q)
		return true, err
	}, "SELECT account, name, number, body FROM requests WHERE pending = 1 ORDER BY number")
}

// Row returns a user's row as Rows does, without claiming it. It fails with
// ErrUnknownUser if there is none.
func (db *DB) Row(ctx context.Context, user rotator.User) (rotator.Row, error) {
	var row rotator.Row
	err := db.view(ctx, func(tx querier) error {
		r, err := db.load(ctx, tx, user, "")
		if errors.Is(err, sql.ErrNoRows) {
			return ErrUnknownUser
		}
		if err != nil {
			return err
		}
		if row, err = r.row(); err != nil {
			return err
		}
		if row.Sealed, err = db.sealed(ctx, tx, user); err != nil {
			return err
		}
		for key := range row.Sealed {
			row.Sealed[key] = nil
		}
		row.Requests, err = db.requests(ctx, tx, user, r.handled)
		return err
	})
	if err != nil {
		return rotator.Row{}, fmt.Errorf("read the row of %s: %w", user, err)
	}
	return row, nil
}

const linkColumns = "seq, at, kind, body, prev, hash"

func scanLink(scan func(...any) error, before ...any) (link, error) {
	var l link
	var at sql.NullInt64
	var kind string
	var prev, hash []byte
	if err := scan(append(before, &l.seq, &at, &kind, &l.body, &prev, &hash)...); err != nil {
		return link{}, err
	}
	l.at, l.kind = stamp(at.Int64), rotator.Kind(kind)
	var errs [2]error
	l.prev, errs[0] = toHash(prev)
	l.hash, errs[1] = toHash(hash)
	return l, errors.Join(errs[:]...)
}

// History returns at most limit entries of a user's history whose number is
// above after, in order; a limit of zero or less means all. An entry of a
// newer version has a kind that readers skip.
func (db *DB) History(ctx context.Context, user rotator.User, after int64, limit int) ([]HistoryEntry, error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	var all []HistoryEntry
	err := db.view(ctx, func(tx querier) error {
		return db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
			l, err := scanLink(rows.Scan)
			if err != nil {
				return false, err
			}
			h, err := l.entry(user)
			all = append(all, h)
			return true, err
		}, "SELECT "+linkColumns+" FROM history WHERE account = ? AND name = ? AND seq > ? ORDER BY seq LIMIT ?", user.Account, user.Name, after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", user, err)
	}
	return all, nil
}

// Verify checks the hash chain of every user's history and returns an error
// that wraps ErrTampered and names the first row that is not as it was written.
func (db *DB) Verify(ctx context.Context) error {
	_, err := db.Check(ctx)
	return err
}

// Check is Verify, and returns how much was checked.
func (db *DB) Check(ctx context.Context) (Checked, error) {
	var checked Checked
	err := db.view(ctx, func(tx querier) (err error) {
		checked, err = db.verify(ctx, tx)
		return err
	})
	if err != nil {
		return Checked{}, fmt.Errorf("verify the journal: %w", err)
	}
	return checked, nil
}

// Checked counts what Check looked at.
type Checked struct {
	Users int `json:"users"`
	Rows  int `json:"rows"`
}

func (db *DB) verify(ctx context.Context, tx querier) (Checked, error) {
	heads := map[rotator.User]record{}
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		r, err := scanRecord(rows.Scan)
		heads[r.user] = r
		return true, err
	}, "SELECT "+recordColumns+" FROM users ORDER BY account, name")
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{Users: len(heads)}
	var c chain
	err = db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var u rotator.User
		l, err := scanLink(rows.Scan, &u.Account, &u.Name)
		if err != nil {
			return false, fmt.Errorf("verify the history of %s: %w", u, err)
		}
		if u != c.user {
			if err := c.finish(heads); err != nil {
				return false, err
			}
			c = chain{user: u}
		}
		checked.Rows++
		return true, c.follow(l)
	}, "SELECT account, name, "+linkColumns+" FROM history ORDER BY account, name, seq")
	if err != nil {
		return Checked{}, err
	}
	if err := c.finish(heads); err != nil {
		return Checked{}, err
	}
	for user, r := range heads {
		if err := (&chain{user: user}).end(r); err != nil {
			return Checked{}, err
		}
	}
	return checked, nil
}

// finish ends the chain of one user and takes its head off the list.
func (c *chain) finish(heads map[rotator.User]record) error {
	if c.user == (rotator.User{}) {
		return nil
	}
	r := heads[c.user]
	delete(heads, c.user)
	return c.end(r)
}

const canaryName = "canary"

// Canary returns the sealed bytes that SetCanary stored, nil if there are none.
func (db *DB) Canary(ctx context.Context) ([]byte, error) {
	var sealed []byte
	err := db.view(ctx, func(tx querier) error {
		err := tx.QueryRowContext(ctx, db.dialect.bind("SELECT value FROM meta WHERE name = ?"), canaryName).Scan(&sealed)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the canary: %w", err)
	}
	return sealed, nil
}

// SetCanary stores bytes sealed by the identity of the custody, by which the
// next start tells whether it has the same identity.
func (db *DB) SetCanary(ctx context.Context, sealed []byte) error {
	err := db.update(ctx, func(tx querier) error {
		_, err := db.exec(ctx, tx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", canaryName, sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the canary: %w", err)
	}
	return nil
}
