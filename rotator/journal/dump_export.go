package journal

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"unicode/utf8"
)

// ExportOptions say what the dump is for. The zero value is that of a copy of a
// journal at rest, which goes on where it is.
type ExportOptions struct {
	// Live allows for a daemon that works on the journal, and marks the dump as
	// one that must not be run.
	Live bool
	// Moved is where the dump goes, for people. If it is given the journal ends
	// here: no daemon opens it again, and nobody claims a user or adds a request.
	// Not with Live.
	Moved string
	// Durable is called when everything is written, before the journal is marked
	// as moved; an error keeps it from that. Nil does nothing.
	Durable func() error
}

// Export writes the whole journal as of one instant to w. Unless the options
// say Live, a journal in SQLite must be open exclusively, and in PostgreSQL no
// claim may run, else the error wraps ErrHeld. A journal whose chains do not
// hold is not exported: the error wraps ErrTampered.
func (db *DB) Export(ctx context.Context, w io.Writer, o ExportOptions) (Counts, error) {
	d := &dumper{db: db, out: bufio.NewWriter(w), sum: sha256.New()}
	transaction := db.view
	if o.Moved != "" {
		transaction = db.update
	}
	begun := false
	err := transaction(ctx, func(tx querier) error {
		if begun {
			return errors.New("the database gave way to another transaction: begin anew")
		}
		begun = true
		return db.export(ctx, tx, d, o)
	})
	if err != nil {
		return Counts{}, fmt.Errorf("export the journal: %w", err)
	}
	return d.counts, nil
}

func (db *DB) export(ctx context.Context, tx querier, d *dumper, o ExportOptions) error {
	if err := db.exportable(ctx, tx, o); err != nil {
		return err
	}
	if err := d.dump(ctx, tx, o.Live); err != nil {
		return err
	}
	if o.Durable != nil {
		if err := o.Durable(); err != nil {
			return err
		}
	}
	if o.Moved == "" {
		return nil
	}
	return db.markMoved(ctx, tx, o.Moved)
}

// exportable tells whether the journal is at rest and whole.
func (db *DB) exportable(ctx context.Context, tx querier, o ExportOptions) error {
	if o.Live && o.Moved != "" {
		return errors.New("a journal that a daemon works on cannot be moved")
	}
	if !o.Live {
		if db.path != "" && db.lock == nil {
			return fmt.Errorf("%w or may be: it is not open exclusively", ErrHeld)
		}
		if o.Moved != "" {
			if err := db.alone(ctx, tx); err != nil {
				return err
			}
		}
		if err := db.unclaimed(ctx, tx); err != nil {
			return err
		}
	}
	_, err := db.verify(ctx, tx)
	return err
}

// dumper writes the lines of a dump.
type dumper struct {
	db     *DB
	out    *bufio.Writer
	sum    hash.Hash
	counts Counts
}

func (d *dumper) write(l dumpLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	d.counts.add(l)
	_, _ = d.sum.Write(text) // a hash takes everything
	_, err = d.out.Write(text)
	return err
}

func (d *dumper) dump(ctx context.Context, tx querier, live bool) error {
	known, err := migrations()
	if err != nil {
		return err
	}
	schema, err := d.db.schema(ctx, tx, false)
	if err != nil {
		return err
	}
	if schema != len(known) {
		return fmt.Errorf("%w: it has schema %d, this version knows all columns of schema %d alone", ErrSchema, schema, len(known))
	}
	header := dumpHeader{Format: dumpFormat, Version: dumpVersion, Schema: schema, At: d.db.now().UTC(), Live: live}
	if err := d.write(dumpLine{Header: &header}); err != nil {
		return err
	}
	for _, table := range []struct {
		query string
		scan  func(*sql.Rows) (dumpLine, error)
	}{
		{"SELECT " + recordColumns + " FROM users ORDER BY account, name", scanDumpUser},
		{"SELECT account, name, " + linkColumns + " FROM history ORDER BY account, name, seq", scanDumpHistory},
		{"SELECT account, name, key, bytes FROM sealed ORDER BY account, name, key", d.scanSealed},
		{"SELECT number, account, name, verb, pending, at, body FROM requests ORDER BY number", scanDumpRequest},
		{"SELECT name, value FROM meta ORDER BY name", scanDumpMeta},
	} {
		err := d.db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
			l, err := table.scan(rows)
			if err != nil || l.Meta != nil && slices.Contains(ofThisDatabase(), l.Meta.Name) {
				return true, err
			}
			return true, d.write(l)
		}, table.query)
		if err != nil {
			return err
		}
	}
	end := dumpEnd{Counts: d.counts, SHA256: hex.EncodeToString(d.sum.Sum(nil))}
	if err := d.write(dumpLine{End: &end}); err != nil {
		return err
	}
	return d.out.Flush()
}

// text refuses what JSON cannot hold byte for byte.
func text(parts ...string) error {
	for _, part := range parts {
		if !utf8.ValidString(part) {
			return errors.New("a column holds bytes that are no text")
		}
	}
	return nil
}

func scanDumpUser(rows *sql.Rows) (dumpLine, error) {
	var u dumpUser
	err := rows.Scan(&u.Account, &u.Name, &u.Phase, &u.Schema, &u.Opened, &u.Due, &u.Wake, &u.Version, &u.Owner, &u.Lease, &u.Handled, &u.LastSeq, &u.LastHash, &u.Body)
	return dumpLine{User: &u}, errors.Join(err, text(u.Account, u.Name, u.Phase, u.Owner, u.Body))
}

func scanDumpHistory(rows *sql.Rows) (dumpLine, error) {
	var h dumpHistory
	err := rows.Scan(&h.Account, &h.Name, &h.Seq, &h.At, &h.Kind, &h.Body, &h.Prev, &h.Hash)
	return dumpLine{History: &h}, errors.Join(err, text(h.Account, h.Name, h.Kind, h.Body))
}

func (d *dumper) scanSealed(rows *sql.Rows) (dumpLine, error) {
	var s dumpSealed
	if err := rows.Scan(&s.Account, &s.Name, &s.Key, &s.Bytes); err != nil {
		return dumpLine{}, err
	}
	if len(s.Bytes) <= d.db.dialect.pad {
		return dumpLine{}, fmt.Errorf("key %s of %s/%s: the sealed bytes are cut short", s.Key, s.Account, s.Name)
	}
	s.Bytes = s.Bytes[d.db.dialect.pad:]
	return dumpLine{Sealed: &s}, text(s.Account, s.Name, s.Key)
}

func scanDumpRequest(rows *sql.Rows) (dumpLine, error) {
	var q dumpRequest
	err := rows.Scan(&q.Number, &q.Account, &q.Name, &q.Verb, &q.Pending, &q.At, &q.Body)
	return dumpLine{Request: &q}, errors.Join(err, text(q.Account, q.Name, q.Verb, q.Body))
}

func scanDumpMeta(rows *sql.Rows) (dumpLine, error) {
	var m dumpMeta
	err := rows.Scan(&m.Name, &m.Value)
	return dumpLine{Meta: &m}, errors.Join(err, text(m.Name))
}
