package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	sdk "github.com/google/go-github/v93/github"

	"github.com/keyrotator/keyrotator/store"
)

const (
	// tokenMargin is how long before its end a token of an installation is
	// replaced; GitHub makes it for an hour ("Authenticating as a GitHub App
	// installation").
	tokenMargin = 5 * time.Minute
	// An App signs for itself for at most ten minutes; GitHub advises to date it
	// a minute back for clocks that differ ("Generating a JSON Web Token").
	signedFor  = 9 * time.Minute
	signedBack = time.Minute
)

// App is a GitHub App that is installed where the secrets are.
type App struct {
	// ID is the App's client id or its number.
	ID string
	// PrivateKey is its RSA private key in PEM.
	PrivateKey string
	// Installation is the installation's number; 0 has GitHub find it.
	Installation int64
}

// appTransport signs requests in as an installation of an App.
type appTransport struct {
	base http.RoundTripper
	apps *sdk.Client // signs in as the App itself
	id   string
	key  *rsa.PrivateKey

	owner, repo string // where it is installed; repo is empty for an organization

	mu           sync.Mutex // guards what follows
	installation int64
	token        *sdk.InstallationToken
}

func newAppTransport(o Options, settings []sdk.ClientOptionsFunc) (*appTransport, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(o.App.PrivateKey))
	if err != nil {
		// The parser's own message is left out, since it saw the key.
		return nil, errors.New("the App's private key is no RSA key in PEM, as GitHub hands it out")
	}
	if o.App.ID == "" {
		return nil, errors.New("the App's id is missing")
	}
	t := &appTransport{base: o.HTTP.Transport, id: o.App.ID, key: key, owner: o.Organization, installation: o.App.Installation}
	if o.Repository != "" {
		t.owner, t.repo, _ = strings.Cut(o.Repository, "/")
	}
	if t.base == nil {
		t.base = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t.apps, err = sdk.NewClient(append(slices.Clip(settings), sdk.WithTransport(asApp{t}))...)
	return t, err
}

// RoundTrip implements http.RoundTripper. An error says that nothing was sent.
func (t *appTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.current(r.Context())
	if err != nil {
		return nil, unsentError{err}
	}
	signed := r.Clone(r.Context())
	signed.Header.Set("Authorization", "Bearer "+token.GetToken())
	return t.base.RoundTrip(signed)
}

// current returns a token of the installation that lasts for a while.
func (t *appTransport) current(ctx context.Context) (*sdk.InstallationToken, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != nil && time.Until(t.token.GetExpiresAt().Time) > tokenMargin {
		return t.token, nil
	}
	if err := t.find(ctx); err != nil {
		return nil, err
	}
	limits := &sdk.InstallationTokenOptions{}
	if t.repo != "" {
		limits.Repositories = []string{t.repo}
	}
	token, response, err := t.apps.Apps.CreateInstallationToken(ctx, t.installation, limits)
	if response != nil && response.StatusCode == http.StatusUnprocessableEntity {
		return nil, fmt.Errorf("%w: the App's installation has no access to the repository %s/%s; add it there", store.ErrDenied, t.owner, t.repo)
	}
	if err != nil {
		return nil, t.refusal("sign in as an installation of the App", err)
	}
	t.token = token
	return token, nil
}

// find asks GitHub for the installation's number. It is called with mu held.
func (t *appTransport) find(ctx context.Context) error {
	if t.installation != 0 {
		return nil
	}
	var found *sdk.Installation
	var response *sdk.Response
	var err error
	at := t.owner
	if t.repo != "" {
		at += "/" + t.repo
		found, response, err = t.apps.Apps.GetRepositoryInstallation(ctx, t.owner, t.repo)
	} else {
		found, response, err = t.apps.Apps.GetOrganizationInstallation(ctx, t.owner)
	}
	if response != nil && response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: the App is not installed for %s; install it there", store.ErrDenied, at)
	}
	if err != nil {
		return t.refusal("find the App's installation", err)
	}
	t.installation = found.GetID()
	return nil
}

// refusal describes errors of calls that the App makes as itself.
func (t *appTransport) refusal(doing string, err error) error {
	if limited := throttled(err); limited != nil {
		return fmt.Errorf("%s: %w", doing, limited)
	}
	if answer, ok := errors.AsType[*sdk.ErrorResponse](err); ok && answer.Response != nil {
		switch code := answer.Response.StatusCode; code {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return fmt.Errorf("%s: %w: GitHub does not know an App %s with this private key (%d); check both, the installation, and this machine's clock",
				doing, store.ErrDenied, t.id, code)
		default:
			return fmt.Errorf("%s: GitHub answered %d", doing, code)
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// check reports whether the installation may write to the place.
func (t *appTransport) check(ctx context.Context, p place) error {
	token, err := t.current(ctx)
	if err != nil {
		return err
	}
	if token.Permissions != nil && p.needs().granted(token.Permissions) != "write" {
		return fmt.Errorf("%w: give the App %s, and accept the change in its installation", store.ErrDenied, p.needs().to("write"))
	}
	return nil
}

// asApp signs requests in as the App itself.
type asApp struct{ *appTransport }

// RoundTrip implements http.RoundTripper.
func (a asApp) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	claims := jwt.RegisteredClaims{Issuer: a.id, IssuedAt: jwt.NewNumericDate(now.Add(-signedBack)), ExpiresAt: jwt.NewNumericDate(now.Add(signedFor))}
	signature, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(a.key)
	if err != nil {
		return nil, fmt.Errorf("sign in as the App: %w", err)
	}
	signed := r.Clone(r.Context())
	signed.Header.Set("Authorization", "Bearer "+signature)
	return a.base.RoundTrip(signed)
}
