package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// ClientOptions says what NewClient needs to know.
type ClientOptions struct {
	// Address is the server's URL, such as https://vault.example.com:8200.
	Address string
	// Namespace is sent with every call; empty sends none.
	Namespace string
	// HTTPClient carries the calls. Redirects are never followed, whatever it
	// says of them; a call lasts as long as its context.
	HTTPClient *http.Client
	// Login gets a token.
	Login Login
}

// Client calls one Vault with one login, whose token it renews and replaces as
// need be. It is safe for concurrent use. It never repeats a call, except one that
// was refused because the token had died.
type Client struct {
	place string
	login Login
	// api makes the calls with the session's token; entrance is for logins, so
	// that a call never goes out with half a login's token.
	api, entrance *api.Client
	// turn is held by whoever looks at the session; others wait as long as their
	// contexts let them.
	turn    chan struct{}
	session session
}

// NewClient makes a client; it calls nothing yet. Unlike Vault's own tools it
// takes nothing from the environment.
func NewClient(o ClientOptions) (*Client, error) {
	if o.HTTPClient == nil || o.Login.get == nil {
		return nil, errors.New("make Vault client: HTTP client and login are required")
	}
	address, err := url.Parse(o.Address)
	if err != nil || address.Host == "" {
		return nil, errors.New("make Vault client: the address is no URL with a host")
	}
	transport := o.HTTPClient.Transport
	if transport == nil {
		return nil, errors.New("make Vault client: the HTTP client has no transport")
	}
	made := &Client{place: strings.ToLower(address.Host) + strings.TrimSuffix(address.Path, "/"), login: o.Login, turn: make(chan struct{}, 1)}
	namespace := strings.Trim(o.Namespace, "/")
	if namespace != "" {
		made.place += "/" + namespace
	}
	for _, client := range []**api.Client{&made.api, &made.entrance} {
		if *client, err = newAPI(o.Address, namespace, transport); err != nil {
			return nil, fmt.Errorf("make Vault client: %w", err)
		}
	}
	return made, nil
}

func newAPI(address, namespace string, transport http.RoundTripper) (*api.Client, error) {
	made, err := api.NewClient(&api.Config{
		Address:          address,
		HttpClient:       &http.Client{Transport: noRedirects{transport}},
		MaxRetries:       0,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	// The library has read VAULT_TOKEN, VAULT_NAMESPACE and VAULT_HEADERS.
	made.ClearToken()
	made.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	if namespace != "" {
		made.SetNamespace(namespace)
	}
	return made, nil
}

// String names the server; a token is never shown.
func (c *Client) String() string { return "Vault at " + c.place + " with " + c.login.name }

// GoString is String: %#v would show the session.
func (c *Client) GoString() string { return c.String() }

// do makes a call. If the call is refused because its token has died, which a
// refusal does not tell, it is made once more with a new one: a refused call has
// changed nothing.
func (c *Client) do(ctx context.Context, call func(*api.Logical) (*api.Secret, error)) (*api.Secret, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	out, refused := call(c.api.Logical())
	if status(refused) != http.StatusForbidden {
		return out, refused
	}
	replaced, err := c.replace(ctx, token)
	if err != nil {
		return nil, err
	}
	if !replaced {
		return out, refused
	}
	return call(c.api.Logical())
}

// token sees to it that there is a token that should do, and returns it.
func (c *Client) token(ctx context.Context) (string, error) {
	if err := c.take(ctx); err != nil {
		return "", err
	}
	defer c.leave()
	switch c.session.condition(time.Now()) {
	case fresh:
		return c.session.token, nil
	case aging:
		if c.renew(ctx) {
			return c.session.token, nil
		}
	case over:
	}
	return c.signIn(ctx)
}

// replace gets a new token if the one that a call was refused with is dead. It
// reports whether there is another one now.
func (c *Client) replace(ctx context.Context, refused string) (bool, error) {
	if err := c.take(ctx); err != nil {
		return false, err
	}
	defer c.leave()
	if c.session.token != refused {
		return true, nil
	}
	c.entrance.SetToken(refused)
	if _, err := c.entrance.Auth().Token().LookupSelfWithContext(ctx); status(err) != http.StatusForbidden {
		return false, nil // it lives, and may not do what was asked for
	}
	_, err := c.signIn(ctx)
	return err == nil, err
}

// take waits for the turn to look at the session.
func (c *Client) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) leave() { <-c.turn }

// signIn replaces the session.
func (c *Client) signIn(ctx context.Context) (string, error) {
	c.entrance.ClearToken()
	asked := time.Now()
	made, err := c.login.get(ctx, c.entrance)
	if err != nil {
		c.session = session{}
		return "", &signInError{c.login.name, err}
	}
	made.asked, made.full = asked, made.ttl
	c.session = made
	c.api.SetToken(made.token)
	return made.token, nil
}

// renew prolongs the session. It reports false when a new login is better: it
// cannot be renewed, or not for long, having nearly reached its utmost age.
func (c *Client) renew(ctx context.Context) bool {
	if !c.session.renewable {
		return false
	}
	asked := time.Now()
	out, err := c.api.Auth().Token().RenewSelfWithContext(ctx, 0)
	if err != nil || out == nil || out.Auth == nil {
		return false
	}
	ttl := time.Duration(out.Auth.LeaseDuration) * time.Second
	if ttl < c.session.full/2 {
		return false
	}
	c.session.asked, c.session.ttl, c.session.renewable = asked, ttl, out.Auth.Renewable
	return true
}

// noRedirects makes an error of every answer that points elsewhere.
type noRedirects struct{ http.RoundTripper }

func (t noRedirects) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(r)
	if err == nil && answer.StatusCode >= 300 && answer.StatusCode < 400 {
		_ = answer.Body.Close()
		return nil, errRedirected
	}
	return answer, err
}
