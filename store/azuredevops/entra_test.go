package azuredevops_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
	"github.com/keyrotator/keyrotator/store/azuredevops/azuredevopstest"
	"github.com/keyrotator/keyrotator/store/rest/resttest"
)

// signIn answers as "The OAuth 2.0 client credentials flow on the Microsoft
// identity platform" describes its token endpoint (learn.microsoft.com).
func signIn(t *testing.T, calls *atomic.Int32) (*resttest.Faults, string) {
	t.Helper()
	faults := new(resttest.Faults)
	url := faults.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/acme.example.com/oauth2/v2.0/token" || r.PostFormValue("grant_type") != "client_credentials" ||
			r.PostFormValue("scope") != "499b84ac-1321-427f-aa17-267ca6975798/.default" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error": "invalid_request"}`)
			return
		}
		if r.PostFormValue("client_id") != "app" || r.PostFormValue("client_secret") != "canary-client-secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "you sent %s"}`, r.PostFormValue("client_secret"))
			return
		}
		_, _ = fmt.Fprintf(w, `{"token_type": "Bearer", "expires_in": 3599, "access_token": %q}`, azuredevopstest.Bearer)
	}))
	return faults, url
}

func principal(url, secret string) func(*azuredevops.Options) {
	return func(o *azuredevops.Options) {
		o.Token, o.Entra = "", &azuredevops.Entra{URL: url, Tenant: "acme.example.com", ClientID: "app", ClientSecret: secret}
	}
}

func TestAServicePrincipalSignsInOnceForManyCalls(t *testing.T) {
	var calls atomic.Int32
	_, url := signIn(t, &calls)
	place := open(t, azuredevopstest.New(t), toGroup, principal(url, "canary-client-secret"))
	for range 3 {
		put(t, place, one)
	}
	if calls.Load() != 1 {
		t.Errorf("it signed in %d times, want once an hour", calls.Load())
	}
	if text := fmt.Sprintf("%v %+v %#v", place, place, place); strings.Contains(text, "canary") {
		t.Error("the store shows what it signs in with")
	}
}

func TestAFailureToSignInSaysWhyAndIsNeverAmbiguous(t *testing.T) {
	for _, tt := range []struct {
		name, secret string
		with         resttest.Answer
		want         error
		says         string
	}{
		{"a secret that is wrong", "canary-other", resttest.Answer{}, store.ErrDenied, "401 (invalid_client)"},
		{"an answer without a code", "canary-client-secret", resttest.Answer{Status: 403}, store.ErrDenied, "403 (no code)"},
		{"too many requests", "canary-client-secret", resttest.Answer{Status: 429}, store.ErrThrottled, "429"},
		{"a service that is broken", "canary-client-secret", resttest.Answer{Status: 503}, nil, "503"},
		{"an answer that is none", "canary-client-secret", resttest.Answer{Status: 200}, nil, "no answer that can be understood"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var calls atomic.Int32
			faults, url := signIn(t, &calls)
			if tt.with.Status != 0 {
				faults.Refuse(http.MethodPost, tt.with)
			}
			_, err := open(t, azuredevopstest.New(t), toGroup, principal(url, tt.secret)).Put(t.Context(), one)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, store.ErrAmbiguous) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("put: %v, want %v saying %q", err, tt.want, tt.says)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
				t.Errorf("the error shows what was sent: %v", err)
			}
		})
	}
}

func TestSigningInEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := new(resttest.Faults).Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	if _, err := open(t, azuredevopstest.New(t), toGroup, principal(url, "x")).Put(ctx, one); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("put: %v", err)
	}
}
