package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
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
	l := &loader{db: db, in: bufio.NewReader(r), sum: sha256.New()}
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
		if err := l.load(ctx, tx, o); err != nil {
			return err
		}
		if err := db.continueNumbers(ctx, tx); err != nil {
			return err
		}
		_, err := db.verify(ctx, tx)
		return err
	})
	if err != nil {
		return Counts{}, fmt.Errorf("import the journal: %w", err)
	}
	return l.counts, nil
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

// loader reads the lines of a dump.
type loader struct {
	db     *DB
	in     *bufio.Reader
	sum    hash.Hash
	number int
	counts Counts
}

func (l *loader) broken(why string) error {
	return fmt.Errorf("line %d: %s: %w", l.number, why, ErrDump)
}

// next reads one line; sum is the hash of those before it.
func (l *loader) next() (line dumpLine, sum string, err error) {
	l.number++
	text, err := l.in.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return dumpLine{}, "", l.broken("the file is cut off")
	}
	if err != nil {
		return dumpLine{}, "", fmt.Errorf("read line %d: %w", l.number, err)
	}
	sum = hex.EncodeToString(l.sum.Sum(nil))
	_, _ = l.sum.Write(text) // a hash takes everything
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return dumpLine{}, "", l.broken("it cannot be read")
	}
	return line, sum, nil
}

func (l *loader) load(ctx context.Context, tx querier, o ImportOptions) error {
	first, _, err := l.next()
	if err != nil {
		return err
	}
	if err := l.accept(ctx, tx, first.Header, o); err != nil {
		return err
	}
	for {
		line, sum, err := l.next()
		if err != nil {
			return err
		}
		if line.End != nil {
			return l.end(*line.End, sum)
		}
		l.counts.add(line)
		if err := l.insert(ctx, tx, line); err != nil {
			return fmt.Errorf("take line %d: %w", l.number, err)
		}
	}
}

// accept tells whether this version can take the dump.
func (l *loader) accept(ctx context.Context, tx querier, h *dumpHeader, o ImportOptions) error {
	switch {
	case h == nil || h.Format != dumpFormat:
		return l.broken("it is not the header of an exported journal")
	case h.Version != dumpVersion:
		return fmt.Errorf("the file is of version %d, this program reads version %d: %w", h.Version, dumpVersion, ErrDump)
	case h.Live && !o.Live:
		return ErrLive
	}
	schema, err := l.db.schema(ctx, tx, false)
	if err != nil {
		return err
	}
	if h.Schema != schema {
		return fmt.Errorf("%w: the file has schema %d, this journal %d: export and import with one version of the program", ErrSchema, h.Schema, schema)
	}
	return nil
}

// end compares the whole with what its last line says.
func (l *loader) end(e dumpEnd, sum string) error {
	if e.SHA256 != sum {
		return l.broken("what comes before it was changed")
	}
	if e.Counts != l.counts {
		return l.broken("lines are missing before it")
	}
	if _, err := l.in.ReadByte(); !errors.Is(err, io.EOF) {
		return l.broken("something follows the end")
	}
	return nil
}

func (l *loader) insert(ctx context.Context, tx querier, line dumpLine) error {
	var err error
	switch {
	case line.User != nil:
		u := line.User
		_, err = l.db.exec(ctx, tx, "INSERT INTO users ("+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			u.Account, u.Name, u.Phase, u.Schema, u.Opened, u.Due, u.Wake, u.Version, u.Owner, u.Lease, u.Handled, u.LastSeq, u.LastHash, u.Body)
	case line.History != nil:
		h := line.History
		_, err = l.db.exec(ctx, tx, "INSERT INTO history (account, name, "+linkColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			h.Account, h.Name, h.Seq, h.At, h.Kind, h.Body, h.Prev, h.Hash)
	case line.Sealed != nil:
		s := line.Sealed
		err = l.db.put(ctx, tx, rotator.User{Account: s.Account, Name: s.Name}, rotator.KeyID(s.Key), s.Bytes)
	case line.Request != nil:
		q := line.Request
		query := "INSERT INTO requests (number, account, name, verb, pending, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
		if l.db.pool != nil {
			query = "INSERT INTO requests (number, account, name, verb, pending, at, body) OVERRIDING SYSTEM VALUE VALUES (?, ?, ?, ?, ?, ?, ?)"
		}
		_, err = l.db.exec(ctx, tx, query, q.Number, q.Account, q.Name, q.Verb, q.Pending, q.At, q.Body)
	case line.Meta != nil:
		if !slices.Contains([]string{movedName, readableName}, line.Meta.Name) {
			err = l.db.setMeta(ctx, tx, line.Meta.Name, line.Meta.Value)
		}
	default:
		return l.broken("it holds nothing")
	}
	return err
}
