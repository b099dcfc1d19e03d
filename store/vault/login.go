package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/keyrotator/keyrotator/store"
)

// Login is a way to get a token. The zero value is none. What it knows is not
// shown by any print.
type Login struct {
	name string
	get  func(context.Context, *api.Client) (session, error)
}

// AppRole logs in with a role id and a secret id by the method mounted at mount,
// usually "approle".
func AppRole(mount, roleID, secretID string) Login {
	return Login{name: "AppRole at auth/" + mount, get: func(ctx context.Context, c *api.Client) (session, error) {
		return login(ctx, c, mount, map[string]any{"role_id": roleID, "secret_id": secretID}, "role_id and secret_id")
	}}
}

// Kubernetes logs in as a role with the service account's token in a file, which
// is read each time, because Kubernetes replaces it. The method is mounted at
// mount, usually "kubernetes".
func Kubernetes(mount, role, tokenFile string) Login {
	return Login{name: "Kubernetes at auth/" + mount, get: func(ctx context.Context, c *api.Client) (session, error) {
		token, err := readToken(tokenFile)
		if err != nil {
			return session{}, err
		}
		return login(ctx, c, mount, map[string]any{"role": role, "jwt": token}, "the role, and which service accounts and audiences it takes")
	}}
}

// TokenFile takes the token from a file, such as the sink of a Vault agent. It is
// read again when the token has died or is about to.
func TokenFile(path string) Login {
	return Login{name: "the token in " + path, get: func(ctx context.Context, c *api.Client) (session, error) {
		token, err := readToken(path)
		if err != nil {
			return session{}, err
		}
		c.SetToken(token)
		out, err := c.Auth().Token().LookupSelfWithContext(ctx)
		if status(err) == 403 {
			return session{}, fmt.Errorf("%w: the token has expired, was revoked, or may not look itself up (policy default lets it)", store.ErrDenied)
		}
		if err != nil || out == nil {
			return session{}, refusal(err, "read on auth/token/lookup-self")
		}
		ttl, err := out.TokenTTL()
		if err != nil {
			return session{}, errors.New("the answer does not tell how long the token lives")
		}
		renewable, _ := out.TokenIsRenewable()
		return session{token: token, ttl: ttl, renewable: renewable}, nil
	}}
}

// login calls the login of a method. wrong names what to look at when it is
// refused.
func login(ctx context.Context, c *api.Client, mount string, with map[string]any, wrong string) (session, error) {
	out, err := c.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", with)
	switch code := status(err); {
	case code == 400, code == 403, code == 404:
		return session{}, fmt.Errorf("%w: Vault refuses the login (status %d); check %s, and where the method is mounted", store.ErrDenied, code, wrong)
	case err != nil:
		return session{}, refusal(err, "")
	case out == nil || out.Auth == nil || out.Auth.ClientToken == "":
		return session{}, errors.New("the answer has no token")
	}
	return session{
		token: out.Auth.ClientToken, ttl: time.Duration(out.Auth.LeaseDuration) * time.Second, renewable: out.Auth.Renewable,
	}, nil
}

// readToken reads a token from a file, which may end in line breaks.
func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return token, nil
}
