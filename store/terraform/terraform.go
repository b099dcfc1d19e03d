// Package terraform writes a credential into variables of HCP Terraform or
// Terraform Enterprise: those of a workspace, or of a variable set.
//
// All of them are sensitive, so that the service tells their values to nobody
// but its runs. It takes one variable a call: the secret access key first, then
// the id. A run that starts in between has the old id beside the new secret,
// which does not sign in. One variable that holds a whole document has no such
// moment. A variable is updated in place and never deleted first.
//
// The mark of ownership is a word at the end of each variable's description. It
// names the owner and the key, and is written in the same call as the value.
// What a person writes under the mark cannot be noticed.
package terraform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "terraform"

// What a variable is to a run.
const (
	Env       = "env"       // a variable of its environment
	Terraform = "terraform" // an input variable of the configuration
)

// The limits of a variable ("Variables" in the documentation of HCP Terraform).
const (
	maxDescription = 512       // characters
	maxValue       = 256 << 10 // bytes
)

// maxKeyID is how long an access key id may be (IAM's API reference).
const maxKeyID = 128

// Options says what New needs to know.
type Options struct {
	// HTTP calls the service. The store follows none of its redirects.
	HTTP *http.Client
	// URL is where people see the service; empty means https://app.terraform.io.
	URL string
	// Token is that of a team, a user or an organization.
	Token string
	// Organization holds the Workspace or the VariableSet, by their names.
	Organization, Workspace, VariableSet string
	// Category is Env or Terraform.
	Category string

	// Variables are the variables and what each holds.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over variables that we did not write.
	Adopt bool
}

// Store is a place of variables in HCP Terraform.
type Store struct {
	host      string
	holder    holder
	category  string
	variables store.Variables
	owner     string
	adopt     bool

	writing sync.Mutex // so that two credentials do not mix
}

var _ store.Checker = (*Store)(nil)

// New makes a store; it calls nothing yet.
func New(o Options) (*Store, error) {
	if o.HTTP == nil || o.Token == "" || o.Owner == "" || o.Organization == "" || len(o.Variables.Names()) == 0 {
		return nil, errors.New("make terraform store: HTTP client, token, organization, owner and variables are required")
	}
	if (o.Workspace == "") == (o.VariableSet == "") {
		return nil, errors.New("make terraform store: a workspace or a variable set is required")
	}
	if !slices.Contains([]string{Env, Terraform}, o.Category) {
		return nil, fmt.Errorf("make terraform store: category %q is neither env nor terraform", o.Category)
	}
	if longest := (store.Mark{Owner: o.Owner, KeyID: strings.Repeat("A", maxKeyID)}); len(longest.String()) > maxDescription || !longest.Valid() {
		return nil, fmt.Errorf("make terraform store: owner %q cannot be named in a description", o.Owner)
	}
	client, host, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("make terraform store: %w", err)
	}
	s := &Store{host: host, category: o.Category, variables: o.Variables, owner: o.Owner, adopt: o.Adopt}
	if o.Workspace != "" {
		s.holder = workspace{client, o.Organization, o.Workspace}
	} else {
		s.holder = variableSet{client, o.Organization, o.VariableSet}
	}
	return s, nil
}

// Describe implements store.Store. The location is the host, the workspace or
// variable set, the category and the variables' names.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.host + "/" + s.holder.path() + "/" + s.category + "#" + strings.Join(s.variables.Names(), ",")}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store. Since nothing can be read back, it always writes.
// A Put that wrote the first of two variables and not the second is ambiguous.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	rendered, err := s.variables.Render(c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	for _, v := range rendered {
		if err := s.fits(v); err != nil {
			return store.Receipt{}, s.wrap("write", err)
		}
	}
	id, found, err := s.look(ctx)
	if err != nil {
		return store.Receipt{}, s.wrap("look at", err)
	}
	for i, v := range rendered {
		if err := s.write(ctx, id, v, found[v.Name], c.KeyID()); err != nil {
			if i > 0 && !errors.Is(err, store.ErrAmbiguous) {
				// That the service refused the second one does not undo the first.
				err = fmt.Errorf("%w for all of the credential: %s is written, %s is not: %s", store.ErrAmbiguous, rendered[i-1].Name, v.Name, err.Error())
			}
			return store.Receipt{}, s.wrap("write", err)
		}
	}
	return store.Receipt{Changed: true}, nil
}

