package rotatortest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Ledger is the world's journal with its boundaries.
type Ledger struct{ *World }

var _ rotator.Journal = Ledger{}

var errDisk = errors.New("the disk is full")

// Claim implements rotator.Journal.
func (l Ledger) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	l.known = nil
	return l.Journal.Claim(ctx, user, owner, now, lease)
}

// Save implements rotator.Journal.
func (l Ledger) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	var saved rotator.Row
	err := l.boundary("!save", errDisk, errDisk, func() error {
		var err error
		l.known = nil
		saved, err = l.Journal.Save(ctx, row, change)
		return err
	}, nil)
	return saved, err
}

// Due implements rotator.Journal.
func (l Ledger) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	return l.Journal.Due(ctx, now, limit)
}

// Append implements rotator.Journal.
func (l Ledger) Append(ctx context.Context, r rotator.Request) (rotator.Request, error) {
	l.known = nil
	return l.Journal.Append(ctx, r)
}

// Global implements rotator.Journal.
func (l Ledger) Global(ctx context.Context) (rotator.Global, error) { return l.Journal.Global(ctx) }

// Sealer hides a secret well enough for a world: no prefix of it is left.
type Sealer struct{}

var _ rotator.Sealer = Sealer{}

// Seal implements rotator.Sealer.
func (Sealer) Seal(_ context.Context, user rotator.User, c store.Credential) ([]byte, error) {
	hidden := strings.ReplaceAll(c.RevealSecret(), SecretPrefix, "#")
	return []byte(user.String() + "|" + c.KeyID() + "|" + hidden), nil
}

// Unseal implements rotator.Sealer.
func (Sealer) Unseal(_ context.Context, user rotator.User, sealed []byte) (store.Credential, error) {
	parts := strings.Split(string(sealed), "|")
	if len(parts) != 3 || parts[0] != user.String() {
		return store.Credential{}, errors.New("sealed for another user")
	}
	return store.NewCredential(parts[1], strings.ReplaceAll(parts[2], "#", SecretPrefix)), nil
}
