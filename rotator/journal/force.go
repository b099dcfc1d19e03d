package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Replicas that share a journal must act on one configuration: a user whom half
// of a rollout does not know yet would halt as removed in the middle of its
// cycle. The configuration that a replica began to use last is in force, and
// replicas with another one claim nobody until they have read it, too, or until
// all replicas that have it have gone.

// forceName is the row of meta that tells the configuration in force. It belongs
// to one database and is in no dump.
const forceName = "configuration"

// Who has the configuration in force says so every forceRefresh; after
// forceSilence anybody else may put another one in force. Both are of the
// database's clock.
const (
	forceRefresh = 10 * time.Second
	forceSilence = time.Minute
)

// inForce is the value of the row.
type inForce struct {
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
}

// Enforce puts the configuration with this fingerprint in force and has Claim
// fail with rotator.ErrClaimed whenever another one is. Only a journal in
// PostgreSQL has several replicas; for any other Enforce does nothing. An empty
// fingerprint agrees with every configuration.
func (db *DB) Enforce(ctx context.Context, fingerprint string) error {
	if db.pool == nil {
		return nil
	}
	if fingerprint != "" {
		err := db.update(ctx, func(tx querier) error {
			now, err := db.serverTime(ctx, tx)
			if err != nil {
				return err
			}
			return db.setForce(ctx, tx, inForce{fingerprint, now})
		})
		if err != nil {
			return fmt.Errorf("put the configuration in force: %w", err)
		}
	}
	db.fingerprint.Store(&fingerprint)
	return nil
}

// InForce reports whether the configuration of the last Enforce is in force, and
// keeps it so: call it more often than once in ten seconds. If no replica has
// the one in force any more, this one's takes its place.
func (db *DB) InForce(ctx context.Context) (bool, error) {
	ours := db.fingerprint.Load()
	if ours == nil || *ours == "" {
		return true, nil
	}
	holds := false
	err := db.update(ctx, func(tx querier) error {
		now, err := db.serverTime(ctx, tx)
		if err != nil {
			return err
		}
		found, err := db.force(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		age := now.Sub(found.At).Abs() // a clock that was set back is silence, too
		holds = found.Fingerprint == *ours || age > forceSilence
		if !holds || found.Fingerprint == *ours && age < forceRefresh {
			return nil
		}
		return db.setForce(ctx, tx, inForce{*ours, now})
	})
	if err != nil {
		return false, fmt.Errorf("ask which configuration is in force: %w", err)
	}
	return holds, nil
}

// ours fails with rotator.ErrClaimed while another configuration is in force.
func (db *DB) ours(ctx context.Context, tx querier) error {
	ours := db.fingerprint.Load()
	if ours == nil || *ours == "" {
		return nil
	}
	found, err := db.force(ctx, tx, "")
	if err != nil {
		return fmt.Errorf("ask which configuration is in force: %w", err)
	}
	if found.Fingerprint != *ours {
		return fmt.Errorf("replicas with another configuration have the users: %w", rotator.ErrClaimed)
	}
	return nil
}

// force is what is in force; nothing at all if it cannot be read.
func (db *DB) force(ctx context.Context, tx querier, lock string) (inForce, error) {
	var value []byte
	err := tx.QueryRowContext(ctx, db.dialect.bind("SELECT value FROM meta WHERE name = ?"+lock), forceName).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return inForce{}, nil
	}
	if err != nil {
		return inForce{}, err
	}
	var found inForce
	_ = json.Unmarshal(value, &found) // what another version wrote in another form is nobody's
	return found, nil
}

func (db *DB) setForce(ctx context.Context, tx querier, f inForce) error {
	value, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return db.setMeta(ctx, tx, forceName, value)
}

// serverTime is the clock that all replicas of a journal share.
func (db *DB) serverTime(ctx context.Context, tx querier) (now time.Time, err error) {
	if err := tx.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask the database for its time: %w", err)
	}
	return now.UTC(), nil
}
