package seal

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Custody is where a journal keeps sealed bytes.
type Custody interface {
	// Canary returns what SetCanary stored, nil if nothing was.
	Canary(ctx context.Context) ([]byte, error)
	SetCanary(ctx context.Context, sealed []byte) error
	// Reseal replaces each secret that is sealed by what reseal returns for it,
	// or nothing at all if reseal fails once.
	Reseal(ctx context.Context, reseal func(user rotator.User, sealed []byte) ([]byte, error)) error
}

// canaryUser is nobody: no user of the configuration has these names.
func canaryUser() rotator.User { return rotator.User{Account: "*", Name: "canary"} }

const canaryKey = "CANARY"

// Attend checks at start-up that the identities are those of the custody, and
// makes the first of them the one that seals all of it. It fails with
// ErrWrongIdentity, before anything is changed, if they are not. Bytes that do
// not open although the canary did are damaged: they stay as they are and
// their users are returned, because one damaged secret must not stop the rest.
//
// The canary tells so also while nothing is in custody. It is sealed anew
// last, so that a crash at any point leaves a custody that both the old and
// the new file of identities open.
func (a *Age) Attend(ctx context.Context, custody Custody) (damaged []rotator.User, err error) {
	canary, err := custody.Canary(ctx)
	if err != nil {
		return nil, err
	}
	if canary != nil {
		if _, err := a.Unseal(ctx, canaryUser(), canary); err != nil {
			return nil, fmt.Errorf("unseal the journal's canary: %w: is this the identity file that was made with this journal? "+
				"restore it, or follow \"A lost identity\" in docs/journal.md", ErrWrongIdentity)
		}
	}
	err = custody.Reseal(ctx, func(user rotator.User, sealed []byte) ([]byte, error) {
		c, err := a.Unseal(ctx, user, sealed)
		switch {
		case err != nil && canary == nil:
			return nil, fmt.Errorf("%w: %w", ErrWrongIdentity, err)
		case err != nil:
			damaged = append(damaged, user)
			return sealed, nil //nolint:nilerr // reported as damaged
		case a.current(sealed):
			return sealed, nil
		}
		return a.Seal(ctx, user, c)
	})
	if err != nil {
		return nil, fmt.Errorf("check the custody: %w", err)
	}
	if canary != nil && a.current(canary) {
		return damaged, nil
	}
	canary, err = a.Seal(ctx, canaryUser(), store.NewCredential(canaryKey, rand.Text()))
	if err != nil {
		return nil, err
	}
	return damaged, custody.SetCanary(ctx, canary)
}

// current reports whether the first identity opens the bytes.
func (a *Age) current(sealed []byte) bool {
	_, err := open(a.identities[:1], sealed)
	return err == nil
}
