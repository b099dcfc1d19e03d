// Package azuredevops writes a credential into Azure DevOps: into variables of a
// variable group, or into a service connection of the type "aws", which the AWS
// Toolkit for Azure DevOps adds.
//
// Either is replaced by one call, so that a reader sees the old pair or the new
// one. That call replaces the whole object: it is read, changed in our places
// alone, and sent back. Values that Azure DevOps keeps secret are read as null,
// and null sent back keeps them. There is no way to make the call fail when
// somebody changed the object in between; so it is read once more afterwards,
// and what is not there any longer is store.ErrConflict.
//
// The mark of ownership is a bracket in the object's description, behind what
// people wrote there (see mark.go). It changes in the same call as the values.
// Azure DevOps never tells a secret value: a store cannot be read back.
package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// Kind is how the configuration spells this kind of store.
const Kind = "azuredevops"

// version is the version of the REST API, which Azure DevOps Services and Azure
// DevOps Server 2022.1 have ("REST API versioning" of its documentation).
const version = "7.1"

// Options says what New needs to know.
type Options struct {
	// HTTP makes the calls.
	HTTP *http.Client
	// URL is where Azure DevOps is: https://dev.azure.com, or the address of an
	// Azure DevOps Server without the collection.
	URL string
	// Organization is the organization's name, or the server's collection.
	Organization string
	// Project is the project's name or id.
	Project string
	// Group is the name of a variable group; exactly one of Group and
	// Connection is set.
	Group string
	// Connection is the name of a service connection of the type "aws".
	Connection string
	// Token is a personal access token; exactly one of Token and Entra is set.
	Token string
	// Entra signs in as a service principal of Microsoft Entra ID.
	Entra *Entra
	// Variables is how the credential becomes variables of a group.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over variables or a connection that bear no mark.
	Adopt bool
}

// Store is the variables or the connection that a credential is written to.
type Store struct {
	place    place
	location string

	mu sync.Mutex // one writer at a time: each would overwrite what the other read
}

var _ store.Checker = (*Store)(nil)

// place is a variable group or a service connection.
type place interface {
	// put replaces the credential.
	put(ctx context.Context, c store.Credential) error
	// check verifies existence, ownership and permission.
	check(ctx context.Context) error
}

// New makes a store; it calls nothing yet.
func New(o Options) (*Store, error) {
	s, err := newStore(o)
	if err != nil {
		return nil, fmt.Errorf("make azuredevops store: %w", err)
	}
	return s, nil
}

func newStore(o Options) (*Store, error) {
	if o.Organization == "" || o.Project == "" || o.Owner == "" || (o.Group == "") == (o.Connection == "") {
		return nil, errors.New("organization, project, owner, and either group or connection are required")
	}
	if !validOwner(o.Owner) {
		return nil, fmt.Errorf("owner %q cannot be written into a mark", o.Owner)
	}
	authorize, err := authorization(o)
	if err != nil {
		return nil, err
	}
	organization, err := rest.Path(o.Organization)
	if err != nil {
		return nil, err
	}
	client, err := rest.New(rest.Options{Service: "Azure DevOps", HTTP: o.HTTP, URL: strings.TrimRight(o.URL, "/") + organization, Authorize: authorize})
	if err != nil {
		return nil, err
	}
	api := api{client: client, project: o.Project, owner: o.Owner, adopt: o.Adopt}
	at := strings.ToLower(client.Host() + "/" + o.Project)
	if o.Connection != "" {
		return &Store{place: connection{api, o.Connection}, location: at + "/connection/" + strings.ToLower(o.Connection)}, nil
	}
	names := o.Variables.Names()
	if len(names) == 0 {
		return nil, errors.New("the variables of a group are required")
	}
	for _, name := range names {
		if !validName(name) {
			return nil, fmt.Errorf("%q cannot be a variable's name", name)
		}
	}
	// Azure DevOps tells no case apart in any of these names.
	location := at + "/group/" + strings.ToLower(o.Group) + "#" + strings.ToUpper(strings.Join(names, ","))
	return &Store{place: group{api, o.Group, o.Variables}, location: location}, nil
}

// authorization is how calls are authorised. A personal access token is the
// password of nobody ("Use personal access tokens" of the documentation).
func authorization(o Options) (rest.Authorizer, error) {
	switch {
	case (o.Token == "") == (o.Entra == nil):
		return nil, errors.New("either a token or a service principal is required")
	case o.Entra != nil:
		return o.Entra.authorizer(o.HTTP)
	}
	return rest.Basic("", o.Token)
}

// Describe implements store.Store. The location is the host, organization,
// project, and the group with its variables or the connection.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.location}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store. It always writes, because Azure DevOps does not
// tell secret values.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return store.Receipt{}, s.wrap("write", errors.New("key id or secret is missing"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.place.put(ctx, c); err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	return store.Receipt{Changed: true}, nil
}

// Check implements store.Checker. It proves existence, ownership, and that the
// token's user may manage the group or connection. Whether the token itself has
// the scope to write cannot be asked.
func (s *Store) Check(ctx context.Context) error {
	if err := s.place.check(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// wrap says what was done to which place.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, s.location, err)
}

// api is what both places share.
type api struct {
	client         *rest.Client
	project, owner string
	adopt          bool
}

// call makes one call below the project, or below the organization, as updates
// want it since version 6.0 of the API.
func (a api) call(ctx context.Context, inProject bool, r rest.Request, parts ...string) error {
	if inProject {
		parts = append([]string{a.project}, parts...)
	}
	path, err := rest.Path(parts...)
	if err != nil {
		return err
	}
	query := url.Values{"api-version": {version}}
	maps.Copy(query, r.Query)
	r.Path, r.Query = path, query
	return a.client.Do(ctx, r)
}
