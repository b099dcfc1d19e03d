// Package bitbucket writes a credential into variables of Bitbucket Pipelines:
// those of a repository, of one of its deployment environments, or of a
// workspace.
//
// A variable is replaced in place, by its id, and never deleted first; each is
// secured, which hides it from people and from logs. Of two variables the secret
// is written before the id: a step that starts in between gets the old id with
// the new secret, which does not sign in. One variable with a whole document has
// no such moment.
//
// Bitbucket never tells a secured value: a store cannot be read back. Nor does
// it keep anything beside a value that could name its owner. A variable that
// exists is ours only if the journal records that we wrote it (see
// store.Recorded).
package bitbucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// Kind is how the configuration spells this kind of store.
const Kind = "bitbucket"

// Options says what New needs to know.
type Options struct {
	// HTTP makes the calls.
	HTTP *http.Client
	// URL is the address of the API, https://api.bitbucket.org/2.0.
	URL string
	// Email is that of the Atlassian account that an API token belongs to;
	// empty for an access token of a repository, a project or a workspace.
	Email string
	// Token is an API token, together with Email, or an access token.
	Token string
	// Workspace is the workspace's id, as in addresses.
	Workspace string
	// Repository is the repository's slug; empty for variables of the workspace.
	Repository string
	// Environment is the name of a deployment environment of the repository;
	// empty for variables of the repository.
	Environment string
	// Variables is how the credential becomes variables.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over variables that we are not recorded to have
	// written.
	Adopt bool
}

// Store is the variables that a credential is written to.
type Store struct {
	place     place
	location  string
	variables store.Variables
	adopt     bool

	mu sync.Mutex // one writer at a time, and guards begun
	// begun is true once this instance has written a variable: what it finds
	// from then on is its own, though the journal may not record it yet.
	begun bool
}

var _ store.Checker = (*Store)(nil)

// New makes a store; it calls nothing yet.
func New(o Options) (*Store, error) {
	if o.Workspace == "" || o.Owner == "" || len(o.Variables.Names()) == 0 {
		return nil, errors.New("make bitbucket store: workspace, owner and variables are required")
	}
	if o.Environment != "" && o.Repository == "" {
		return nil, errors.New("make bitbucket store: an environment needs its repository")
	}
	authorize, err := rest.Bearer(o.Token)
	if o.Email != "" && err == nil {
		authorize, err = rest.Basic(o.Email, o.Token)
	}
	if err != nil {
		return nil, fmt.Errorf("make bitbucket store: %w", err)
	}
	client, err := rest.New(rest.Options{Service: "Bitbucket", HTTP: o.HTTP, URL: o.URL, Authorize: authorize})
	if err != nil {
		return nil, fmt.Errorf("make bitbucket store: %w", err)
	}
	at := place{client, o.Workspace, o.Repository, o.Environment}
	return &Store{
		place: at, variables: o.Variables, adopt: o.Adopt,
		location: fmt.Sprintf("%s/%v#%s", client.Host(), at, strings.Join(o.Variables.Names(), ",")),
	}, nil
}

// Describe implements store.Store. The location is the host, the workspace,
// repository or environment, and the variables' names.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.location}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store. It always writes, because Bitbucket does not tell
// what a secured variable holds.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	rendered, err := s.variables.Render(c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, found, err := s.look(ctx)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	for i, v := range rendered {
		err := s.place.set(ctx, path, found[v.Name], v)
		s.begun = s.begun || err == nil || errors.Is(err, store.ErrAmbiguous)
		if err != nil && i > 0 {
			err = fmt.Errorf("%w: %s is new already, %s is not: %w", store.ErrAmbiguous, rendered[i-1].Name, v.Name, err)
		}
		if err != nil {
			return store.Receipt{}, s.wrap("write", err)
		}
	}
	return store.Receipt{Changed: true}, nil
}

// Check implements store.Checker. It proves that the place exists and can be
// read by the token. Bitbucket has no call to ask for permission to write.
func (s *Store) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, _, err := s.look(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// look finds out where the variables are and which of them exist, as ids by
// name. ErrForeign if one may not be written.
func (s *Store) look(ctx context.Context) (path string, found map[string]string, err error) {
	if path, err = s.place.path(ctx); err != nil {
		return "", nil, err
	}
	if found, err = s.place.variables(ctx, path); err != nil || s.adopt || s.begun || store.Recorded(ctx) {
		return path, found, err
	}
	for _, name := range s.variables.Names() {
		if _, exists := found[name]; exists {
			return "", nil, fmt.Errorf("%w: %s exists, and this program is not recorded to have written it; set adopt to take it over", store.ErrForeign, name)
		}
	}
	return path, found, nil
}

// wrap says what was done to which variables.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s variables of %s: %w", doing, s.location, err)
}
