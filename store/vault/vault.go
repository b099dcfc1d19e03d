// Package vault writes a credential into a secret of HashiCorp Vault's KV engine,
// version 2, or OpenBao's: as fields of the secret, or as a document in one of
// its fields.
//
// Every write names the version that it was merged from, and Vault refuses it if
// there is a newer one (check-and-set); then the write starts again from what is
// there now. All fields of a secret change at once: a reader sees the old version
// or the new one. Other fields stay.
//
// The mark of ownership is in the secret's custom metadata, which belongs to the
// secret and not to a version. So it names the owner and, each under a name of its
// own, the keys that this program has put there or is about to: a secret that
// holds any other key is not ours. The mark is written before the content, as a
// patch, so that writers at the same time never lose each other's.
package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "vault"

// attempts bounds how often a Put starts again because somebody else wrote.
const attempts = 4

// Options says what New needs to know.
type Options struct {
	// Client calls Vault; stores with the same login share it.
	Client *Client
	// Mount is where the KV engine is mounted, such as "secret".
	Mount string
	// Path is the secret's path in it, without "data".
	Path string
	// Field is the one field that holds a document of Payload's shape. Both are
	// left out with Variables.
	Field   string
	Payload store.Payload
	// Variables has the names of the fields, one for each value.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over a secret whose credential we did not write.
	Adopt bool
	// Create allows making the secret when Vault knows nothing of it.
	Create bool
}

// Store is a secret that a credential is written to.
type Store struct{ options Options }

// Readable is a Store that can be read back.
type Readable struct{ *Store }

var (
	_ store.Checker   = (*Store)(nil)
	_ store.Reader    = Readable{}
	_ store.Historian = Readable{}
)

// New makes a store; it calls nothing yet. The result is a Readable if what is
// written holds the key id and the secret, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Client == nil || o.Mount == "" || o.Path == "" || o.Owner == "" {
		return nil, errors.New("make vault store: client, mount, path and owner are required")
	}
	single := o.Field != "" && o.Payload != nil
	if several := len(o.Variables.Names()) > 0; single == several || !single && (o.Field != "" || o.Payload != nil) {
		return nil, errors.New("make vault store: either one field with a payload or variables are required")
	}
	if len(o.Owner) > maxValue {
		return nil, fmt.Errorf("make vault store: owner is longer than %d bytes", maxValue)
	}
	s := &Store{options: o}
	if _, ok := o.Payload.(store.ReadablePayload); ok || !single && o.Variables.Readable() {
		return Readable{s}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the server, the namespace
// and the secret's path.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.Client.place + "/" + s.options.Mount + "/" + s.options.Path}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Get implements store.Reader, in one call. ErrEmpty also when the present
// version was deleted.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	now, err := r.read(ctx)
	if err != nil {
		return store.Held{}, err
	}
	if now.fields == nil {
		return store.Held{}, r.wrap("read", store.ErrEmpty)
	}
	c, err := r.parse(now)
	if err != nil {
		return store.Held{}, err
	}
	owner, err := r.ownerOf(now)
	if err != nil {
		return store.Held{}, err
	}
	return store.Held{Credential: c, Owner: owner, Previous: now.mark.before(c.KeyID())}, nil
}

// Put implements store.Store, in three calls.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	var err error
	for range attempts {
		var now *state
		if now, err = s.read(ctx); err != nil {
			return store.Receipt{}, err
		}
		var receipt store.Receipt
		if receipt, err = s.replace(ctx, now, c); !errors.Is(err, store.ErrConflict) {
			return receipt, err
		}
	}
	return store.Receipt{}, err
}

// replace is one attempt to put the credential into the secret as it is.
func (s *Store) replace(ctx context.Context, now *state, c store.Credential) (store.Receipt, error) {
	if err := s.judge(now); err != nil {
		return store.Receipt{}, err
	}
	fields, err := s.render(now, c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	owner, err := s.ownerOf(now)
	if err != nil {
		return store.Receipt{}, err
	}
	if now.fields != nil && owner == s.options.Owner && reflect.DeepEqual(fields, now.fields) {
		return store.Receipt{Version: strconv.Itoa(now.version)}, nil
	}
	if err := s.announce(ctx, now, fields); err != nil {
		return store.Receipt{}, err
	}
	version, err := s.write(ctx, now.version, fields)
	if err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Version: strconv.Itoa(version), Changed: true}, nil
}

// render returns the secret's fields with the credential in its place.
func (s *Store) render(now *state, c store.Credential) (map[string]any, error) {
	fields := map[string]any{}
	maps.Copy(fields, now.fields)
	if s.options.Payload == nil {
		if _, err := s.values(now.fields); err != nil {
			return nil, err
		}
		variables, err := s.options.Variables.Render(c)
		if err != nil {
			return nil, err
		}
		for _, v := range variables {
			fields[v.Name] = v.RevealValue()
		}
		return fields, nil
	}
	values, err := s.values(now.fields)
	if err != nil {
		return nil, err
	}
	document, err := store.Merge(s.options.Payload, []byte(values[s.options.Field]), c)
	if err != nil {
		return nil, err
	}
	fields[s.options.Field] = string(document)
	return fields, nil
}

// values are those of the fields that the credential takes. ErrShape when one is
// no text.
func (s *Store) values(fields map[string]any) (map[string]string, error) {
	names := []string{s.options.Field}
	if s.options.Payload == nil {
		names = s.options.Variables.Names()
	}
	found := map[string]string{}
	for _, name := range names {
		value, ok := fields[name]
		if !ok {
			continue
		}
		if found[name], ok = value.(string); !ok {
			return nil, fmt.Errorf("%w: field %q is no text", store.ErrShape, name)
		}
	}
	return found, nil
}

// trace names what lies in the credential's place, empty for nothing.
func (s *Store) trace(fields map[string]any) (string, error) {
	values, err := s.values(fields)
	if err != nil {
		return "", err
	}
	if s.options.Payload == nil {
		return s.options.Variables.Trace(values)
	}
	return s.options.Payload.Trace([]byte(values[s.options.Field]))
}

// parse reads the credential out of the secret.
func (s *Store) parse(now *state) (store.Credential, error) {
	values, err := s.values(now.fields)
	if err != nil {
		return store.Credential{}, s.wrap("read", err)
	}
	var c store.Credential
	if readable, ok := s.options.Payload.(store.ReadablePayload); ok {
		c, err = readable.Parse([]byte(values[s.options.Field]))
	} else {
		c, err = s.options.Variables.Parse(values)
	}
	if err != nil {
		return store.Credential{}, s.wrap("read", err)
	}
	return c, nil
}

// wrap says what was done to which secret.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s secret %s: %w", doing, s.Describe().Location, err)
}
