package journal

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/keyrotator/keyrotator/rotator"
)

// Reseal replaces every secret in custody by what reseal returns for it, all
// or none; it leaves rows and histories alone, so that steps under way go on.
// It is for the start-up of the one daemon, which may have a new identity.
// reseal must not use the journal.
func (db *DB) Reseal(ctx context.Context, reseal func(user rotator.User, sealed []byte) ([]byte, error)) error {
	err := db.update(ctx, func(tx querier) error {
		users, err := db.custodians(ctx, tx)
		if err != nil {
			return err
		}
		for _, user := range users {
			all, err := db.sealed(ctx, tx, user)
			if err != nil {
				return err
			}
			changed, err := resealed(user, all, reseal)
			if err != nil {
				return err
			}
			for key, sealed := range changed {
				if err := db.put(ctx, tx, user, key, sealed); err != nil {
					return err
				}
				db.uncut.Store(true)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reseal the custody: %w", err)
	}
	return db.cutLog(ctx)
}

// custodians lists the users with secrets in custody.
func (db *DB) custodians(ctx context.Context, tx querier) ([]rotator.User, error) {
	var users []rotator.User
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var u rotator.User
		err := rows.Scan(&u.Account, &u.Name)
		users = append(users, u)
		return true, err
	}, "SELECT DISTINCT account, name FROM sealed ORDER BY account, name")
	return users, err
}

// resealed returns what reseal changed of one user's custody.
func resealed(user rotator.User, all map[rotator.KeyID][]byte, reseal func(rotator.User, []byte) ([]byte, error)) (map[rotator.KeyID][]byte, error) {
	changed := map[rotator.KeyID][]byte{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		next, err := reseal(user, slices.Clone(all[key]))
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", key, err)
		}
		if !bytes.Equal(next, all[key]) {
			changed[key] = slices.Clone(next)
		}
	}
	return changed, nil
}

// Reseal replaces every secret in custody; see DB.Reseal.
func (m *Memory) Reseal(ctx context.Context, reseal func(user rotator.User, sealed []byte) ([]byte, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	users := maps.Clone(m.users)
	for user, f := range users {
		changed, err := resealed(user, f.sealed, reseal)
		if err != nil {
			return fmt.Errorf("reseal the custody: %w", err)
		}
		f.sealed = maps.Clone(f.sealed)
		maps.Copy(f.sealed, changed)
		users[user] = f
	}
	m.users = users
	return nil
}
