package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyrotator/keyrotator/internal/tools/vaultserver"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/vault"
)

const owner = "prod/ci-deployer"

// policy is what docs/stores/vault.md says is needed, and no more.
const policy = `
path "secret/data/tests/*"     { capabilities = ["read", "update"] }
path "secret/metadata/tests/*" { capabilities = ["create", "read", "patch"] }
path "old/*"                   { capabilities = ["create", "read", "update"] }
`

var (
	older  = store.NewCredential("AKIAOLDER", "older/secret")
	newer  = store.NewCredential("AKIANEWER", "newer/secret")
	newest = store.NewCredential("AKIANEWEST", "newest/secret")

	shared vaultserver.Shared
	made   atomic.Int64
	setUp  sync.Once
	broken error
)

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// world is a secret's place in a real Vault, and what its operator can do.
type world struct {
	server    *vaultserver.Server
	path      string
	transport *transport
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := shared.Server(t)
	setUp.Do(func() { broken = prepare(t.Context(), server) })
	if broken != nil {
		t.Fatal(broken)
	}
	return &world{server: server, path: fmt.Sprintf("tests/%d", made.Add(1)), transport: &transport{}}
}

// prepare mounts what the tests need, as an operator would.
func prepare(ctx context.Context, server *vaultserver.Server) error {
	type call struct {
		method, path string
		body         any
	}
	for _, c := range []call{
		{"POST", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}}},
		{"POST", "sys/mounts/old", map[string]any{"type": "kv", "options": map[string]string{"version": "1"}}},
		{"PUT", "sys/policies/acl/keyrotator", map[string]any{"policy": policy}},
		{"POST", "sys/auth/approle", map[string]any{"type": "approle"}},
		{"POST", "sys/auth/kubernetes", map[string]any{"type": "kubernetes"}},
		{"POST", "auth/approle/role/keyrotator", map[string]any{"token_policies": "keyrotator", "token_ttl": "1h", "token_max_ttl": "4h"}},
	} {
		if _, err := server.Call(ctx, c.method, c.path, c.body); err != nil {
			return fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
	}
	// A new mount answers with an error until it has set itself up.
	for {
		_, err := server.Call(ctx, "GET", "secret/config", nil)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// call makes a call as the operator, and fails the test if it fails.
func (w *world) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	out, err := w.server.Call(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

// appRole is a login of the role that the tests have, with the policy above.
func (w *world) appRole(t *testing.T) vault.Login {
	t.Helper()
	return w.roleLogin(t, "keyrotator")
}

func (w *world) roleLogin(t *testing.T, role string) vault.Login {
	t.Helper()
	id := w.call(t, "GET", "auth/approle/role/"+role+"/role-id", nil)["data"].(map[string]any)["role_id"].(string)
	secret := w.call(t, "POST", "auth/approle/role/"+role+"/secret-id", nil)["data"].(map[string]any)["secret_id"].(string)
	return vault.AppRole("approle", id, secret)
}

func (w *world) client(t *testing.T, login vault.Login) *vault.Client {
	t.Helper()
	c, err := vault.NewClient(vault.ClientOptions{Address: w.server.Address, HTTPClient: &http.Client{Transport: w.transport}, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pair makes options of two fields, and document those of one with JSON.
func (w *world) pair(t *testing.T) vault.Options {
	t.Helper()
	variables, err := store.NewVariables(store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	return vault.Options{Client: w.client(t, w.appRole(t)), Mount: "secret", Path: w.path, Variables: variables, Owner: owner, Create: true}
}

func (w *world) document(t *testing.T) vault.Options {
	t.Helper()
	payload, err := store.JSON(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	o := w.pair(t)
	o.Variables, o.Field, o.Payload = store.Variables{}, "aws", payload
	return o
}

func open(t *testing.T, o vault.Options) vault.Readable {
	t.Helper()
	s, err := vault.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(vault.Readable)
}

func put(t *testing.T, s store.Store, c store.Credential) store.Receipt {
	t.Helper()
	receipt, err := s.Put(t.Context(), c)
	if err != nil {
		t.Fatalf("put %v: %v", c, err)
	}
	return receipt
}

// seed writes a version as a person would.
func (w *world) seed(t *testing.T, fields map[string]any) {
	t.Helper()
	w.call(t, "POST", "secret/data/"+w.path, map[string]any{"data": fields})
}

// fields returns the present version's, nil for none.
func (w *world) fields(t *testing.T) map[string]any {
	t.Helper()
	out, err := w.server.Call(t.Context(), "GET", "secret/data/"+w.path, nil)
	if notFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return out["data"].(map[string]any)["data"].(map[string]any)
}

// metadata returns what Vault knows of the secret, nil for nothing.
func (w *world) metadata(t *testing.T) map[string]any {
	t.Helper()
	out, err := w.server.Call(t.Context(), "GET", "secret/metadata/"+w.path, nil)
	if notFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return out["data"].(map[string]any)
}

// version is the newest version's number, zero for none.
func (w *world) version(t *testing.T) int {
	t.Helper()
	version, _ := w.metadata(t)["current_version"].(float64)
	return int(version)
}

func notFound(err error) bool {
	refused, ok := errors.AsType[*vaultserver.StatusError](err)
	return ok && refused.Code == http.StatusNotFound
}

// lines renders fields as dotenv lines.
func lines(fields map[string]any) []byte {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		_, _ = fmt.Fprintf(&text, "%s=%v\n", name, fields[name])
	}
	return []byte(text.String())
}

// transport carries the calls of a test's stores. It calls before ahead of each,
// counts them, and loses the answers of as many writes as it was told to.
type transport struct {
	before func(method, path string)

	mu    sync.Mutex
	calls map[string]int
	lose  int
}

var errLost = errors.New("the connection was reset")

func (r *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(request.URL.Path, "/v1/")
	r.mu.Lock()
	before := r.before
	if r.calls == nil {
		r.calls = map[string]int{}
	}
	r.calls[request.Method+" "+path]++
	losing := r.lose > 0 && request.Method != http.MethodGet && strings.HasPrefix(path, "secret/")
	if losing {
		r.lose--
	}
	r.mu.Unlock()
	if before != nil {
		before(request.Method, path)
	}
	direct := &http.Transport{DisableKeepAlives: true}
	answer, err := direct.RoundTrip(request)
	if err == nil && losing {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return nil, errLost
	}
	return answer, err
}

func (r *transport) loseAnswers(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose = n
}

// count tells how many calls were made whose method and path begin with a text.
func (r *transport) count(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for call, times := range r.calls {
		if strings.HasPrefix(call, prefix) {
			n += times
		}
	}
	return n
}

// during runs do ahead of the first n calls of a method on a path.
func (r *transport) during(method, path string, n int, do func()) {
	var mu sync.Mutex
	r.before = func(calledMethod, calledPath string) {
		mu.Lock()
		hit := n > 0 && calledMethod == method && calledPath == path
		if hit {
			n--
		}
		mu.Unlock()
		if hit {
			do()
		}
	}
}

// marshal renders a value as JSON.
func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
