package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

// Migrations are applied in order of their numbers, each in a transaction with
// its row in the table migrations. A released one is never edited.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	number int
	name   string
	text   string
}

func migrations() ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []migration
	for _, file := range files { // Glob sorts
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", file, err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.Atoi(digits)
		if err != nil || number != len(all)+1 {
			return nil, fmt.Errorf("read migration %s: want number %d", file, len(all)+1)
		}
		all = append(all, migration{number: number, name: name, text: string(text)})
	}
	return all, nil
}

// migrate brings the schema up to date; without apply it only checks.
func (db *DB) migrate(ctx context.Context, apply bool) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	return db.update(ctx, func(tx querier) error {
		if apply {
			if err := db.prepareSchema(ctx, tx); err != nil {
				return err
			}
		}
		have, err := db.schema(ctx, tx, apply)
		if err != nil {
			return err
		}
		db.found, db.has = have, max(have, len(all))
		if newer := have > len(all); newer {
			if from, err := db.readableFrom(ctx, tx); err != nil || from <= len(all) {
				return err
			}
			return fmt.Errorf("%w: it has schema %d, this version knows %d: it was written by a newer version, "+
				"run that one or a newer (or restore a backup made before the upgrade)", ErrSchema, have, len(all))
		}
		if have < len(all) && !apply {
			return fmt.Errorf("%w: it has schema %d, this version wants %d: start the daemon of this version once, it brings the journal up to date", ErrSchema, have, len(all))
		}
		for _, m := range all[have:] {
			if err := db.apply(ctx, tx, m); err != nil {
				return fmt.Errorf("apply migration %s: %w", m.name, err)
			}
		}
		return nil
	})
}

// prepareSchema waits until no other replica changes the schema, and makes the
// one that PostgreSQL's tables lie in. One that the DSN names exists already.
func (db *DB) prepareSchema(ctx context.Context, tx querier) error {
	if db.pool == nil {
		return nil
	}
	if err := db.lockFor(ctx, tx, lockMigrate); err != nil {
		return err
	}
	var found bool
	if err := tx.QueryRowContext(ctx, "SELECT current_schema() IS NOT NULL").Scan(&found); err != nil || found {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE SCHEMA "+postgresSchema); err != nil {
		return fmt.Errorf("create the schema: %w", err)
	}
	return nil
}

// Schema returns the schema that Open found, zero for none, and the one that
// the journal has now.
func (db *DB) Schema() (found, has int) { return db.found, db.has }

const readableName = "readable_from"

// readableFrom is the oldest schema whose programs may still work with this
// journal, as its newest migration says: beside the next version the previous
// one goes on. A journal that does not say is for its own version only.
func (db *DB) readableFrom(ctx context.Context, tx querier) (int, error) {
	var value []byte
	err := tx.QueryRowContext(ctx, db.dialect.bind("SELECT value FROM meta WHERE name = ?"), readableName).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return math.MaxInt, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read which versions may use the journal: %w", err)
	}
	from, err := strconv.Atoi(string(value))
	if err != nil {
		return 0, fmt.Errorf("read which versions may use the journal: %w", err)
	}
	return from, nil
}

// schema returns the number of the last migration applied.
func (db *DB) schema(ctx context.Context, tx querier, create bool) (int, error) {
	var tables, have int
	if err := tx.QueryRowContext(ctx, db.dialect.foreign).Scan(&tables); err != nil {
		return 0, fmt.Errorf("read the schema: %w", err)
	}
	if tables == 0 && !create && db.pool != nil {
		return 0, fmt.Errorf("there is no journal yet, the daemon makes it when it starts: %w", fs.ErrNotExist)
	}
	if tables == 0 && !create {
		return 0, nil
	}
	if tables == 0 {
		_, err := tx.ExecContext(ctx, "CREATE TABLE migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)")
		if err != nil {
			return 0, fmt.Errorf("create the table of migrations: %w", err)
		}
		return 0, nil
	}
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(number), 0) FROM migrations").Scan(&have); err != nil {
		return 0, errors.Join(errors.New("read the schema: the database is not a journal of this program"), err)
	}
	return have, nil
}

func (db *DB) apply(ctx context.Context, tx querier, m migration) error {
	for statement := range strings.SplitSeq(stripComments(m.text), ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, db.dialect.words.Replace(statement)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, db.dialect.bind("INSERT INTO migrations (number, name, at) VALUES (?, ?, ?)"), m.number, m.name, int64(stampOf(db.now())))
	return err
}

func stripComments(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
