package vault_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/vault"
)

// revoke ends every token that the role's logins have given.
func (w *world) revoke(t *testing.T, prefix string) {
	t.Helper()
	w.call(t, "PUT", "sys/leases/revoke-prefix/"+prefix, nil)
}

func TestATokenThatHasDiedIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.call(t, "POST", "auth/approle/role/mortal", map[string]any{"token_policies": "keyrotator", "token_ttl": "1h"})
	o := w.pair(t)
	o.Client = w.client(t, w.roleLogin(t, "mortal"))
	s := open(t, o)
	put(t, s, older)
	w.revoke(t, "auth/approle/login")
	put(t, s, newer)
	w.transport.during("PUT", "secret/data/"+w.path, 1, func() { w.revoke(t, "auth/approle/login") })
	put(t, s, newest)
	if held, err := s.Get(t.Context()); err != nil || !held.Credential.Equal(newest) {
		t.Errorf("get: %v, %v", held.Credential, err)
	}
	if logins := w.transport.count("PUT auth/approle/login"); logins != 3 {
		t.Errorf("%d logins, want one and one for each revocation", logins)
	}
}

func TestStoresWithOneClientShareItsToken(t *testing.T) {
	w := newWorld(t)
	o := w.pair(t)
	for i := range 5 {
		o.Path = fmt.Sprintf("%s/%d", w.path, i)
		put(t, open(t, o), older)
	}
	if logins := w.transport.count("PUT auth/approle/login"); logins != 1 {
		t.Errorf("%d logins for five stores", logins)
	}
}

func TestARefusedLoginSaysWhichAndShowsNothing(t *testing.T) {
	w := newWorld(t)
	for name, login := range map[string]vault.Login{
		"AppRole at auth/approle":       vault.AppRole("approle", "no-such-role", "canary-secret-id"),
		"AppRole at auth/elsewhere":     vault.AppRole("elsewhere", "no-such-role", "canary-secret-id"),
		"Kubernetes at auth/kubernetes": vault.Kubernetes("kubernetes", "no-such-role", file(t, serviceAccountToken("canary"))),
	} {
		o := w.pair(t)
		o.Client = w.client(t, login)
		s := open(t, o)
		_, put := s.Put(t.Context(), newer)
		_, get := s.Get(t.Context())
		for _, err := range []error{put, get, s.Check(t.Context())} {
			if !errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrAmbiguous) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v, want ErrDenied with the login's name", name, err)
			}
		}
		if shown := fmt.Sprintf("%v %+v %#v %+v", o.Client, o.Client, o.Client, login); strings.Contains(shown, "canary") {
			t.Errorf("%s: a print shows the secret id", name)
		}
	}
}

func TestATokenFileIsReadAgain(t *testing.T) {
	w := newWorld(t)
	fresh := func() string {
		auth := w.call(t, "POST", "auth/token/create", map[string]any{"policies": []string{"keyrotator"}, "ttl": "1h"})["auth"]
		return auth.(map[string]any)["client_token"].(string)
	}
	path, first := filepath.Join(t.TempDir(), "token"), fresh()
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	o := w.pair(t)
	o.Client = w.client(t, vault.TokenFile(path))
	s := open(t, o)
	put(t, s, older)
	w.call(t, "POST", "auth/token/revoke", map[string]any{"token": first})
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("put with a dead token: %v, want ErrDenied with the file's name", err)
	}
	write(fresh())
	put(t, s, newer)
	write("")
	broken := w.client(t, vault.TokenFile(path))
	missing := w.client(t, vault.TokenFile(path+"-missing"))
	for want, client := range map[string]*vault.Client{"is empty": broken, "no such file": missing} {
		o.Client = client
		if _, err := open(t, o).Get(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("get: %v, want a sentence with %q", err, want)
		}
	}
}

// The stand-in below answers Vault's question as the Kubernetes API reference says
// of TokenReview v1 (authentication.k8s.io).
func TestTheKubernetesLoginSendsTheServiceAccountsToken(t *testing.T) {
	w := newWorld(t)
	good := serviceAccountToken("keyrotator")
	cluster := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var review struct {
			Spec struct {
				Token     string
				Audiences []string
			}
		}
		if r.Header.Get("Authorization") != "Bearer "+serviceAccountToken("reviewer") {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodPost || r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || json.NewDecoder(r.Body).Decode(&review) != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		answer := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": map[string]any{"authenticated": false}}
		if review.Spec.Token == good {
			answer["status"] = map[string]any{"authenticated": true, "audiences": review.Spec.Audiences, "user": map[string]any{
				"username": "system:serviceaccount:ci:keyrotator", "uid": "uid-keyrotator", "groups": []string{"system:serviceaccounts"},
			}}
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(rw).Encode(answer)
	}))
	defer cluster.Close()
	w.call(t, "POST", "auth/kubernetes/config", map[string]any{
		"kubernetes_host": cluster.URL, "disable_local_ca_jwt": true, "token_reviewer_jwt": serviceAccountToken("reviewer"),
		"kubernetes_ca_cert": "",
	})
	w.call(t, "POST", "auth/kubernetes/role/keyrotator", map[string]any{
		"bound_service_account_names": "keyrotator", "bound_service_account_namespaces": "ci", "token_policies": "keyrotator", "token_ttl": "1h",
	})
	o := w.pair(t)
	path := file(t, good)
	o.Client = w.client(t, vault.Kubernetes("kubernetes", "keyrotator", path))
	s := open(t, o)
	put(t, s, older)
	// Kubernetes replaces the token in the file, and a new login takes what is there.
	if err := os.WriteFile(path, []byte(serviceAccountToken("stranger")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.revoke(t, "auth/kubernetes/login")
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrDenied) {
		t.Errorf("put with a stranger's token: %v, want ErrDenied", err)
	}
}

// serviceAccountToken looks like a token of the cluster for a service account.
func serviceAccountToken(name string) string {
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]any{"alg": "RS256", "kid": "x"}) + "." + part(map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:ci:" + name, "aud": []string{"https://kubernetes.default.svc"},
		"exp": 4102444800, "iat": 1700000000, "nbf": 1700000000,
		"kubernetes.io": map[string]any{"namespace": "ci", "serviceaccount": map[string]any{"name": name, "uid": "uid-" + name}},
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte("no real signature"))
}

// file makes a file that holds a text.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
