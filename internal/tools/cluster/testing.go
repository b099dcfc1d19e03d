package cluster

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Shared is one cluster for all tests of a package. Call its Main from
// TestMain.
type Shared struct {
	Options Options

	start   sync.Once
	cluster *Cluster
	dir     string
	err     error
	made    atomic.Int64
}

// Main runs the tests and stops the cluster, if one of them started it. It
// returns the exit code.
func (s *Shared) Main(m interface{ Run() int }) int {
	code := m.Run()
	if s.cluster != nil {
		if err := s.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Cluster starts the cluster at its first call.
func (s *Shared) Cluster(t *testing.T) *Cluster {
	t.Helper()
	s.start.Do(func() {
		s.dir, s.err = os.MkdirTemp("", "keyrotator-cluster-") //nolint:usetesting // it outlives the first test that asks
		if s.err == nil {
			s.cluster, s.err = Start(t.Context(), s.dir, s.Options)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

// Do calls the API server as an administrator and fails the test unless it
// succeeds. Into, unless nil, gets the answer.
func (s *Shared) Do(t *testing.T, method, path string, body, into any) {
	t.Helper()
	status, answer, err := s.Cluster(t).Call(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if status < 200 || status > 299 {
		// The answer may quote a value.
		t.Fatalf("%s %s: the API server answers %d", method, path, status)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatal(err)
		}
	}
}

// Namespace makes a namespace for one test and names it.
func (s *Shared) Namespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	s.Do(t, http.MethodPost, "/api/v1/namespaces", fmt.Sprintf(`{"metadata": {"name": %q}}`, name), nil)
	return name
}

// Account makes a service account that may do what the rules of a Role say, in
// JSON, and nothing else. It returns its token and its name as the audit log
// has it.
func (s *Shared) Account(t *testing.T, namespace, name, rules string) (token, user string) {
	t.Helper()
	core := "/api/v1/namespaces/" + namespace
	rbac := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace
	metadata := fmt.Sprintf(`"metadata": {"name": %q}`, name)
	s.Do(t, http.MethodPost, core+"/serviceaccounts", "{"+metadata+"}", nil)
	s.Do(t, http.MethodPost, rbac+"/roles", "{"+metadata+`, "rules": `+rules+"}", nil)
	s.Do(t, http.MethodPost, rbac+"/rolebindings", fmt.Sprintf(`{%s,
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": %q},
		"subjects": [{"kind": "ServiceAccount", "name": %q, "namespace": %q}]}`, metadata, name, name, namespace), nil)
	var made struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	s.Do(t, http.MethodPost, core+"/serviceaccounts/"+name+"/token", `{"spec": {}}`, &made)
	return made.Status.Token, strings.Join([]string{"system:serviceaccount", namespace, name}, ":")
}

// Kubeconfig writes a kubeconfig for whoever has the token, an administrator if
// it is empty, and names its path.
func (s *Shared) Kubeconfig(t *testing.T, token string) string {
	t.Helper()
	c := s.Cluster(t)
	return s.kubeconfig(t, c.URL(), nil, token)
}

// KubeconfigThrough is Kubeconfig for a proxy of the cluster. It has to speak
// TLS: to a server that does not, client-go sends no token.
func (s *Shared) KubeconfigThrough(t *testing.T, proxy *httptest.Server, token string) string {
	t.Helper()
	return s.kubeconfig(t, proxy.URL, proxy.Certificate(), token)
}

func (s *Shared) kubeconfig(t *testing.T, server string, certificate *x509.Certificate, token string) string {
	t.Helper()
	c := s.Cluster(t)
	if token == "" {
		token = c.token
	}
	path, err := c.Kubeconfig(fmt.Sprintf("config%d", s.made.Add(1)), server, certificate, token)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
