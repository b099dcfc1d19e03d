// Package iamkeys is the core's Keyring and Witness over IAM and STS. It is
// the only place that knows their error codes.
//
// Retries: a call that changes something is on the wire exactly once, because
// the SDK's own retryer repeats CreateAccessKey after a lost answer, which
// leaves two keys and one lost secret (measured with service/iam v1.64.8), and
// because the cycle, which observes anew before it repeats anything, has its
// own back-off. Calls that only read keep the few attempts of the account's
// configuration.
//
// Errors carry one sentinel of the core, and AWS's own words behind it. The
// answer to a create is the exception: what cannot be read of it is never
// quoted, since it may hold the secret.
package iamkeys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Account is what this package needs of an account; rotator/account has it.
type Account interface {
	// Name is the account part of the users that may be asked about.
	Name() string
	// Config configures a client for a Region, empty for the account's own. It
	// must check the fence of a call's context between signing and sending.
	Config(region string) aws.Config
	// Base is what this program signs with before any role is assumed.
	Base() aws.CredentialsProvider
}

// Keyring acts on the users of one account. It is safe for concurrent use and
// needs no closing.
type Keyring struct {
	account Account
	iam     *iam.Client

	mu  sync.Mutex
	sts map[string]*sts.Client // by Region; a client learns the clock's skew
}

var (
	_ rotator.Keyring = (*Keyring)(nil)
	_ rotator.Witness = (*Keyring)(nil)
)

// New returns the keyring of an account. It calls nobody.
func New(account Account) *Keyring {
	return &Keyring{
		account: account,
		iam:     iam.NewFromConfig(account.Config("")),
		sts:     map[string]*sts.Client{},
	}
}

// Create makes a key, in one call on the wire whatever happens. Every answer
// that is not a clear refusal, a key for another user included, is
// ErrAmbiguous: a key may exist, and its secret is lost.
func (k *Keyring) Create(ctx context.Context, user rotator.User) (rotator.Created, error) {
	what := fmt.Sprintf("create an access key of %s", user)
	if err := k.mine(user); err != nil {
		return rotator.Created{}, fmt.Errorf("%s: %w", what, err)
	}
	var x exchange
	out, err := k.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(user.Name)}, x.once)
	if err != nil {
		return rotator.Created{}, x.failSilent(what, err)
	}
	made := out.AccessKey
	if made == nil || aws.ToString(made.AccessKeyId) == "" || aws.ToString(made.SecretAccessKey) == "" {
		return rotator.Created{}, fmt.Errorf("%s: the answer holds no key: %w", what, rotator.ErrAmbiguous)
	}
	if got := aws.ToString(made.UserName); got != user.Name {
		return rotator.Created{}, fmt.Errorf("%s: AWS answered with key %s of user %q: %w",
			what, aws.ToString(made.AccessKeyId), got, rotator.ErrAmbiguous)
	}
	created := rotator.Created{
		Credential: store.NewCredential(aws.ToString(made.AccessKeyId), aws.ToString(made.SecretAccessKey)),
		At:         aws.ToTime(made.CreateDate),
		Date:       x.date,
	}
	if created.At.IsZero() {
		created.At = x.date
	}
	return created, nil
}

// Activate makes a key Active. It needs no proof, because it breaks nobody.
func (k *Keyring) Activate(ctx context.Context, user rotator.User, key rotator.KeyID) (time.Time, error) {
	what := fmt.Sprintf("activate key %s of %s", key, user)
	if err := k.mine(user); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", what, err)
	}
	return k.update(ctx, what, user, key, types.StatusTypeActive, nil)
}

// Deactivate makes the proof's key Inactive. A proof for anything else, or one
// that has expired by the moment of sending, is ErrRefused and nothing is sent.
func (k *Keyring) Deactivate(ctx context.Context, proof rotator.Proof) (time.Time, error) {
	user, key := proof.User(), proof.Key()
	what := fmt.Sprintf("deactivate key %s of %s", key, user)
	permitted, err := k.permitted(proof, rotator.VerbDeactivate)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", what, err)
	}
	return k.update(ctx, what, user, key, types.StatusTypeInactive, permitted)
}

func (k *Keyring) update(ctx context.Context, what string, user rotator.User, key rotator.KeyID,
	status types.StatusType, permitted func() error,
) (time.Time, error) {
	if key == "" {
		return time.Time{}, fmt.Errorf("%s: it names no key: %w", what, rotator.ErrRefused)
	}
	x := exchange{permitted: permitted}
	_, err := k.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName:    aws.String(user.Name),
		AccessKeyId: aws.String(string(key)),
		Status:      status,
	}, x.once)
	if err != nil {
		return x.date, x.fail(what, err)
	}
	return x.date, nil
}

// Delete removes the proof's key, for a proof of VerbDelete or VerbDiscard.
// Otherwise it is as Deactivate. ErrNoSuchEntity is returned as it is: only a
// list can tell whether an earlier call did it.
func (k *Keyring) Delete(ctx context.Context, proof rotator.Proof) (time.Time, error) {
	user, key := proof.User(), proof.Key()
	what := fmt.Sprintf("delete key %s of %s", key, user)
	permitted, err := k.permitted(proof, rotator.VerbDelete, rotator.VerbDiscard)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", what, err)
	}
	x := exchange{permitted: permitted}
	_, err = k.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{
		UserName:    aws.String(user.Name),
		AccessKeyId: aws.String(string(key)),
	}, x.once)
	if err != nil {
		return x.date, x.fail(what, err)
	}
	return x.date, nil
}

// mine refuses users that must not reach this account's IAM: a name that it
// would not take, above all the empty one, which IAM reads as "myself".
func (k *Keyring) mine(user rotator.User) error {
	if !user.Valid() {
		return fmt.Errorf("the user's name is not one that IAM takes: %w", rotator.ErrRefused)
	}
	if user.Account != k.account.Name() {
		return fmt.Errorf("this is the keyring of account %q: %w", k.account.Name(), rotator.ErrRefused)
	}
	return nil
}

var errNoPermission = errors.New("the proof does not permit it, or no longer")

// permitted checks the proof now and returns the check to repeat when the call
// is signed, since a call may wait for its turn longer than a proof lives.
func (k *Keyring) permitted(proof rotator.Proof, verbs ...rotator.Verb) (func() error, error) {
	check := func() error {
		for _, verb := range verbs {
			if proof.Permits(verb, time.Now()) {
				return nil
			}
		}
		return fmt.Errorf("%w: %w", errNoPermission, rotator.ErrRefused)
	}
	if err := k.mine(proof.User()); err != nil {
		return nil, err
	}
	return check, check()
}
