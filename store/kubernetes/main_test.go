package kubernetes_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	core "k8s.io/api/core/v1"

	"github.com/keyrotator/keyrotator/internal/tools/cluster"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

// shared is a real API server. Nothing else of Kubernetes is needed here.
var shared cluster.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const (
	owner = "prod/ci-deployer"
	name  = "aws-credentials"
	// minimal is what the documentation says that a store needs.
	minimal = `[{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["aws-credentials"], "verbs": ["get", "patch"]}]`
	// creating is what it needs with create.
	creating = `[{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["aws-credentials"], "verbs": ["get", "patch", "create"]}]`
)

var (
	one = store.NewCredential("AKIAFIRST", "canary-one/wJalrXUtnFEMI+K7MDENG=")
	two = store.NewCredential("AKIASECOND", "canary-two/bPxRfiCYEXAMPLEKEY+0=")
)

// place is one Secret, as an administrator of the cluster sees it.
type place struct {
	namespace string
	path      string
}

// newPlace names a Secret in a namespace of its own; it does not exist yet.
func newPlace(t *testing.T) place {
	t.Helper()
	namespace := shared.Namespace(t)
	return place{namespace, "/api/v1/namespaces/" + namespace + "/secrets"}
}

// options are those of a store at the place with two data keys, for an
// administrator.
func (p place) options(t *testing.T) kubernetes.Options {
	t.Helper()
	variables, err := store.NewVariables(store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	return kubernetes.Options{
		Cluster:   apiserver.Cluster{Kubeconfig: shared.Kubeconfig(t, "")},
		Namespace: p.namespace, Secret: name, Variables: variables, Owner: owner,
	}
}

// as changes options to those of a service account with these rules.
func (p place) as(t *testing.T, o kubernetes.Options, rules string) (changed kubernetes.Options, user string) {
	t.Helper()
	token, user := shared.Account(t, p.namespace, "keyrotator", rules)
	o.Cluster.Kubeconfig = shared.Kubeconfig(t, token)
	return o, user
}

// make makes the Secret of a manifest, without its kind, name and namespace.
func (p place) make(t *testing.T, manifest string) {
	t.Helper()
	var secret map[string]any
	if err := json.Unmarshal([]byte(manifest), &secret); err != nil {
		t.Fatal(err)
	}
	metadata, ok := secret["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
	}
	metadata["name"] = name
	secret["metadata"] = metadata
	shared.Do(t, http.MethodPost, p.path, secret, nil)
}

// patch changes the Secret as a person would.
func (p place) patch(t *testing.T, patch string) {
	t.Helper()
	shared.Do(t, http.MethodPatch, p.path+"/"+name+"?fieldManager=kubectl", patch, nil)
}

// read is the Secret as it is, empty if there is none.
func (p place) read(t *testing.T) core.Secret {
	t.Helper()
	status, answer, err := shared.Cluster(t).Call(t.Context(), http.MethodGet, p.path+"/"+name, nil)
	var secret core.Secret
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(answer, &secret)
	}
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		t.Fatalf("read the secret: %d, %v", status, err)
	}
	return secret
}

func open(t *testing.T, o kubernetes.Options) store.Store {
	t.Helper()
	s, err := kubernetes.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s store.Store, c store.Credential) store.Receipt {
	t.Helper()
	receipt, err := s.Put(t.Context(), c)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	return receipt
}

func check(t *testing.T, s store.Store) error {
	t.Helper()
	c, ok := s.(store.Checker)
	if !ok {
		t.Fatal("it is no Checker")
	}
	return c.Check(t.Context())
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// front is a proxy between a store and the cluster that breaks things.
type front struct {
	*httptest.Server
	lose   atomic.Int64                                      // so many patches lose their answers
	before atomic.Pointer[func()]                            // called once, ahead of the next patch
	answer atomic.Pointer[func(w http.ResponseWriter) error] // instead of the cluster's, to patches
}

func newFront(t *testing.T) *front {
	t.Helper()
	c := shared.Cluster(t)
	target, err := url.Parse(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: c.Transport(),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // the client went away, or its answer is lost
		},
	}
	f := &front{}
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method != http.MethodPatch || f.lose.Add(-1) < 0 {
			return nil
		}
		// The cluster has answered, so it is done; the answer goes no further.
		_, _ = io.Copy(io.Discard, r.Body)
		return fmt.Errorf("lost")
	}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			if before := f.before.Swap(nil); before != nil {
				(*before)()
			}
			if answer := f.answer.Load(); answer != nil {
				if err := (*answer)(w); err != nil {
					panic(http.ErrAbortHandler)
				}
				return
			}
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	}))
	t.Cleanup(f.Close)
	return f
}
