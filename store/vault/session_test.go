package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lender stands for a Vault that gives tokens, as its API documentation says of
// AppRole ("Login With AppRole") and tokens ("Renew a Token (Self)"). It is called
// within the process, so that a test's clock is the only one.
type lender struct {
	t *testing.T
	// ttl is what a login gives; utmost is how old a token gets, renewed or not.
	ttl, utmost    time.Duration
	renewable      bool
	refuseRenewal  bool
	logins, renews int
	born, until    time.Time
}

func (l *lender) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	grant := func() (int, any) {
		l.until = now.Add(min(l.ttl, l.born.Add(l.utmost).Sub(now)))
		return http.StatusOK, map[string]any{"auth": map[string]any{
			"client_token": fmt.Sprintf("token-%d", l.logins), "lease_duration": int(l.until.Sub(now).Seconds()), "renewable": l.renewable,
		}}
	}
	status, body := http.StatusForbidden, any(map[string]any{"errors": []string{"permission denied"}})
	alive := r.Header.Get("X-Vault-Token") == fmt.Sprintf("token-%d", l.logins) && now.Before(l.until)
	switch path := strings.TrimPrefix(r.URL.Path, "/v1/"); {
	case path == "auth/approle/login":
		l.logins, l.born = l.logins+1, now
		status, body = grant()
	case !alive:
		if !strings.HasPrefix(path, "auth/token/") {
			l.t.Errorf("a call after %s has a dead token", now.Sub(l.born))
		}
	case path == "auth/token/renew-self" && !l.refuseRenewal:
		l.renews++
		status, body = grant()
	case path == "auth/token/renew-self":
	default:
		status, body = http.StatusNotFound, map[string]any{"errors": []string{}}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text)), Request: r}, nil
}

func TestATokenIsRenewedInTimeAndReplacedInTheEnd(t *testing.T) {
	for _, x := range []struct {
		name                    string
		lender                  lender
		every, lasts            time.Duration
		wantLogins, wantRenewal int
	}{
		{"a token that lives long enough", lender{ttl: time.Hour, utmost: 24 * time.Hour, renewable: true}, time.Minute, 39 * time.Minute, 1, 0},
		{"a token that is renewed", lender{ttl: time.Hour, utmost: 24 * time.Hour, renewable: true}, time.Minute, 4 * time.Hour, 1, 6},
		{"a token that reaches its utmost age", lender{ttl: time.Hour, utmost: 90 * time.Minute, renewable: true}, time.Minute, 85 * time.Minute, 2, 2},
		{"a token that cannot be renewed", lender{ttl: time.Hour, utmost: time.Hour}, time.Minute, 70 * time.Minute, 2, 0},
		{"a token that may not be renewed", lender{ttl: time.Hour, utmost: time.Hour, renewable: true, refuseRenewal: true}, time.Minute, 70 * time.Minute, 2, 0},
		{"a client that sleeps beyond the token's life", lender{ttl: time.Hour, utmost: 24 * time.Hour, renewable: true}, 2 * time.Hour, 4 * time.Hour, 3, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				vault := x.lender
				vault.t = t
				client, err := NewClient(ClientOptions{
					Address: "http://vault.invalid", HTTPClient: &http.Client{Transport: &vault}, Login: AppRole("approle", "role", "secret"),
				})
				if err != nil {
					t.Fatal(err)
				}
				s := &Store{Options{Client: client, Mount: "secret", Path: "x"}}
				start := time.Now()
				for {
					if _, err := s.get(t.Context(), "secret/data/x", nil); err != nil {
						t.Fatalf("after %s: %v", time.Since(start), err)
					}
					if time.Since(start) >= x.lasts {
						break
					}
					time.Sleep(x.every)
				}
				if vault.logins != x.wantLogins || vault.renews != x.wantRenewal {
					t.Errorf("%d logins and %d renewals, want %d and %d", vault.logins, vault.renews, x.wantLogins, x.wantRenewal)
				}
			})
		})
	}
}

func TestATokenWithoutEndIsLeftAlone(t *testing.T) {
	s := session{token: "x", asked: time.Unix(0, 0)}
	if s.condition(time.Now()) != fresh {
		t.Error("a token that lives for ever is to be replaced")
	}
}
