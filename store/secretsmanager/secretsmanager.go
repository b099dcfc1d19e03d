// Package secretsmanager writes a credential into a secret of AWS Secrets
// Manager.
//
// A write puts a new version under the staging label AWSPENDING and then moves
// AWSCURRENT to it from the very version that it was merged from. Secrets
// Manager refuses the move when somebody else moved AWSCURRENT meanwhile; then
// the write starts again from what is there now. A version's id is derived from
// what it holds and what it was merged from, so repeating a call is harmless.
// Consumers see the old version or the new one, never half of each, and AWS
// keeps the old one as AWSPREVIOUS. Afterwards AWSPENDING is on the same version
// as AWSCURRENT, which is how AWS's own rotation leaves it, too.
//
// The mark of ownership is the version's id itself: its last bytes are a
// signature, by the owner's name, of the others (see version.go). It comes with
// every GetSecretValue, so that telling our secrets from others costs no call;
// it cannot be moved or lost, whatever crashes or races; and it is on the
// content, not merely on its container. Beside it, the version written last has
// the staging label keyrotator:ACCOUNT/USER, by which people and other users'
// stores see whose the secret is.
package secretsmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "secretsmanager"

const (
	// attempts bounds how often a Put starts again because somebody else wrote.
	attempts = 3
	// maxValue is the limit of a secret's value in bytes (AWS guide, "AWS
	// Secrets Manager quotas").
	maxValue = 65_536
	// maxLabel is the limit of a staging label's length (API model,
	// SecretVersionStageType).
	maxLabel = 256
)

// API is what the store calls. *secretsmanager.Client of aws-sdk-go-v2
// implements it; its default retries are fine, because every call made here may
// be repeated.
type API interface {
	GetSecretValue(context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
	PutSecretValue(context.Context, *sdk.PutSecretValueInput, ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *sdk.UpdateSecretVersionStageInput, ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error)
	DescribeSecret(context.Context, *sdk.DescribeSecretInput, ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error)
	CreateSecret(context.Context, *sdk.CreateSecretInput, ...func(*sdk.Options)) (*sdk.CreateSecretOutput, error)
}

// Options says what New needs to know.
type Options struct {
	// Client calls Secrets Manager in Region, with permission to do so.
	Client API
	// Region is the secret's Region.
	Region string
	// SecretID is the secret's name or ARN.
	SecretID string
	// Payload is the value's shape. The store is a Reader and a Historian if
	// the payload is a ReadablePayload.
	Payload store.Payload
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over a secret whose value we did not write.
	Adopt bool
	// Create allows making the secret when it does not exist; SecretID has to
	// be a name then.
	Create bool
	// KMSKeyID is the key for a secret made by Create; empty means AWS's own.
	KMSKeyID string
	// Tags are for a secret made by Create.
	Tags map[string]string
}

// Store is a secret that a credential is written to.
type Store struct {
	options Options

	mu sync.Mutex // guards what follows
	// seen is the version that the last Get read; the next Put merges into it,
	// which saves a call, and is safe because the promotion names it.
	seen *version
	// surveyed is the ARN of the secret that was found fit to be taken over.
	surveyed string
}

// Readable is a Store whose payload can be read back.
type Readable struct {
	*Store
	payload store.ReadablePayload
}

var (
	_ store.Checker   = (*Store)(nil)
	_ store.Reader    = Readable{}
	_ store.Historian = Readable{}
	_ store.Stager    = Readable{}
)

// New makes a store; it calls nothing yet. The result is a Readable if the
// payload is a ReadablePayload, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Client == nil || o.Payload == nil || o.SecretID == "" || o.Region == "" || o.Owner == "" {
		return nil, errors.New("make secretsmanager store: client, payload, secret, region and owner are required")
	}
	if o.Create && strings.HasPrefix(o.SecretID, "arn:") {
		return nil, errors.New("make secretsmanager store: a secret that may be created has to be given by name, not by ARN")
	}
	if len(label+o.Owner) > maxLabel {
		return nil, fmt.Errorf("make secretsmanager store: owner is longer than %d bytes", maxLabel-len(label))
	}
	s := &Store{options: o}
	if p, ok := o.Payload.(store.ReadablePayload); ok {
		return Readable{s, p}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the Region and the secret.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.Region + "/" + s.options.SecretID}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Get implements store.Reader, in one call. Owner is told by the very version
