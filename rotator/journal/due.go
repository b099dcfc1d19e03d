package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// The queries of Due; each is answered from an index, without a look at the
// users that are not due.
const (
	dueQuery     = "SELECT account, name, phase, schema, opened, due FROM users WHERE opened = ? AND lease_until IS NULL AND due <= ? ORDER BY due, account, name"
	laterQuery   = "SELECT account, name, phase, schema, opened, due FROM users WHERE opened = ? AND lease_until IS NULL AND due > ? ORDER BY due, account, name"
	leasedQuery  = "SELECT account, name, phase, schema, opened, lease_until FROM users WHERE lease_until IS NOT NULL ORDER BY lease_until"
	waitingQuery = `SELECT q.account, q.name, COALESCE(u.phase, ''), COALESCE(u.schema, 0), COALESCE(u.opened, 0), MIN(q.at)
FROM requests q LEFT JOIN users u ON u.account = q.account AND u.name = q.name
WHERE q.pending = 1 AND u.lease_until IS NULL GROUP BY q.account, q.name, u.phase, u.schema, u.opened`
)

// Due implements rotator.Journal. A user with a request waiting counts as due
// since the request, also one that was never registered. When the limit leaves
// users out that are due, next is now.
func (db *DB) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	var ripe []ripeUser
	var next stamp
	err := db.view(ctx, func(tx querier) (err error) {
		if ripe, err = db.ripe(ctx, tx, -1, waitingQuery); err != nil {
			return err
		}
		waiting := len(ripe)
		later := func(u ripeUser) bool {
			isLater := u.at > stampOf(now)
			if isLater && !slices.ContainsFunc(ripe[:waiting], func(w ripeUser) bool { return w.user == u.user }) {
				next = next.earlier(u.at)
			}
			return isLater
		}
		leased, err := db.ripe(ctx, tx, -1, leasedQuery)
		if err != nil {
			return err
		}
		ripe = append(ripe, slices.DeleteFunc(leased, later)...)
		for _, opened := range []int{1, 0} {
			due, err := db.ripe(ctx, tx, max(0, limit)+1, dueQuery, opened, int64(stampOf(now)))
			if err != nil {
				return err
			}
			ripe = append(ripe, due...)
			// The first of these may be users with a request waiting.
			rest, err := db.ripe(ctx, tx, waiting+1, laterQuery, opened, int64(stampOf(now)))
			if err != nil {
				return err
			}
			for _, u := range rest {
				later(u)
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("list the users that are due: %w", err)
	}
	users, at := pick(unite(ripe), limit, now, next)
	return users, at, nil
}

// ripe reads at most limit users that this version may act on; a negative
// limit means all.
func (db *DB) ripe(ctx context.Context, tx querier, limit int, query string, args ...any) ([]ripeUser, error) {
	var all []ripeUser
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var u ripeUser
		var p rotator.Progress
		var phase string
		var opened int
		var at sql.NullInt64
		if err := rows.Scan(&u.user.Account, &u.user.Name, &phase, &p.Schema, &opened, &at); err != nil {
			return false, err
		}
		u.open, u.at, p.Phase = opened != 0, stamp(at.Int64), rotator.Phase(phase)
		if Readable(p) == nil {
			all = append(all, u)
		}
		return len(all) != limit, nil
	}, query, args...)
	return all, err
}

// unite keeps each user once, with its earliest instant, in the order of Due.
func unite(ripe []ripeUser) []ripeUser {
	at := map[rotator.User]int{}
	var all []ripeUser
	for _, u := range ripe {
		if i, seen := at[u.user]; seen {
			all[i].at = min(all[i].at, u.at)
			continue
		}
		at[u.user] = len(all)
		all = append(all, u)
	}
	slices.SortFunc(all, compareRipe)
	return all
}

// Register makes a row for a user that has none, due at the given time, so
// that Due finds it. A row that was never saved gets an absent due time;
// any other row stays as it is.
func (db *DB) Register(ctx context.Context, user rotator.User, due time.Time) error {
	if !user.Valid() {
		return fmt.Errorf("register %q: want account and name of a user", user.String())
	}
	err := db.update(ctx, func(tx querier) error {
		r := record{user: user, due: stampOf(due), version: 1}
		_, err := db.exec(ctx, tx, "INSERT INTO users ("+recordColumns+`) VALUES (?, ?, '', 0, 0, ?, NULL, ?, '', NULL, 0, 0, ?, '')
ON CONFLICT (account, name) DO UPDATE SET due = excluded.due WHERE users.due IS NULL AND users.body = ''`,
			user.Account, user.Name, nullable(r.due), r.version, r.hash[:])
		if err != nil {
			return err
		}
		return db.followed(ctx, tx, user, r.due)
	})
	if err != nil {
		return fmt.Errorf("register %s: %w", user, err)
	}
	return nil
}

// Wake makes a known user due at the given time, unless it is due earlier. It
// needs no claim and disturbs none; if there is one, the wake outlives its saves.
func (db *DB) Wake(ctx context.Context, user rotator.User, at time.Time) error {
	s := int64(stampOf(at))
	err := db.update(ctx, func(tx querier) error {
		_, err := db.exec(ctx, tx, `UPDATE users SET due = CASE WHEN due < ? THEN due ELSE ? END,
wake = CASE WHEN lease_until IS NULL THEN NULL WHEN wake < ? THEN wake ELSE ? END WHERE account = ? AND name = ?`, s, s, s, s, user.Account, user.Name)
		if err != nil {
			return err
		}
		return db.followed(ctx, tx, user, stamp(s))
	})
	if err != nil {
		return fmt.Errorf("wake %s: %w", user, err)
	}
	return nil
}
