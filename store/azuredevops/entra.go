package azuredevops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// scope asks for what a service principal was given in Azure DevOps, whose id in
// Microsoft Entra ID this is ("Use service principals and managed identities in
// Azure DevOps" of its documentation).
const scope = "499b84ac-1321-427f-aa17-267ca6975798/.default"

// oauthCode is a code as RFC 6749 (section 5.2) and its extensions have them.
var oauthCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Entra is a service principal of Microsoft Entra ID.
type Entra struct {
	// URL is where tokens are issued: https://login.microsoftonline.com, or a
	// national cloud's address.
	URL string
	// Tenant is the tenant's id or domain.
	Tenant string
	// ClientID is the application's id.
	ClientID string
	// ClientSecret is the application's secret.
	ClientSecret string
}

// authorizer signs in by the flow of client credentials, and again shortly
// before a token expires, which is after about an hour. Tokens are kept in
// memory alone.
func (e Entra) authorizer(client *http.Client) (rest.Authorizer, error) {
	if e.URL == "" || e.Tenant == "" || e.ClientID == "" || e.ClientSecret == "" || client == nil {
		return nil, errors.New("url, tenant, client id and client secret of the service principal are required")
	}
	tenant, err := rest.Path(e.Tenant, "oauth2", "v2.0", "token")
	if err != nil {
		return nil, err
	}
	signIn := clientcredentials.Config{
		ClientID: e.ClientID, ClientSecret: e.ClientSecret, TokenURL: strings.TrimRight(e.URL, "/") + tenant,
		Scopes: []string{scope}, AuthStyle: oauth2.AuthStyleInParams,
	}
	var mu sync.Mutex // guards token
	var token *oauth2.Token
	return func(ctx context.Context, h http.Header) error {
		mu.Lock()
		defer mu.Unlock()
		if !token.Valid() {
			made, err := signIn.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
			if err != nil {
				return signInError(ctx, err)
			}
			token = made
		}
		h.Set("Authorization", "Bearer "+token.AccessToken)
		return nil
	}, nil
}

// signInError describes a failure to sign in. Nothing was written by it. Of the
// answer only the code is shown, for its text may quote what was sent.
func signInError(ctx context.Context, err error) error {
	answer, answered := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("sign in to Microsoft Entra ID: %w", ctx.Err())
	case !answered || answer.Response == nil:
		return errors.New("sign in to Microsoft Entra ID: no answer that can be understood came back: see that its url is right")
	}
	code := answer.ErrorCode
	if !oauthCode.MatchString(code) {
		code = "no code"
	}
	said := fmt.Sprintf("it answered %d (%s)", answer.Response.StatusCode, code)
	switch status := answer.Response.StatusCode; {
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("sign in to Microsoft Entra ID: %w: %s", store.ErrThrottled, said)
	case status >= 500:
		return fmt.Errorf("sign in to Microsoft Entra ID: %s", said)
	}
	return fmt.Errorf("sign in to Microsoft Entra ID: %w: %s: correct tenant, client_id or client_secret, or renew the secret", store.ErrDenied, said)
}
