package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrationLock is the advisory lock under which River's tables are changed,
// "river" in ASCII: a number nobody else in the database uses.
const migrationLock = 0x7269766572

// Migrate brings River's tables up to date and returns the versions that it
// applied. Of several replicas one does so at a time, and the others find
// nothing left to do. Versions are applied each in a transaction of its own,
// because PostgreSQL does not let one use what it added to an enumeration.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (applied []int, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("bring the queue's tables up to date: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return nil, fmt.Errorf("wait for the other replicas' migration: %w", err)
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		err = errors.Join(err, unlock)
	}()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: silent()})
	if err != nil {
		return nil, fmt.Errorf("prepare the queue's tables: %w", err)
	}
	result, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return nil, fmt.Errorf("bring the queue's tables up to date: %w", err)
	}
	for _, v := range result.Versions {
		applied = append(applied, v.Version)
	}
	return applied, nil
}
