//go:build unix

package exec

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/program"
	"github.com/keyrotator/keyrotator/store/storetest"
)

// example is the absolute path of a program of examples/exec.
func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "examples", "exec", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// objects is a stand-in for Amazon S3 with one object, written from the API
// reference's HeadObject, GetObject and PutObject.
type objects struct {
	*httptest.Server

	mu       sync.Mutex
	document []byte
	mark     string
	deny     bool
	paths    []string
}

func newObjects(t *testing.T) *objects {
	t.Helper()
	o := &objects{}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paths = append(o.paths, r.Method+" "+r.URL.Path)
	switch {
	case o.deny || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAPROGRAM/"):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodPut:
		o.document, _ = io.ReadAll(r.Body)
		o.mark = r.Header.Get("X-Amz-Meta-Keyrotator-Owner")
		w.Header().Set("ETag", o.tag())
	case o.document == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("ETag", o.tag())
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		if o.mark != "" {
			w.Header()["x-amz-meta-keyrotator-owner"] = []string{o.mark} // in small letters, as S3 writes it
		}
		_, _ = w.Write(o.document)
	}
}

func (o *objects) tag() string {
	sum := md5.Sum(o.document)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// The example is run as an operator would, with the AWS CLI itself. That starts
// slowly, and so the suite is left to the programs of the other tests. The
// second put shows that what the first one wrote can be read.
func TestTheExampleOfAnObjectStoreWorksWithTheAWSCLI(t *testing.T) {
	o := newObjects(t)
	home := t.TempDir()
	write(t, filepath.Join(home, "credentials"), "[default]\naws_access_key_id = AKIAPROGRAM\naws_secret_access_key = of-the-program\n")
	open := func(owner string, adopt bool) store.Store {
		p, err := program.New(program.Options{
			Timeout: 5 * time.Minute, // a busy machine is no failure
			Command: []string{example(t, "object-store.sh"), "s3://ci-artifacts/credentials/ci.json"},
			Environment: map[string]string{
				"PATH": "/usr/bin:/bin", "HOME": home, "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"), "AWS_CONFIG_FILE": os.DevNull,
				"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "S3_ENDPOINT": o.URL, "AWS_MAX_ATTEMPTS": "1",
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Program: p, Payload: payloads(t)["json"], Owner: owner, Adopt: adopt, Reads: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(storetest.Owner, false)
	for _, changed := range []bool{true, false} {
		if receipt, err := s.Put(t.Context(), credential); err != nil || receipt.Changed != changed {
			t.Fatalf("put: %+v, %v, want changed %t", receipt, err, changed)
		}
	}
	if _, err := open("prod/other", true).Put(t.Context(), credential); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put by another user: %v", err)
	}
	for _, path := range o.paths {
		if !strings.HasSuffix(path, " /ci-artifacts/credentials/ci.json") {
			t.Errorf("the program asked for %s", path)
		}
	}
	o.mu.Lock()
	o.deny = true
	o.mu.Unlock()
	if err := s.(store.Checker).Check(t.Context()); !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "HeadObject") {
		t.Errorf("check without permission: %v", err)
	}
}

// api is a stand-in for a service that knows AWS accounts by their credential,
// such as Datadog's "AWS Integration" API: it asks for keys of its own in
// headers, and tells no secret back.
type api struct {
	*httptest.Server

	mu       sync.Mutex
	document []byte
	status   int // of the next answers; zero for what fits
	lose     int
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case a.status != 0:
		w.WriteHeader(a.status)
		_, _ = w.Write(body)
	case r.Header.Get("Dd-Api-Key") != "canary-api" || r.Header.Get("Dd-Application-Key") != "canary-application":
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodPut && r.Header.Get("Content-Type") == "application/json":
		if a.document = body; a.lose > 0 {
			a.lose--
			panic(http.ErrAbortHandler)
		}
	case a.document == nil:
		w.WriteHeader(http.StatusNotFound)
	}
}

// opened makes the store of the example as its comment configures it.
func (a *api) opened(t *testing.T, payload store.Payload, owner string, adopt bool) store.Store {
	t.Helper()
	headers := filepath.Join(t.TempDir(), "headers")
	write(t, headers, "DD-API-KEY: canary-api\nDD-APPLICATION-KEY: canary-application\n")
	p, err := program.New(program.Options{Command: []string{example(t, "rest-api.sh"), a.URL + "/v1/aws-accounts/111122223333"}, Environment: map[string]string{"HEADERS": headers}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Program: p, Payload: payload, Owner: owner, Adopt: adopt})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheExampleOfAnAPIConforms(t *testing.T) {
	payload, err := store.Template(`{"access_key_id": {{json .KeyID}}, "secret_access_key": {{json .Secret}}}`)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Harness{Payload: payload, WriteOnly: true, Unmarked: true, NewPlace: func(t *testing.T) storetest.Place {
		a := newAPI(t)
		locked := func(do func()) {
			a.mu.Lock()
			defer a.mu.Unlock()
			do()
		}
		return storetest.Place{
			Open: func(t *testing.T, owner string, adopt bool) store.Store {
				t.Helper()
				return a.opened(t, payload, owner, adopt)
			},
			Seed:       func(_ *testing.T, document []byte) { locked(func() { a.document = document }) },
			Content:    func(*testing.T) (document []byte) { locked(func() { document = a.document }); return document },
			LoseAnswer: func(_ *testing.T, n int) { locked(func() { a.lose = n }) },
		}
	}})
}

func TestTheExampleOfAnAPIUnderstandsWhatTheServiceAnswers(t *testing.T) {
	payload, err := store.Template(`{{.Secret}}`)
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]error{
		401: store.ErrDenied, 403: store.ErrDenied, 429: store.ErrThrottled, 422: store.ErrAmbiguous, 500: store.ErrAmbiguous,
	} {
		a := newAPI(t)
		a.status = status
		s := a.opened(t, payload, storetest.Owner, false)
		_, err := s.Put(t.Context(), credential)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("put, %d: %v, want %v", status, err, want)
		}
		if err := s.(store.Checker).Check(t.Context()); !errors.Is(err, want) {
			t.Errorf("check, %d: %v, want %v", status, err, want)
		}
	}
}
