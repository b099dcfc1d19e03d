package rotator

import (
	"context"
	"errors"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Sentinels that a Keyring and a Witness wrap; the core branches on nothing else.
var (
	// ErrThrottled: AWS asked for fewer requests. Nothing was done.
	ErrThrottled = errors.New("throttled by AWS")
	// ErrDenied: AWS refused permission. Nothing was done.
	ErrDenied = errors.New("denied by AWS")
	// ErrNoSuchEntity: the user or the key is not there (as far as this
	// answer knows: IAM is eventually consistent).
	ErrNoSuchEntity = errors.New("no such user or key")
	// ErrQuota: the user has as many keys as AWS allows. Nothing was done.
	ErrQuota = errors.New("quota of access keys reached")
	// ErrRefused: AWS refused the call for another reason. Nothing was done.
	ErrRefused = errors.New("refused by AWS")
	// ErrAmbiguous: no clear answer came; the effect may or may not have happened.
	ErrAmbiguous = errors.New("no clear answer from AWS")
	// ErrNotSignedIn: the credential was refused (InvalidClientTokenId or a
	// wrong signature): new, inactive, deleted or mistyped.
	ErrNotSignedIn = errors.New("the credential does not sign in")
	// ErrFenced: this replica may no longer act on the user; nothing was sent.
	ErrFenced = errors.New("no longer the owner of this user")
)

// Keyring changes the access keys of users of one account. Every method names
// user and key explicitly, checks the fence in its context between signing and
// sending, and reports failure through the sentinels above.
type Keyring interface {
	// List returns all keys of the user, Inactive ones included.
	List(ctx context.Context, user User) (Listing, error)
	// Create makes a new key. It is not idempotent and is never retried: after
	// ErrAmbiguous a key may exist whose secret nobody knows.
	Create(ctx context.Context, user User) (Created, error)
	// Activate makes a key Active again. Idempotent. It returns AWS's Date.
	Activate(ctx context.Context, user User, key KeyID) (time.Time, error)
	// Deactivate makes the proof's key Inactive. Idempotent. It returns AWS's Date.
	Deactivate(ctx context.Context, proof Proof) (time.Time, error)
	// Delete removes the proof's key for ever. A repeated call answers
	// ErrNoSuchEntity, which is a success only if a list agrees.
	Delete(ctx context.Context, proof Proof) (time.Time, error)
}

// Created is a new key with its secret, which AWS tells this once.
type Created struct {
	Credential store.Credential
	At         time.Time
	Date       time.Time
}

// Witness looks without changing anything.
type Witness interface {
	// Identify tells the user's ARN and unique id.
	Identify(ctx context.Context, user User) (Identity, error)
	// LastUse tells when a key was used last. An error means unknown.
	LastUse(ctx context.Context, user User, key KeyID) (LastUse, error)
	// SignIn proves that the credential works now: it signs in with it at the
	// Security Token Service of every Region named (the account's own when
	// none is) and tells as whom. All must succeed and agree.
	SignIn(ctx context.Context, c store.Credential, regions []string) (Identity, error)
	// OwnKey is the id of the key that this program itself signs with, or the
	// empty string for temporary credentials of a role.
	OwnKey(ctx context.Context) (KeyID, error)
}

// Sealer turns a credential into bytes that only its identity can open.
type Sealer interface {
	Seal(ctx context.Context, user User, c store.Credential) ([]byte, error)
	// Unseal fails for bytes that were sealed for another user.
	Unseal(ctx context.Context, user User, sealed []byte) (store.Credential, error)
}

type fenceKey struct{}

// WithFence returns a context whose calls check the fence after they are
// signed and before they are sent. The transport of rotator/account does so.
func WithFence(ctx context.Context, fence func() error) context.Context {
	return context.WithValue(ctx, fenceKey{}, fence)
}

// CheckFence asks the context's fence; a context without one passes.
func CheckFence(ctx context.Context) error {
	if fence, ok := ctx.Value(fenceKey{}).(func() error); ok {
		return fence()
	}
	return nil
}
