package journal

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyrotator/keyrotator/rotator"
)

// Follow is told, in the transaction of whatever makes a user due, when that
// is: at the end of a step, with a request, when the user is registered or
// woken. A user with nothing to wait for is not told of. An error undoes the
// transaction.
type Follow func(ctx context.Context, tx pgx.Tx, user rotator.User, due time.Time) error

// followed tells whoever follows the users.
func (db *DB) followed(ctx context.Context, tx querier, user rotator.User, due stamp) error {
	if db.follow == nil || due == 0 {
		return nil
	}
	t, ok := tx.(postgresTx)
	if !ok {
		return errors.New("only transactions of PostgreSQL can be followed")
	}
	return t.joined(func(tx pgx.Tx) error { return db.follow(ctx, tx, user, due.time()) })
}

// followSave tells of the end of a step. A request that came during it makes
// the user due at once.
func (db *DB) followSave(ctx context.Context, tx querier, r record, release bool) error {
	if db.follow == nil || !release {
		return nil
	}
	var waiting int
	query := "SELECT COUNT(*) FROM requests WHERE account = ? AND name = ? AND pending = 1"
	if err := tx.QueryRowContext(ctx, db.dialect.bind(query), r.user.Account, r.user.Name).Scan(&waiting); err != nil {
		return err
	}
	due := r.due
	if waiting > 0 {
		due = stampOf(db.now())
	}
	return db.followed(ctx, tx, r.user, due)
}
