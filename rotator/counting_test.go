package rotator_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// countingIAM is a user at rest with one key, who counts how often it is listed.
type countingIAM struct {
	key   rotator.Key
	lists atomic.Int64
}

var errAtRest = errors.New("this user is at rest")

func (c *countingIAM) List(context.Context, rotator.User) (rotator.Listing, error) {
	c.lists.Add(1)
	return rotator.Listing{Keys: []rotator.Key{c.key}, Date: time.Now()}, nil
}

func (c *countingIAM) Create(context.Context, rotator.User) (rotator.Created, error) {
	return rotator.Created{}, errAtRest
}

func (c *countingIAM) Activate(context.Context, rotator.User, rotator.KeyID) (time.Time, error) {
	return time.Time{}, errAtRest
}

func (c *countingIAM) Deactivate(context.Context, rotator.Proof) (time.Time, error) {
	return time.Time{}, errAtRest
}

func (c *countingIAM) Delete(context.Context, rotator.Proof) (time.Time, error) {
	return time.Time{}, errAtRest
}

func (c *countingIAM) Identify(context.Context, rotator.User) (rotator.Identity, error) {
	return rotator.Identity{ARN: "arn:x", UserID: "AIDA1", Date: time.Now()}, nil
}

func (c *countingIAM) LastUse(context.Context, rotator.User, rotator.KeyID) (rotator.LastUse, error) {
	return rotator.LastUse{}, errAtRest
}

func (c *countingIAM) SignIn(context.Context, store.Credential, []string) (rotator.Identity, error) {
	return rotator.Identity{}, errAtRest
}

func (c *countingIAM) OwnKey(context.Context) (rotator.KeyID, error) { return "", nil }

// noSealer is for users who never come to have a secret.
type noSealer struct{}

func (noSealer) Seal(context.Context, rotator.User, store.Credential) ([]byte, error) {
	return nil, errAtRest
}

func (noSealer) Unseal(context.Context, rotator.User, []byte) (store.Credential, error) {
	return store.Credential{}, errAtRest
}
