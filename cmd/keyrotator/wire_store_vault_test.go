package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// vaultStandIn accepts every login and write, and remembers what it was sent.
type vaultStandIn struct {
	logins  []string
	written map[string]map[string]any
}

func (v *vaultStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	answer := map[string]any{}
	switch {
	case strings.HasSuffix(path, "/login"):
		text, _ := json.Marshal(body)
		v.logins = append(v.logins, path+" "+string(text))
		answer["auth"] = map[string]any{"client_token": "stand-in", "lease_duration": 3600}
	case path == "auth/token/lookup-self":
		v.logins = append(v.logins, path+" "+r.Header.Get("X-Vault-Token"))
		answer["data"] = map[string]any{"ttl": 3600}
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		answer["data"] = map[string]any{"type": "kv", "options": map[string]any{"version": "2"}}
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case strings.Contains(path, "/data/"):
		v.written[path], _ = body["data"].(map[string]any)
		answer["data"] = map[string]any{"version": 1}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func TestAVaultIsCalledAsConfigured(t *testing.T) {
	standIn := &vaultStandIn{written: map[string]map[string]any{}}
	server := httptest.NewServer(standIn)
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fields := config.Variables{Shape: config.Shape{Fields: config.Fields{KeyID: "id", Secret: "secret"}}}
	document := config.Variables{Variable: "doc", Format: config.FormatTemplate, Shape: config.Shape{Template: "{{.KeyID}}"}}
	appRole := config.VaultAppRole{Mount: "approle", RoleID: "role", SecretID: config.NewSecret("secret-id")}
	b := storeBuilder{web: webClients{}, vaults: vaultClients{}}
	for _, v := range []config.Vault{
		{Path: "a", AppRole: appRole, Variables: fields},
		{Path: "b", AppRole: appRole, Variables: document},
		{Path: "c", Kubernetes: config.VaultKubernetes{Mount: "clusters/one", Role: "rotator", TokenFile: token}, Variables: fields},
		{Path: "d", TokenFile: token, Variables: fields},
	} {
		v.URL, v.Mount, v.Create = server.URL, "kv", true
		place, err := b.store(rotator.User{Account: "emu", Name: "ci"}, config.Store{Vault: &v})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := place.Put(t.Context(), store.NewCredential("AKIAEXAMPLE", "made/up")); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`auth/approle/login {"role_id":"role","secret_id":"secret-id"}`, // for both stores
		`auth/clusters/one/login {"jwt":"of-the-file","role":"rotator"}`,
		"auth/token/lookup-self of-the-file",
	}
	if got := strings.Join(standIn.logins, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("logins:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	if len(standIn.written) != 4 || standIn.written["kv/data/a"]["secret"] != "made/up" || standIn.written["kv/data/b"]["doc"] != "AKIAEXAMPLE" {
		t.Errorf("written: %v", standIn.written)
	}
}

func TestAVaultThatCannotBeCalledIsAnError(t *testing.T) {
	for want, v := range map[string]config.Vault{
		"missing.pem":  {URL: "https://vault.example.com", TokenFile: "/token", CAFile: "/nowhere/missing.pem"},
		"no URL":       {URL: "vault", TokenFile: "/token"},
		"are required": {URL: "https://vault.example.com"},
	} {
		if _, err := (storeBuilder{web: webClients{}}).vault(rotator.User{}, &v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
