package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Append implements rotator.Journal. A request without a time gets the present.
func (db *DB) Append(ctx context.Context, request rotator.Request) (rotator.Request, error) {
	if err := checkRequest(request); err != nil {
		return rotator.Request{}, err
	}
	if request.At.IsZero() {
		request.At = db.now()
	}
	text, err := encodeRequest(request)
	if err != nil {
		return rotator.Request{}, err
	}
	u := request.User
	err = db.update(ctx, func(tx querier) error {
		// Whoever has taken up a request takes it that all before it are known.
		if err := db.lockFor(ctx, tx, lockAppend); err != nil {
			return err
		}
		query := "INSERT INTO requests (account, name, verb, pending, at, body) VALUES (?, ?, ?, ?, ?, ?) RETURNING number"
		err := tx.QueryRowContext(ctx, db.dialect.bind(query), u.Account, u.Name, request.Verb, bit(u != rotator.AllUsers()),
			nullable(stampOf(request.At)), string(text)).Scan(&request.Number)
		if err != nil {
			return err
		}
		if err := db.notMoved(ctx, tx); err != nil || u == rotator.AllUsers() {
			return err
		}
		return db.followed(ctx, tx, u, stampOf(db.now()))
	})
	if err != nil {
		return rotator.Request{}, fmt.Errorf("append request %q for %s: %w", request.Verb, u, err)
	}
	return request, nil
}

// Global implements rotator.Journal. Halts are in the order of their instants.
func (db *DB) Global(ctx context.Context) (rotator.Global, error) {
	var g rotator.Global
	err := db.view(ctx, func(tx querier) error {
		var since int64
		query := "SELECT COALESCE(MAX(number), 0) FROM requests WHERE account = ? AND name = ? AND verb = ?"
		all := rotator.AllUsers()
		if err := tx.QueryRowContext(ctx, db.dialect.bind(query), all.Account, all.Name, rotator.RequestResume).Scan(&since); err != nil {
			return err
		}
		requests, err := db.requests(ctx, tx, all, since-1)
		if err != nil {
			return err
		}
		g = globally(requests)
		resumed := int64(stampOf(g.Resumed))
		if g.Resumed.IsZero() {
			resumed = int64(stampOf(time.Unix(0, 1-1<<63)))
		}
		return db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
			var at int64
			err := rows.Scan(&at)
			g.Halts = append(g.Halts, stamp(at).time())
			return true, err
		}, "SELECT at FROM history WHERE kind = 'halted' AND at > ? ORDER BY at DESC LIMIT ?", resumed, haltsLimit)
	})
	if err != nil {
		return rotator.Global{}, fmt.Errorf("read what holds for all users: %w", err)
	}
	slices.Reverse(g.Halts)
	return g, nil
}

// Requests returns all requests for a user, the oldest first, handled or not.
func (db *DB) Requests(ctx context.Context, user rotator.User) ([]rotator.Request, error) {
	var all []rotator.Request
	err := db.view(ctx, func(tx querier) (err error) {
		all, err = db.requests(ctx, tx, user, 0)
		return err
	})
	return all, err
}

// requests reads the requests for a user with numbers above after.
func (db *DB) requests(ctx context.Context, tx querier, user rotator.User, after int64) ([]rotator.Request, error) {
	var all []rotator.Request
	err := db.each(ctx, tx, func(rows *sql.Rows) (bool, error) {
		var number int64
		var text []byte
		if err := rows.Scan(&number, &text); err != nil {
			return false, err
		}
		q, err := decodeRequest(number, text)
		all = append(all, q)
		return true, err
	}, "SELECT number, body FROM requests WHERE account = ? AND name = ? AND number > ? ORDER BY number", user.Account, user.Name, after)
	if err != nil {
		return nil, fmt.Errorf("read the requests for %s: %w", user, err)
	}
	return all, nil
}
