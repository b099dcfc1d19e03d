package kubernetes_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes"
)

// through is a store that reaches the cluster by a front.
func (p place) through(t *testing.T, f *front, create bool) store.Store {
	t.Helper()
	o := p.options(t)
	token, _ := shared.Account(t, p.namespace, "keyrotator", creating)
	o.Cluster.Kubeconfig, o.Create = shared.KubeconfigThrough(t, f.Server, token), create
	return open(t, o)
}

func (f *front) beforeNextPatch(do func()) { f.before.Store(&do) }

func TestAWriteBetweenOurReadAndOurWriteIsSeen(t *testing.T) {
	t.Run("somebody adds a key, which is kept", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		p.make(t, `{}`)
		s := p.through(t, f, false)
		f.beforeNextPatch(func() { p.patch(t, `{"data": {"OTHER": "`+encoded("x")+`"}}`) })
		put(t, s, one)
		if got := p.read(t); string(got.Data["OTHER"]) != "x" || string(got.Data["AWS_ACCESS_KEY_ID"]) != one.KeyID() {
			t.Error("one of the two writes is lost")
		}
	})
	t.Run("somebody fills the place, which is refused", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		p.make(t, `{}`)
		s := p.through(t, f, false)
		f.beforeNextPatch(func() {
			p.patch(t, `{"data": {"AWS_ACCESS_KEY_ID": "`+encoded("AKIAPERSON")+`", "AWS_SECRET_ACCESS_KEY": "`+encoded("canary")+`"}}`)
		})
		if _, err := s.Put(t.Context(), one); !errors.Is(err, store.ErrForeign) {
			t.Errorf("put: %v, want ErrForeign", err)
		}
	})
	t.Run("somebody makes the Secret that we are about to make, which is refused", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		s := p.through(t, f, true)
		f.beforeNextPatch(func() { p.make(t, annotated("argocd.argoproj.io/tracking-id", "app")) })
		if _, err := s.Put(t.Context(), one); !errors.Is(err, store.ErrForeign) {
			t.Errorf("put: %v, want ErrForeign", err)
		}
		if got := p.read(t); len(got.Data) > 0 {
			t.Error("it was written all the same")
		}
	})
	t.Run("somebody deletes it, and without create it stays away", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		p.make(t, `{}`)
		s := p.through(t, f, false)
		f.beforeNextPatch(func() { shared.Do(t, http.MethodDelete, p.path+"/"+name, nil, nil) })
		if _, err := s.Put(t.Context(), one); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("put: %v", err)
		}
		if got := p.read(t); got.UID != "" {
			t.Error("it was made again")
		}
	})
	t.Run("somebody puts another one in its place, whose keys are kept", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		p.make(t, `{}`)
		s := p.through(t, f, false)
		f.beforeNextPatch(func() {
			shared.Do(t, http.MethodDelete, p.path+"/"+name, nil, nil)
			p.make(t, `{"type": "example.com/new", "data": {"OTHER": ""}}`)
		})
		put(t, s, one)
		if got := p.read(t); got.Type != "example.com/new" || len(got.Data) != 3 {
			t.Errorf("the secret has type %s and %d keys", got.Type, len(got.Data))
		}
	})
	t.Run("somebody writes each time, and at last we give up", func(t *testing.T) {
		p, f := newPlace(t), newFront(t)
		p.make(t, `{}`)
		s := p.through(t, f, false)
		var again func()
		again = func() {
			p.patch(t, annotated("turn", "x"+p.read(t).ResourceVersion))
			f.beforeNextPatch(again)
		}
		f.beforeNextPatch(again)
		if _, err := s.Put(t.Context(), one); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put: %v, want ErrConflict", err)
		}
	})
}

