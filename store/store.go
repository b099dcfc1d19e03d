// Package store is the contract of every place a credential is written to.
//
// A store holds one credential of one IAM user. The package owns the
// Credential, which redacts itself in every form it may be printed in, the
// shapes a credential is written in (payloads), and the interfaces that the
// rotation cycle needs. It knows neither the cycle nor any service: each kind
// of store lives in a folder of its own below this one, with one SDK each, and
// passes the conformance suite in storetest.
package store

import (
	"context"
	"errors"
)

// Sentinels that callers branch on; a kind wraps them with what it was doing.
var (
	// ErrForeign says that the place holds something this program did not
	// write and was not allowed to take over. Nothing was changed.
	ErrForeign = errors.New("store holds content that is not ours")
	// ErrEmpty says that the place exists or may be created, but holds no
	// credential yet.
	ErrEmpty = errors.New("store is empty")
	// ErrConflict says that somebody else wrote between our read and our
	// write. Nothing was changed; reading again and retrying is safe.
	ErrConflict = errors.New("store was changed by somebody else")
	// ErrDenied says that the service refused permission. Nothing was changed.
	ErrDenied = errors.New("store denied access")
	// ErrThrottled says that the service asked for fewer requests. Nothing was
	// changed; retrying later is safe.
	ErrThrottled = errors.New("store throttled the request")
	// ErrAmbiguous says that a write may or may not have happened, because its
	// answer was lost. Repeating the same Put is safe and settles it.
	ErrAmbiguous = errors.New("store gave no answer")
)

// Description names a store for people and for the journal. It never holds a
// secret.
type Description struct {
	// Kind is the store's kind as the configuration spells it, such as
	// "secretsmanager".
	Kind string
	// Location is where the credential lies, such as a path or a Region and a
	// secret's name. Kind and Location together identify a store: a consumer
	// whose store is pointed elsewhere counts as a new consumer.
	Location string
}

// String renders kind:location.
func (d Description) String() string { return d.Kind + ":" + d.Location }

// Receipt is what a store answers to a write.
type Receipt struct {
	// Version is the service's own name of the version written, empty where
	// it has none.
	Version string
	// Changed is false when the place held this very credential already.
	Changed bool
}

// Held is what a readable store holds.
type Held struct {
	// Credential is the one a consumer would read now.
	Credential Credential
	// Owner is the user, as "account/user", whom the ownership mark beside the
	// credential names; empty when there is no mark of ours.
	Owner string
	// Previous is the key id that this store held before the present one, as
	// far as its ownership mark or history tells; empty when unknown.
	Previous string
}

// Store is a place that one credential of one IAM user is written to.
// Implementations are safe for concurrent use and live as long as the
// configuration that named them.
type Store interface {
	// Describe names the store; constant for its lifetime.
	Describe() Description
	// Put writes the credential so that a consumer reading afterwards sees it.
	// It is idempotent for the same credential, all-or-nothing where the
	// service allows, keeps what else the place holds (other fields, other
	// profiles), and refuses with ErrForeign what it does not own. After
	// ErrAmbiguous the same Put may be repeated.
	Put(ctx context.Context, c Credential) (Receipt, error)
}

// Reader is a store that can be read back.
type Reader interface {
	// Get reads what a consumer would read now. ErrEmpty when the place holds
	// no credential. The credential of a place that is not ours is returned
	// all the same, with an empty Owner: reading harms nobody.
	Get(ctx context.Context) (Held, error)
}

// Historian is a store that keeps the credential it held before.
type Historian interface {
	// Previous reads the credential that the present one replaced, such as
	// the version labelled AWSPREVIOUS. ErrEmpty when there is none.
	Previous(ctx context.Context) (Credential, error)
}

// Stager is a store that can take a credential before its readers see it.
type Stager interface {
	// Stage writes the credential so that no reader sees it yet; a Put of the
	// same credential then shows it. It is idempotent, and refuses what Put
	// would refuse.
	Stage(ctx context.Context, c Credential) (Receipt, error)
	// Staged reads what waits there unseen. ErrEmpty when nothing does, or
	// only what readers see already.
	Staged(ctx context.Context) (Held, error)
}

// Checker is a store that can tell without writing whether a Put would be
// allowed.
type Checker interface {
	// Check verifies existence, ownership and, as far as the service lets one
	// ask, permission. It changes nothing. ErrForeign and ErrDenied are
	// wrapped with the sentence that says what to do.
	Check(ctx context.Context) error
}
