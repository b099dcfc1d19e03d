package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/keyrotator/keyrotator/rotator"
)

// ImportOptions say what may be imported.
type ImportOptions struct {
	// Live takes a dump that was made beside a daemon too. It is for when the
	// daemon's own journal is lost, and as good as a backup of that instant.
	Live bool
}

// Import fills an empty journal, which must be open exclusively, with a dump:
// all of it, or nothing and an error. Errors wrap ErrNotEmpty, ErrDump, ErrLive,
// ErrSchema or ErrTampered. Request numbers stay what they were and go on from
// there; claims end when they would have.
func (db *DB) Import(ctx context.Context, r io.Reader, o ImportOptions) (Counts, error) {
	var counts Counts
	begun := false
	err := db.update(ctx, func(tx querier) error {
		if begun {
			return errors.New("the database gave way to another transaction: begin anew")
		}
		begun = true
		if err := db.alone(ctx, tx); err != nil {
			return err
		}
		if err := db.empty(ctx, tx); err != nil {
			return err
		}
		accept := func(h dumpHeader) error { return db.accept(ctx, tx, h, o) }
		taken, err := readDump(r, accept, func(l dumpLine) error { return db.insert(ctx, tx, l) })
		if err != nil {
			return err
		}
		counts = taken
		if err := db.continueNumbers(ctx, tx); err != nil {
			return err
		}
		_, err = db.verify(ctx, tx)
		return err
	})
	if err != nil {
		return Counts{}, fmt.Errorf("import the journal: %w", err)
	}
	return counts, nil
}

func (db *DB) empty(ctx context.Context, tx querier) error {
	if err := db.notMoved(ctx, tx); err != nil {
		return err
	}
	var users, requests int
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM requests)").Scan(&users, &requests); err != nil {
		return fmt.Errorf("look whether it is empty: %w", err)
	}
	if users > 0 || requests > 0 {
		return fmt.Errorf("%w: it has %d users and %d requests already", ErrNotEmpty, users, requests)
	}
	return nil
}

// continueNumbers has the next request get a number above all others. SQLite
// sees to that itself.
func (db *DB) continueNumbers(ctx context.Context, tx querier) error {
	if db.pool == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence('requests', 'number'), number) FROM requests ORDER BY number DESC LIMIT 1")
	if err != nil {
		return fmt.Errorf("go on with the numbers of requests: %w", err)
	}
	return nil
}

// accept tells whether this version can take the dump.
func (db *DB) accept(ctx context.Context, tx querier, h dumpHeader, o ImportOptions) error {
	if h.Live && !o.Live {
		return ErrLive
	}
	schema, err := db.schema(ctx, tx, false)
	if err != nil {
		return err
	}
	if h.Schema != schema {
		return fmt.Errorf("%w: the file has schema %d, this journal %d: export and import with one version of the program", ErrSchema, h.Schema, schema)
	}
	return nil
}

func (db *DB) insert(ctx context.Context, tx querier, line dumpLine) error {
	var err error
	switch {
	case line.User != nil:
		u := line.User
		_, err = db.exec(ctx, tx, "INSERT INTO users ("+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			u.Account, u.Name, u.Phase, u.Schema, u.Opened, u.Due, u.Wake, u.Version, u.Owner, u.Lease, u.Handled, u.LastSeq, u.LastHash, u.Body)
	case line.History != nil:
		h := line.History
		_, err = db.exec(ctx, tx, "INSERT INTO history (account, name, "+linkColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			h.Account, h.Name, h.Seq, h.At, h.Kind, h.Body, h.Prev, h.Hash)
	case line.Sealed != nil:
		s := line.Sealed
		if len(s.Bytes) == 0 {
			return fmt.Errorf("a sealed secret is empty: %w", ErrDump)
		}
		err = db.put(ctx, tx, rotator.User{Account: s.Account, Name: s.Name}, rotator.KeyID(s.Key), s.Bytes)
	case line.Request != nil:
		q := line.Request
		query := "INSERT INTO requests (number, account, name, verb, pending, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
		if db.pool != nil {
			query = "INSERT INTO requests (number, account, name, verb, pending, at, body) OVERRIDING SYSTEM VALUE VALUES (?, ?, ?, ?, ?, ?, ?)"
		}
		_, err = db.exec(ctx, tx, query, q.Number, q.Account, q.Name, q.Verb, q.Pending, q.At, q.Body)
	case line.Meta != nil:
		if !slices.Contains(ofThisDatabase(), line.Meta.Name) {
			err = db.setMeta(ctx, tx, line.Meta.Name, line.Meta.Value)
		}
	}
	return err
}
