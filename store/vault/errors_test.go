package vault_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/vault"
)

// answers is a stand-in that lets reads find nothing and gives one answer to
// writes, or the other way round. Statuses and forms are those of Vault's API
// documentation, "HTTP Status Codes" and "Error Response".
type answers struct {
	method string // whose calls get the answer
	status int
	body   string
}

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/auth/token/lookup-self":
		_, _ = w.Write([]byte(`{"data": {"ttl": 0, "renewable": false}}`))
	case r.Method == a.method:
		if a.status == http.StatusTemporaryRedirect {
			w.Header().Set("Location", "http://elsewhere.invalid"+r.URL.Path)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	case r.URL.Path == "/v1/sys/internal/ui/mounts/secret":
		_, _ = w.Write([]byte(`{"data": {"type": "kv", "options": {"version": "2"}}}`))
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errors": []}`))
	}
}

// standIn makes a store of a server that is not Vault.
func standIn(t *testing.T, handler http.Handler) vault.Readable {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := vault.NewClient(vault.ClientOptions{
		Address: server.URL, Namespace: "/team/", Login: vault.TokenFile(file(t, "stand-in-token")),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	variables, err := store.NewVariables(store.Names{KeyID: "id", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, vault.Options{Client: client, Mount: "secret", Path: "x", Variables: variables, Owner: owner, Create: true})
}

func TestVaultsAnswersBecomeOurs(t *testing.T) {
	const quoted = `{"errors": ["value newer/secret is not welcome"]}`
	for _, x := range []struct {
		name   string
		status int
		body   string
		onGet  error // what a Get says, beside the sentence
		onPut  error
		want   string
	}{
		{"the request is not understood", 400, quoted, nil, nil, "as it was sent"},
		{"no permission", 403, quoted, store.ErrDenied, store.ErrDenied, "allow "},
		{"an engine without this call", 405, quoted, nil, nil, "recent enough"},
		{"a server that has to catch up", 412, quoted, store.ErrThrottled, store.ErrThrottled, "catch up"},
		{"a rate limit", 429, quoted, store.ErrThrottled, store.ErrThrottled, "rate limit"},
		{"a standby of a performance cluster", 473, quoted, nil, nil, "standby"},
		{"a standby that does not forward", 307, "", nil, nil, "active node"},
		{"a sealed Vault", 503, quoted, nil, store.ErrAmbiguous, "sealed"},
		{"an error inside Vault", 500, quoted, nil, store.ErrAmbiguous, "500"},
		{"an answer that is no JSON", 200, "newer/secret", nil, store.ErrAmbiguous, "understood"},
	} {
		t.Run(x.name, func(t *testing.T) {
			for method, sentinel := range map[string]error{http.MethodGet: x.onGet, http.MethodPut: x.onPut} {
				s := standIn(t, answers{method, x.status, x.body})
				_, err := s.Put(t.Context(), newer)
				if method == http.MethodGet {
					_, err = s.Get(t.Context())
				}
				if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "newer/secret") {
					t.Fatalf("%s: %v, want a sentence with %q", method, err, x.want)
				}
				for _, other := range []error{store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous, store.ErrConflict, store.ErrForeign, store.ErrEmpty} {
					if errors.Is(err, other) != (other == sentinel) {
						t.Errorf("%s: %v, wanted %v, is %v", method, err, sentinel, other)
					}
				}
			}
		})
	}
}

func TestTheEnvironmentOfVaultsToolsIsIgnored(t *testing.T) {
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://elsewhere.invalid", "VAULT_AGENT_ADDR": "http://elsewhere.invalid", "VAULT_TOKEN": "someone-elses", "VAULT_NAMESPACE": "elsewhere",
		"VAULT_HEADERS": `{"X-Other": "1"}`, "VAULT_SKIP_VERIFY": "true", "VAULT_PROXY_ADDR": "http://elsewhere.invalid",
	} {
		t.Setenv(name, value)
	}
	calls := 0
	s := standIn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		if token := r.Header.Get("X-Vault-Token"); token != "stand-in-token" {
			t.Errorf("%s has the token %q", r.URL.Path, token)
		}
		if got := r.Header.Values("X-Vault-Namespace"); len(got) != 1 || got[0] != "team" || r.Header.Get("X-Vault-Request") != "true" || r.Header.Get("X-Other") != "" {
			t.Errorf("%s has the headers %v", r.URL.Path, r.Header)
		}
		answers{}.ServeHTTP(w, r)
	}))
	if _, err := s.Get(t.Context()); !errors.Is(err, store.ErrEmpty) || calls != 4 {
		t.Errorf("get: %v after %d calls", err, calls)
	}
	if location := s.Describe().Location; !strings.HasSuffix(location, "/team/secret/x") || !strings.HasPrefix(location, "127.0.0.1:") {
		t.Errorf("location %s", location)
	}
}

func TestARefusedConnectionSaysSo(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, err := vault.NewClient(vault.ClientOptions{
		Address: server.URL, HTTPClient: &http.Client{Transport: &http.Transport{}}, Login: vault.AppRole("approle", "role", "canary-secret-id"),
	})
	if err != nil {
		t.Fatal(err)
	}
	o := newWorld(t).pair(t)
	o.Client = client
	_, err = open(t, o).Put(t.Context(), newer)
	if err == nil || errors.Is(err, store.ErrAmbiguous) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("put: %v; nothing can have been written", err)
	}
}

func TestAClientThatMakesNoSenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(*vault.ClientOptions){
		"no address":     func(o *vault.ClientOptions) { o.Address = "" },
		"no host":        func(o *vault.ClientOptions) { o.Address = "vault" },
		"no HTTP client": func(o *vault.ClientOptions) { o.HTTPClient = nil },
		"no transport":   func(o *vault.ClientOptions) { o.HTTPClient = &http.Client{} },
		"no login":       func(o *vault.ClientOptions) { o.Login = vault.Login{} },
	} {
		o := vault.ClientOptions{Address: "https://vault.example.com", HTTPClient: &http.Client{Transport: &http.Transport{}}, Login: vault.TokenFile("/token")}
		change(&o)
		if _, err := vault.NewClient(o); err == nil {
			t.Errorf("NewClient accepts %s", name)
		}
	}
}
