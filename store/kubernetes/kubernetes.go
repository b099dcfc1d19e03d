// Package kubernetes writes a credential into a Secret of a Kubernetes cluster.
//
// A write is one Server-Side Apply of the Secret's own keys and of the mark,
// under the name of this program: type, labels and other keys stay as they are,
// and a reader sees the old credential or the new one. The write carries the
// uid and the resourceVersion of what was read, so that the server refuses it
// when somebody else wrote meanwhile, or replaced the Secret; then it starts
// again from what is there now. A Secret that is to be made carries a
// resourceVersion that none has, and the server refuses it if there is one.
//
// The mark are annotations: keyrotator.io/owner names the user,
// keyrotator.io/key-id the key that was written with it. Content that the
// second does not name was put there by somebody else.
//
// A Secret that a controller or a deployment tool keeps is refused, whatever
// its content: the keeper would put the old credential back.
package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	core "k8s.io/api/core/v1"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

// Kind is how the configuration spells this kind of store.
const Kind = "kubernetes"

// attempts bounds how often a Put starts again because somebody else wrote.
const attempts = 3

// Options says what New needs to know.
type Options struct {
	// Cluster is where the Secret is.
	Cluster apiserver.Cluster
	// Namespace and Secret name it.
	Namespace, Secret string
	// Variables are the data keys to write, if each part has a key of its own.
	Variables store.Variables
	// Key is the one data key to write otherwise, and Payload the shape of the
	// document there. The store is a Reader if the credential can be read back.
	Key     string
	Payload store.Payload
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over a credential that is there without our mark.
	Adopt bool
	// Create allows making the Secret when it does not exist.
	Create bool
}

// Store is a Secret that a credential is written to.
type Store struct {
	options Options
	content content
	client  apiserver.Client
}

// Readable is a Store whose credential can be read back.
type Readable struct{ *Store }

var (
	_ store.Checker = (*Store)(nil)
	_ store.Reader  = Readable{}
)

// New makes a store; it calls nothing and reads no kubeconfig yet. The result
// is a Readable if the credential can be read back, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Namespace == "" || o.Secret == "" || o.Owner == "" {
		return nil, errors.New("make kubernetes store: namespace, secret and owner are required")
	}
	content, err := o.content()
	if err != nil {
		return nil, err
	}
	s := &Store{o, content, apiserver.New(o.Cluster)}
	if content.readable() {
		return Readable{s}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the namespace and the
// Secret, and where the cluster is unless this process runs in it.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.Cluster.Locate(s.options.Namespace + "/" + s.options.Secret)}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store, in two calls.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	var receipt store.Receipt
	err := store.ErrConflict
	for try := 0; try < attempts && errors.Is(err, store.ErrConflict); try++ {
		receipt, err = s.replace(ctx, c)
	}
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	return receipt, nil
}

// replace is one attempt: read, judge, write.
func (s *Store) replace(ctx context.Context, c store.Credential) (store.Receipt, error) {
	now, err := s.read(ctx)
	if err != nil {
		return store.Receipt{}, err
	}
	found, err := s.judge(now)
	if err != nil {
		return store.Receipt{}, err
	}
	values, err := s.content.render(now.Data, c)
	if err != nil {
		return store.Receipt{}, err
	}
	if found.owned && holds(now, values) {
		return store.Receipt{Version: now.ResourceVersion}, nil
	}
	if err := s.writable(now); err != nil {
		return store.Receipt{}, err
	}
	next, err := s.nextMark(now, found, values)
	if err != nil {
		return store.Receipt{}, err
	}
	written, err := s.apply(ctx, now, next, values, false)
	if err != nil {
		return store.Receipt{}, err
	}
	return store.Receipt{Version: written.ResourceVersion, Changed: !holds(now, values)}, nil
}

// holds reports whether the Secret has all these values already.
func holds(now *core.Secret, values map[string][]byte) bool {
	for name, value := range values {
		if is, ok := now.Data[name]; !ok || !bytes.Equal(is, value) {
			return false
		}
	}
	return true
}

// Get implements store.Reader, in one call.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	now, err := r.read(ctx)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	c, err := r.content.parse(now.Data)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	held := store.Held{Credential: c}
	if m := markOf(now); m.keyID == c.KeyID() {
		held.Owner, held.Previous = m.owner, m.previous
	}
	return held, nil
}

// wrap says what was done to which Secret.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s secret %s: %w", doing, s.Describe().Location, err)
}