// fits says why the service would refuse a value.
func (s *Store) fits(v store.Variable) error {
	value := s.valueOf(v)
	if len(value) > maxValue {
		return fmt.Errorf("%w: %s is larger than %d bytes", store.ErrShape, v.Name, maxValue)
	}
	// Issue 22796 of hashicorp/terraform; the documentation of HCP Terraform
	// speaks of several lines for input variables alone.
	if s.category == Env && strings.ContainsAny(value, "\r\n") {
		return fmt.Errorf("%w: %s has several lines, which an environment variable of HCP Terraform cannot hold; "+
			"write two variables, a document of one line, or category terraform", store.ErrShape, v.Name)
	}
	return nil
}

// valueOf is a variable's value without the line break that ends a document,
// which an environment variable cannot hold.
func (s *Store) valueOf(v store.Variable) string {
	if s.category == Env {
		return strings.TrimSuffix(v.RevealValue(), "\n")
	}
	return v.RevealValue()
}

// look finds the workspace or variable set and the variables in it that are to
// be written, and refuses those that are not ours.
func (s *Store) look(ctx context.Context) (id string, found map[string]*variable, err error) {
	id, err = s.holder.find(ctx)
	if err != nil {
		return "", nil, err
	}
	all, err := s.holder.list(ctx, id)
	if err != nil {
		return "", nil, err
	}
	found = map[string]*variable{}
	for _, v := range all {
		if v.category == s.category && slices.Contains(s.variables.Names(), v.key) {
			found[v.key] = &v
		}
	}
	return id, found, s.judge(found)
}

// judge refuses variables that are not ours, or cannot hold a credential.
func (s *Store) judge(found map[string]*variable) error {
	var foreign []string
	for _, name := range s.variables.Names() {
		v := found[name]
		if v == nil {
			continue
		}
		m := store.ParseMark(v.description)
		switch {
		case m.Unclear:
			return fmt.Errorf("%w: the description of %s has a mark of this program that is not whole; remove it", store.ErrForeign, name)
		case m.Owner != "" && m.Owner != s.owner:
			return fmt.Errorf("%w: the description of %s says that it is %s's; remove that mark to hand it over", store.ErrForeign, name, m.Owner)
		case m.Owner == "" && (v.sensitive || v.value != ""):
			foreign = append(foreign, name)
		}
		if v.hcl {
			return fmt.Errorf("%w: %s is HCL, and a credential is not; turn HCL off for it", store.ErrShape, name)
		}
	}
	if len(foreign) > 0 && !s.adopt {
		return fmt.Errorf("%w: %s exists without our mark; remove it, or set adopt to take it over", store.ErrForeign, strings.Join(foreign, " and "))
	}
	return nil
}

// write gives a variable its value and our mark, in one call.
func (s *Store) write(ctx context.Context, id string, v store.Variable, found *variable, keyID string) error {
	written := variable{key: v.Name, value: s.valueOf(v), category: s.category}
	if found != nil {
		written.id, written.description, written.sensitive = found.id, found.description, found.sensitive
	}
	written.description = store.Mark{Owner: s.owner, KeyID: keyID}.Into(written.description)
	if n := utf8.RuneCountInString(written.description); n > maxDescription {
		return fmt.Errorf("%w: the description of %s would be %d characters long with our mark, and HCP Terraform takes %d; shorten it",
			store.ErrShape, v.Name, n, maxDescription)
	}
	var err error
	if found == nil {
		err = s.holder.create(ctx, id, written)
	} else {
		err = s.holder.update(ctx, id, written)
	}
	return lost(ctx, err, s.holder)
}

// Check implements store.Checker. What a token may do to a workspace is known;
// of a variable set the service tells only whether it may be read.
func (s *Store) Check(ctx context.Context) error {
	if _, _, err := s.look(ctx); err != nil {
		return s.wrap("check", err)
	}
	if err := s.holder.mayWrite(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// wrap says what was done to which variables.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s variables %s: %w", doing, s.Describe().Location, err)
}
