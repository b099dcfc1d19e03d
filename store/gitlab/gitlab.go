// Package gitlab writes a credential into CI/CD variables of a project or of a
// group of GitLab.
//
// GitLab takes one variable a call, so that two of them are not written at
// once: the secret access key first, then the id. A job that starts in between
// has the old id beside the new secret, which does not sign in. One variable
// that holds a whole document has no such moment. A variable is updated in place
// and never deleted first; only its value and its description are sent, and
// GitLab keeps what is not sent: masked, hidden, protected, raw, type and
// environment scope. A job gets its variables when it starts, and keeps them.
//
// The mark of ownership is a word at the end of each variable's description. It
// names the owner and the key, and is written in the same call as the value. A
// pair whose id is not the one that the mark names was put there by a person.
// GitLab before 16.2 has no descriptions; there a variable without one that
// exists is ours if it is recorded as written.
package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	sdk "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "gitlab"

// Who sees the value of a variable that the store makes (GitLab Docs, "GitLab
// CI/CD variables").
const (
	Visible = "visible"
	Masked  = "masked" // not in job logs
	Hidden  = "hidden" // masked, and told to nobody once it is saved
)

// Options says what New needs to know.
type Options struct {
	// HTTP calls GitLab. The store follows none of its redirects.
	HTTP *http.Client
	// URL is where people see GitLab; empty means https://gitlab.com.
	URL string
	// Token is a personal, project or group access token.
	Token string
	// Project or Group is the path or the number of what holds the variables.
	Project, Group string
	// EnvironmentScope tells variables of one name apart; empty means "*".
	EnvironmentScope string
	// Visibility, Protected and Type are for variables that the store makes.
	// Those that exist keep what they have.
	Visibility string
	Protected  bool
	Type       string // env_var or file; empty means env_var

	// Variables are the variables and what each holds. The store is a Reader if
	// they can be read back and are not hidden.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over variables that we did not write.
	Adopt bool
}

// Store is a place of variables in GitLab.
type Store struct {
	place     place
	variables store.Variables
	visible   string
	owner     string
	adopt     bool
	fresh     sdk.CreateProjectVariableOptions // what a new variable has beside its value

	writing sync.Mutex // so that two credentials do not mix
}

// Readable is a Store whose variables can be read back.
type Readable struct{ *Store }

var (
	_ store.Checker = (*Store)(nil)
	_ store.Reader  = Readable{}
)

// New makes a store; it calls nothing yet. The result is a Readable if the
// variables can be read back, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.HTTP == nil || o.Token == "" || o.Owner == "" || len(o.Variables.Names()) == 0 {
		return nil, errors.New("make gitlab store: HTTP client, token, owner and variables are required")
	}
	if !slices.Contains([]string{Visible, Masked, Hidden}, o.Visibility) {
		return nil, fmt.Errorf("make gitlab store: visibility %q is none of visible, masked, hidden", o.Visibility)
	}
	if longest := (store.Mark{Owner: o.Owner, KeyID: strings.Repeat("A", maxKeyID)}); len(longest.String()) > maxDescription || !longest.Valid() {
		return nil, fmt.Errorf("make gitlab store: owner %q cannot be named in a description", o.Owner)
	}
	at, err := newPlace(o)
	if err != nil {
		return nil, fmt.Errorf("make gitlab store: %w", err)
	}
	kind := sdk.VariableTypeValue(o.Type)
	if o.Type == "" {
		kind = sdk.EnvVariableType
	}
	masked, hidden, raw := o.Visibility == Masked, o.Visibility == Hidden, true
	s := &Store{
		place: at, variables: o.Variables, visible: o.Visibility, owner: o.Owner, adopt: o.Adopt,
		// Raw keeps GitLab from expanding what looks like a variable in a value.
		fresh: sdk.CreateProjectVariableOptions{EnvironmentScope: &at.scope, Masked: &masked, Protected: &o.Protected, Raw: &raw, VariableType: &kind},
	}
	if hidden {
		// Servers before 17.4 do not know it, and make the variable masked.
		s.fresh.Masked, s.fresh.MaskedAndHidden = &hidden, &hidden
		return s, nil
	}
	if o.Variables.Readable() {
		return Readable{s}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the host, the project or
// group, the environment scope if there is one, and the variables' names.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.place.name() + "#" + strings.Join(s.variables.Names(), ",")}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Get implements store.Reader, one call a variable. Owner is empty after a
// person put another key there. Previous is left empty.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	found, err := r.look(ctx)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	values := map[string]string{}
	for name, v := range found {
		if v.Value == nil {
			return store.Held{}, r.wrap("read", fmt.Errorf("GitLab tells nobody the value of %s, which is hidden; set visibility: hidden", name))
		}
		values[name] = *v.Value
	}
	c, err := r.variables.Parse(values)
	if err != nil {
		return store.Held{}, r.wrap("read", err)
	}
	return store.Held{Credential: c, Owner: r.ownerOf(found, c)}, nil
}

