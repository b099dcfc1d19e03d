package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// querier runs statements in a transaction that is open.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// mostTries bounds how often a transaction is begun anew that PostgreSQL gave
// up in favour of another one.
const mostTries = 5

// update runs do in a transaction that writes. Nothing of it is kept unless
// update returns nil. do may run more than once.
func (db *DB) update(ctx context.Context, do func(tx querier) error) error {
	if db.pool == nil {
		return transact(ctx, db.write, nil, do)
	}
	var err error
	for range mostTries {
		if err = db.transactPostgres(ctx, false, do); !gaveWay(err) {
			break
		}
	}
	return err
}

// view runs do in a transaction that reads one state of the database.
func (db *DB) view(ctx context.Context, do func(tx querier) error) error {
	if db.pool == nil {
		return transact(ctx, db.read, &sql.TxOptions{ReadOnly: true}, do)
	}
	return db.transactPostgres(ctx, true, do)
}

func transact(ctx context.Context, pool *sql.DB, options *sql.TxOptions, do func(tx querier) error) error {
	tx, err := pool.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin: %w", explain(err))
	}
	if err := do(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", undo))
		}
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", explain(err))
	}
	return nil
}
