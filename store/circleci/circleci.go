// Package circleci writes a credential into environment variables of CircleCI:
// those of a context, which projects share, or those of one project.
//
// A variable is replaced in place and never deleted first. Of two variables the
// secret is written before the id: a job that starts in between gets the old id
// with the new secret, which does not sign in. A job that has started keeps
// what it got. One variable with a whole document has no such moment.
//
// CircleCI never tells a value: a store cannot be read back. Nor does it keep
// anything beside a value that could name its owner. A variable that exists is
// ours only if the journal records that we wrote it (see store.Recorded).
package circleci

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
const Kind = "circleci"

// Options says what New needs to know.
type Options struct {
	// HTTP makes the calls.
	HTTP *http.Client
	// URL is CircleCI's address: https://circleci.com, or that of a CircleCI
	// server.
	URL string
	// Token is a personal API token. Tokens of projects are not accepted by
	// version 2 of the API (CircleCI's guide "Managing API tokens").
	Token string
	// Context is the id or the name of the context to write to; exactly one of
	// Context and Project is set.
	Context string
	// Organization is the slug, such as gh/acme, or the id of the organization
	// that a context given by name belongs to.
	Organization string
	// Project is the slug of the project to write to, such as gh/acme/app.
	Project string
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

// place is a context or a project.
type place interface {
	// exists verifies that the place is there and that the token may see it.
	exists(ctx context.Context) error
	// names tells, as keys, which variables it holds.
	names(ctx context.Context) (map[string]string, error)
	// set makes or replaces one variable.
	set(ctx context.Context, v store.Variable) error
}

// New makes a store; it calls nothing yet.
func New(o Options) (*Store, error) {
	if (o.Context == "") == (o.Project == "") || o.Owner == "" || len(o.Variables.Names()) == 0 {
		return nil, errors.New("make circleci store: owner, variables, and either context or project are required")
	}
	authorize, err := rest.Header("Circle-Token", o.Token)
	if err != nil {
		return nil, fmt.Errorf("make circleci store: %w", err)
	}
	client, err := rest.New(rest.Options{Service: "CircleCI", HTTP: o.HTTP, URL: strings.TrimRight(o.URL, "/") + "/api/v2", Authorize: authorize})
	if err != nil {
		return nil, fmt.Errorf("make circleci store: %w", err)
	}
	at, err := placeOf(client, o)
	if err != nil {
		return nil, fmt.Errorf("make circleci store: %w", err)
	}
	host := strings.TrimSuffix(client.Host(), "/api/v2")
	return &Store{
		place: at, variables: o.Variables, adopt: o.Adopt,
		location: fmt.Sprintf("%s/%v#%s", host, at, strings.Join(o.Variables.Names(), ",")),
	}, nil
}

func placeOf(client *rest.Client, o Options) (place, error) {
	if o.Project != "" {
		path, err := rest.Path(append([]string{"project"}, strings.Split(o.Project, "/")...)...)
		return project{client, o.Project, path + "/envvar"}, err
	}
	if !isID(o.Context) && o.Organization == "" {
		return nil, errors.New("a context given by name needs its organization")
	}
	return circleContext{client, o.Context, o.Organization}, nil
}

// Describe implements store.Store. The location is the host, the context or
// project, and the variables' names.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.location}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store. It always writes, because CircleCI does not tell
// what a variable holds.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	variables, err := s.variables.Render(c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.judge(ctx); err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	for i, v := range variables {
		err := s.place.set(ctx, v)
		s.begun = s.begun || err == nil || errors.Is(err, store.ErrAmbiguous)
		if err != nil && i > 0 {
			err = fmt.Errorf("%w: %s is new already, %s is not: %w", store.ErrAmbiguous, variables[i-1].Name, v.Name, err)
		}
		if err != nil {
			return store.Receipt{}, s.wrap("write", err)
		}
	}
	return store.Receipt{Changed: true}, nil
}

// Check implements store.Checker. It proves that the place exists and can be
// read by the token. CircleCI has no call to ask for permission to write.
func (s *Store) Check(ctx context.Context) error {
	if err := s.place.exists(ctx); err != nil {
		return s.wrap("check", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.judge(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// judge tells whether the variables may be written; ErrForeign if not.
func (s *Store) judge(ctx context.Context) error {
	found, err := s.place.names(ctx)
	if err != nil || s.adopt || s.begun || store.Recorded(ctx) {
		return err
	}
	for _, name := range s.variables.Names() {
		if _, exists := found[name]; exists {
			return fmt.Errorf("%w: %s exists, and this program is not recorded to have written it; set adopt to take it over", store.ErrForeign, name)
		}
	}
	return nil
}

// wrap says what was done to which variables.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s variables of %s: %w", doing, s.location, err)
}
