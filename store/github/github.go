// Package github writes a credential into secrets of GitHub Actions: those of
// a repository, of one of its environments, or of an organization.
//
// Each value is encrypted for the public key of its place, as GitHub's API
// demands, in a sealed box of NaCl: neither a proxy that reads the request nor
// GitHub's front end sees it. GitHub takes one secret a call, so that two of
// them are not written at once: the secret access key first, then the id. A
// workflow that starts in between has the old id beside the new secret, which
// does not sign in. One secret that holds a whole document has no such moment.
// A secret is written in place and never deleted first.
//
// GitHub reads secrets of a repository and of an organization when a run is
// queued, those of an environment when a job that names it starts (GitHub Docs,
// "Secrets reference"). What was queued earlier keeps the old pair to its end.
//
// GitHub never tells a value, and keeps nothing beside it that could be a mark
// of ownership. A secret that exists, is not recorded as written by this
// program and is not to be adopted, is foreign.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	sdk "github.com/google/go-github/v93/github"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "github"

// maxValue is the largest secret, in bytes (GitHub Docs, "Secrets reference").
const maxValue = 48 << 10

// Options says what New needs to know.
type Options struct {
	// HTTP calls GitHub. The store follows none of its redirects.
	HTTP *http.Client
	// URL is where people see GitHub, such as https://github.example.com; empty
	// means https://github.com.
	URL string
	// Token is a personal access token. App is used instead where it is set.
	Token string
	App   *App

	// Repository is OWNER/NAME; Environment is one of its environments, empty
	// for the repository's own secrets. Organization excludes both.
	Repository, Environment, Organization string
	// Visibility is who sees secrets of an organization that this store makes:
	// all, private or selected, where Selected names repositories of the
	// organization. Those that exist keep what they have.
	Visibility string
	Selected   []string

	// Variables are the secrets and what each holds.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over secrets that exist.
	Adopt bool
}

// Store is a place of secrets in GitHub.
type Store struct {
	host      string
	place     place
	variables store.Variables
	adopt     bool
	app       *appTransport // nil with a token

	writing sync.Mutex // so that two credentials do not mix
}

var _ store.Checker = (*Store)(nil)

// New makes a store; it calls nothing yet.
func New(o Options) (*Store, error) {
	if o.HTTP == nil || o.Owner == "" || len(o.Variables.Names()) == 0 {
		return nil, errors.New("make github store: HTTP client, owner and variables are required")
	}
	if (o.Token == "") == (o.App == nil) {
		return nil, errors.New("make github store: a token or an App is required, not both")
	}
	api, host, err := apiURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("make github store: %w", err)
	}
	caller := *o.HTTP
	caller.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	settings := []sdk.ClientOptionsFunc{sdk.WithHTTPClient(&caller), sdk.WithURLs(&api, &api), sdk.WithUserAgent("keyrotator")}
	s := &Store{host: host, variables: o.Variables, adopt: o.Adopt}
	if o.App != nil {
		if s.app, err = newAppTransport(o, settings); err != nil {
			return nil, fmt.Errorf("make github store: %w", err)
		}
		settings = append(settings, sdk.WithTransport(s.app))
	} else {
		settings = append(settings, sdk.WithAuthToken(o.Token))
	}
	client, err := sdk.NewClient(settings...)
	if err != nil {
		return nil, fmt.Errorf("make github store: %w", err)
	}
	if s.place, err = placeOf(client, o); err != nil {
		return nil, fmt.Errorf("make github store: %w", err)
	}
	return s, nil
}