// read: it is empty after a person edited the secret, though a Put may still be
// allowed then. Previous is left empty, because it would cost
// a second call: ask Historian.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	v, err := r.read(ctx, stageCurrent)
	if err != nil {
		return store.Held{}, err
	}
	r.remember(v)
	if v.id == "" {
		return store.Held{}, r.wrap("read", store.ErrEmpty)
	}
	c, err := r.parse(v)
	if err != nil {
		return store.Held{}, err
	}
	return store.Held{Credential: c, Owner: v.owner(r.options.Owner)}, nil
}

// Previous implements store.Historian with the version labelled AWSPREVIOUS.
func (r Readable) Previous(ctx context.Context) (store.Credential, error) {
	v, err := r.read(ctx, stagePrevious)
	if err != nil {
		return store.Credential{}, err
	}
	if v.id == "" {
		return store.Credential{}, r.wrap("read previous", store.ErrEmpty)
	}
	return r.parse(v)
}

func (r Readable) parse(v *version) (store.Credential, error) {
	c, err := r.payload.Parse(v.document)
	if err != nil {
		return store.Credential{}, r.wrap("read", err)
	}
	return c, nil
}

// Put implements store.Store. Right after a Get it takes two calls.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	base := s.recall()
	if base == nil || s.holds(base, c) {
		// That nothing has to be written is never concluded from memory.
		var err error
		if base, err = s.read(ctx, stageCurrent); err != nil {
			return store.Receipt{}, err
		}
	}
	for range attempts {
		receipt, err := s.replace(ctx, base, c)
		if !errors.Is(err, store.ErrConflict) {
			return receipt, err
		}
		if base, err = s.read(ctx, stageCurrent); err != nil {
			return store.Receipt{}, err
		}
	}
	return store.Receipt{}, s.wrap("write", store.ErrConflict)
}

// holds reports whether a version has the credential in its place already.
func (s *Store) holds(v *version, c store.Credential) bool {
	merged, err := store.Merge(s.options.Payload, v.document, c)
	return err == nil && bytes.Equal(merged, v.document)
}

// next is the version that holds the credential in what base holds; base itself
// when that holds it already.
func (s *Store) next(ctx context.Context, base *version, c store.Credential) (*version, error) {
	if err := s.judge(ctx, base); err != nil {
		return nil, err
	}
	document, err := store.Merge(s.options.Payload, base.document, c)
	if err != nil {
		return nil, s.wrap("write", err)
	}
	if len(document) > maxValue {
		return nil, s.wrap("write", fmt.Errorf("%w: more than %d bytes", store.ErrShape, maxValue))
	}
	if base.id != "" && bytes.Equal(document, base.document) {
		return base, nil
	}
	return base.successor(s.options.Owner, c.KeyID(), document), nil
}

// replace is one attempt to put the credential into what base holds.
func (s *Store) replace(ctx context.Context, base *version, c store.Credential) (store.Receipt, error) {
	next, err := s.next(ctx, base, c)
	if err != nil {
		return store.Receipt{}, err
	}
	if next == base {
		return store.Receipt{Version: base.id}, nil
	}
	current, err := s.stage(ctx, next)
	if err != nil {
		return store.Receipt{}, err
	}
	if !current {
		if err := s.promote(ctx, base.id, next.id); err != nil {
			return store.Receipt{}, err
		}
	}
	return store.Receipt{Version: next.id, Changed: true}, nil
}

func (s *Store) remember(v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = v
}

// recall returns what the last Get read, once.
func (s *Store) recall() *version {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.seen
	s.seen = nil
	return v
}

// wrap says what was done to which secret.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s secret %s: %w", doing, s.Describe().Location, err)
}