// Each refusal has a sentinel or a sentence, and none shows what was sent, even
// when the server's message quotes it. Their form is that of metav1.Status
// (Kubernetes API reference, "Status").
func TestEveryAnswerHasItsMeaning(t *testing.T) {
	const quoted = `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "canary-one is bad", "reason": "Invalid",
		"details": {"causes": [{"field": "data[x]", "message": "canary-one is bad"}]}}`
	for _, x := range []struct {
		name   string
		status int
		body   string
		want   error
		words  string
	}{
		{"401", http.StatusUnauthorized, quoted, store.ErrDenied, "does not accept this program's own credentials"},
		{"403 of an admission rule", http.StatusForbidden, quoted, store.ErrDenied, "an admission rule"},
		{"404", http.StatusNotFound, quoted, nil, "does not exist"},
		{"409", http.StatusConflict, quoted, store.ErrConflict, ""},
		{"413", http.StatusRequestEntityTooLarge, quoted, nil, "at most 1 MiB"},
		{"422", http.StatusUnprocessableEntity, quoted, nil, "calls data[x] invalid"},
		{"429", http.StatusTooManyRequests, quoted, store.ErrThrottled, ""},
		{"a redirect, which is not followed", http.StatusTemporaryRedirect, "", nil, "answers 307"},
		{"500", http.StatusInternalServerError, quoted, store.ErrAmbiguous, "answers 500"},
		{"503 without a status", http.StatusServiceUnavailable, "canary-one", store.ErrAmbiguous, "answers 503"},
		{"504", http.StatusGatewayTimeout, quoted, store.ErrAmbiguous, ""},
		{"a success that is no object", http.StatusOK, "canary-one", store.ErrAmbiguous, "not what was asked for"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, f := newPlace(t), newFront(t)
			p.make(t, `{}`)
			s := p.through(t, f, false)
			asked := 0
			answer := func(w http.ResponseWriter) error {
				asked++
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", f.URL+"/elsewhere")
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(x.status)
				_, err := w.Write([]byte(x.body))
				return err
			}
			f.answer.Store(&answer)
			_, err := s.Put(t.Context(), one)
			if err == nil || x.want != nil && !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.words) {
				t.Fatalf("put: %v, want %v with %q", err, x.want, x.words)
			}
			for _, other := range []error{store.ErrForeign, store.ErrEmpty, store.ErrConflict, store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous} {
				if errors.Is(err, other) && !errors.Is(other, x.want) {
					t.Errorf("put: %v is %v as well", err, other)
				}
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("the error quotes what was sent")
			}
			if want := map[bool]int{true: 3, false: 1}[errors.Is(x.want, store.ErrConflict)]; asked != want {
				t.Errorf("it was sent %d times, want %d", asked, want)
			}
		})
	}
}

// A quota is an admission rule of every cluster: its refusal is no missing
// permission.
func TestARealAdmissionRuleIsToldFromMissingPermission(t *testing.T) {
	p := newPlace(t)
	shared.Do(t, http.MethodPost, "/api/v1/namespaces/"+p.namespace+"/resourcequotas", `{"metadata": {"name": "none"}, "spec": {"hard": {"count/secrets": "0"}}}`, nil)
	shared.Do(t, http.MethodPatch, "/api/v1/namespaces/"+p.namespace+"/resourcequotas/none/status",
		`{"status": {"hard": {"count/secrets": "0"}, "used": {"count/secrets": "0"}}}`, nil)
	o := p.options(t)
	o.Create = true
	o, _ = p.as(t, o, creating)
	s := open(t, o)
	_, err := s.Put(t.Context(), one)
	for _, err := range []error{err, check(t, s)} {
		if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "an admission rule of the cluster forbids it") {
			t.Errorf("over quota: %v", err)
		}
	}
}

func TestAServerThatIsNotThereIsSaid(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	o := p.options(t)
	o.Cluster.Kubeconfig, err = shared.Cluster(t).Kubeconfig("nobody", "https://"+listener.Addr().String(), nil, "")
	if err := errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, o).Put(t.Context(), one); err == nil || errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("put: %v", err)
	}
}

func TestAPutThatIsCutOffIsInDoubt(t *testing.T) {
	p, f := newPlace(t), newFront(t)
	p.make(t, `{}`)
	s := p.through(t, f, false)
	ctx, cancel := context.WithCancel(t.Context())
	f.beforeNextPatch(cancel)
	if _, err := s.Put(ctx, one); !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want ErrAmbiguous and the context's error", err)
	}
	put(t, s, one)
}

func TestWhereNoClusterIsItIsSaid(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	p := place{namespace: "ci"}
	variables, err := store.NewVariables(store.Names{KeyID: "ID", Secret: "SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	o := kubernetes.Options{Namespace: p.namespace, Secret: name, Owner: owner, Variables: variables}
	if _, err := open(t, o).Put(t.Context(), one); err == nil || !strings.Contains(err.Error(), "does not run in a cluster; give a kubeconfig") {
		t.Errorf("put: %v", err)
	}
	o.Cluster.Kubeconfig = "/nowhere/kubeconfig"
	if err := check(t, open(t, o)); err == nil || !strings.Contains(err.Error(), "/nowhere/kubeconfig") {
		t.Errorf("check: %v", err)
	}
	o.Cluster.Kubeconfig, o.Cluster.Context = shared.Kubeconfig(t, ""), "other"
	if err := check(t, open(t, o)); err == nil || !strings.Contains(err.Error(), `"other" does not exist`) {
		t.Errorf("check: %v", err)
	}
}