// ownerOf names the owner of a pair that was read: the one in all its marks, if
// the mark of what is written last names the pair's key.
func (s *Store) ownerOf(found map[string]*variable, c store.Credential) string {
	names := s.variables.Names()
	last := found[names[len(names)-1]]
	if last == nil || last.mark().KeyID != c.KeyID() {
		return ""
	}
	for _, v := range found {
		if v.mark().Owner != last.mark().Owner {
			return ""
		}
	}
	return last.mark().Owner
}

// Put implements store.Store. It writes the variables that do not hold their
// value yet; those that are hidden are always written. A Put that wrote the
// first of two variables and not the second is ambiguous.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	rendered, err := s.variables.Render(c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	found, err := s.look(ctx)
	if err != nil {
		return store.Receipt{}, s.wrap("look at", err)
	}
	if err := s.judge(ctx, found); err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	for _, v := range rendered {
		if err := s.fits(v, found[v.Name]); err != nil {
			return store.Receipt{}, s.wrap("write", err)
		}
	}
	written := ""
	for _, v := range rendered {
		changed, err := s.write(ctx, v, found[v.Name], c.KeyID())
		if err != nil {
			if written != "" && !errors.Is(err, store.ErrAmbiguous) {
				// That the service refused the second one does not undo the first.
				err = fmt.Errorf("%w for all of the credential: %s is written, %s is not: %s", store.ErrAmbiguous, written, v.Name, err.Error())
			}
			return store.Receipt{}, s.wrap("write", err)
		}
		if changed {
			written = v.Name
		}
	}
	return store.Receipt{Changed: written != ""}, nil
}

// look reads the variables that exist.
func (s *Store) look(ctx context.Context) (map[string]*variable, error) {
	found := map[string]*variable{}
	for _, name := range s.variables.Names() {
		v, err := s.place.get(ctx, name)
		if err != nil {
			return nil, err
		}
		if v != nil {
			found[name] = v
		}
	}
	if len(found) < len(s.variables.Names()) {
		// GitLab answers 404 for a variable, and for a project that it hides.
		if err := s.place.exists(ctx); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// judge refuses variables that are not ours.
func (s *Store) judge(ctx context.Context, found map[string]*variable) error {
	var foreign []string
	for _, name := range s.variables.Names() {
		v := found[name]
		if v == nil {
			continue
		}
		switch m := v.mark(); {
		case m.Unclear:
			return fmt.Errorf("%w: the description of %s has a mark of this program that is not whole; remove it", store.ErrForeign, name)
		case m.Owner == s.owner || v.empty():
		case m.Owner != "":
			return fmt.Errorf("%w: the description of %s says that it is %s's; remove that mark to hand it over", store.ErrForeign, name, m.Owner)
		case v.Description == nil && store.Recorded(ctx): // a server without descriptions
		default:
			foreign = append(foreign, name)
		}
	}
	if s.adopt {
		return nil
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%w: %s exists without our mark; remove it, or set adopt to take it over", store.ErrForeign, strings.Join(foreign, " and "))
	}
	return s.judgeContent(found)
}

// judgeContent refuses what a person put into variables that bear our mark, as
// far as their content tells.
func (s *Store) judgeContent(found map[string]*variable) error {
	if !s.variables.Readable() {
		return nil
	}
	values := map[string]string{}
	for name, v := range found {
		if v.Value == nil || v.Description == nil {
			return nil // hidden, or a server without marks
		}
		values[name] = *v.Value
	}
	c, err := s.variables.Parse(values)
	edited := err == nil && s.ownerOf(found, c) != s.owner
	if len(s.variables.Names()) == 1 {
		edited = edited || errors.Is(err, store.ErrShape)
	}
	if edited {
		return fmt.Errorf("%w: a person changed what lies under our mark; put the key back, or set adopt to overwrite it", store.ErrForeign)
	}
	return nil
}

// Check implements store.Checker. Reading a variable takes the same role as
// writing it; what the token's scopes allow is asked for as well.
func (s *Store) Check(ctx context.Context) error {
	found, err := s.look(ctx)
	if err != nil {
		return s.wrap("check", err)
	}
	if err := s.judge(ctx, found); err != nil {
		return s.wrap("check", err)
	}
	if err := s.place.mayWrite(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// wrap says what was done to which variables.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s variables %s: %w", doing, s.Describe().Location, err)
}