// Describe implements store.Store. The location is the host, the place and the
// names of the secrets. GitHub tells no case apart in any of them, and so it is
// one case here.
func (s *Store) Describe() store.Description {
	names := strings.ToUpper(strings.Join(s.variables.Names(), ","))
	return store.Description{Kind: Kind, Location: s.host + "/" + strings.ToLower(s.place.name()) + "#" + names}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Put implements store.Store. Since nothing can be read back, it always writes.
// A Put that wrote the first of two secrets and not the second is ambiguous.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	rendered, err := s.variables.Render(c)
	if err != nil {
		return store.Receipt{}, s.wrap("write", err)
	}
	for _, v := range rendered {
		if len(v.RevealValue()) > maxValue {
			return store.Receipt{}, s.wrap("write", fmt.Errorf("%w: %s is larger than %d bytes", store.ErrShape, v.Name, maxValue))
		}
	}
	key, found, err := s.look(ctx)
	if err != nil {
		return store.Receipt{}, err
	}
	for i, v := range rendered {
		if key, err = s.write(ctx, key, v, found[v.Name]); err == nil {
			continue
		}
		if i > 0 && !errors.Is(err, store.ErrAmbiguous) {
			// That the service refused the second secret does not undo the first.
			err = fmt.Errorf("%w for all of the credential: %s is written, %s is not: %s", store.ErrAmbiguous, rendered[i-1].Name, v.Name, err.Error())
		}
		return store.Receipt{}, s.wrap("write", err)
	}
	return store.Receipt{Changed: true}, nil
}

// look reads the place's public key and which of the secrets exist, and refuses
// those that are not ours.
func (s *Store) look(ctx context.Context) (*publicKey, map[string]*sdk.Secret, error) {
	key, err := s.publicKey(ctx)
	if err != nil {
		return nil, nil, s.wrap("read the public key of", err)
	}
	found := map[string]*sdk.Secret{}
	var foreign []string
	for _, name := range s.variables.Names() {
		secret, response, err := s.place.secret(ctx, name)
		switch {
		case response != nil && response.StatusCode == http.StatusNotFound:
			// The public key was readable, so it is the secret that is missing.
			continue
		case err != nil:
			return nil, nil, s.wrap("look at", s.refusal(err, s.place.needs().to("read")))
		}
		found[name] = secret
		foreign = append(foreign, name)
	}
	if len(foreign) > 0 && !s.adopt && !store.Recorded(ctx) {
		return nil, nil, s.wrap("look at", fmt.Errorf("%w: %s exists, and there is no record of having written it; remove it, or set adopt to take it over",
			store.ErrForeign, strings.Join(foreign, " and ")))
	}
	return key, found, nil
}

func (s *Store) publicKey(ctx context.Context) (*publicKey, error) {
	told, response, err := s.place.publicKey(ctx)
	if err != nil {
		return nil, s.refusal(err, s.place.needs().to("read"))
	}
	return readPublicKey(told, response)
}

// write writes one secret. GitHub refuses what is sealed for a public key that
// it has replaced meanwhile: then the new one is fetched, once.
func (s *Store) write(ctx context.Context, key *publicKey, v store.Variable, found *sdk.Secret) (*publicKey, error) {
	for fresh := false; ; fresh = true {
		sealed, err := key.seal(v.RevealValue())
		if err != nil {
			return key, err
		}
		response, err := s.place.put(ctx, v.Name, key.id, sealed, found)
		if err == nil {
			return key, nil
		}
		if fresh || response == nil || response.StatusCode != http.StatusUnprocessableEntity {
			return key, s.lost(ctx, err, s.place.needs().to("write"))
		}
		if key, err = s.publicKey(ctx); err != nil {
			return nil, err
		}
	}
}

// Check implements store.Checker. What an App may do is known; of a classic
// token its scopes are; of a fine-grained token GitHub tells only whether it
// may read.
func (s *Store) Check(ctx context.Context) error {
	if s.app != nil {
		if err := s.app.check(ctx, s.place); err != nil {
			return s.wrap("check", err)
		}
	}
	key, _, err := s.look(ctx)
	if err != nil {
		return err
	}
	if missing := key.missingScope(s.place.needs().scope); missing != "" {
		return s.wrap("check", fmt.Errorf("%w: the token lacks the scope %s", store.ErrDenied, missing))
	}
	if err := s.place.check(ctx); err != nil {
		return s.wrap("check", s.refusal(err, "Metadata: read"))
	}
	return nil
}

// wrap says what was done to which secrets.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s secrets %s: %w", doing, s.Describe().Location, err)
}
