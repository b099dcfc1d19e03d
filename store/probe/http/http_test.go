package http

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

func open(t *testing.T, o Options) *Probe {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPageIsJudgedByWhatTheConfigurationSays(t *testing.T) {
	const page = `{"status": "up", "aws": {"key": "AKIAIOSFODNN7EXAMPLE", "regions": ["eu-west-1"], "age": 1.50, "ok": true, "none": null, "old": "AKIAOLD", "leak": "canary/wJalrXUtnFEMI"}}`
	for _, x := range []struct {
		name   string
		status int
		o      Options
		says   string // empty for well
	}{
		{"any page", 200, Options{}, ""},
		{"another status", 503, Options{}, "answers 503, want 200"},
		{"a status that is wanted", 204, Options{Status: 204}, ""},
		{"text that is there", 200, Options{Contains: `"status": "up"`}, ""},
		{"text that is not there", 200, Options{Contains: "down"}, `does not hold "down"`},
		{"the key's id", 200, Options{Contains: "key\": \"{key_id}\""}, ""},
		{"another key's id", 200, Options{Contains: "{key_id}x"}, "AKIAIOSFODNN7EXAMPLEx"},
		{"a field", 200, Options{Field: "aws.key", Equals: "{key_id}"}, ""},
		{"a field that says otherwise", 200, Options{Field: "aws.old", Equals: "{key_id}"}, `field aws.old is "AKIAOLD", want "AKIAIOSFODNN7EXAMPLE"`},
		{"a field that tells the secret", 200, Options{Field: "aws.leak", Equals: "x"}, "not shown"},
		{"a place in a list", 200, Options{Field: "aws.regions.0", Equals: "eu-west-1"}, ""},
		{"beyond a list", 200, Options{Field: "aws.regions.1", Equals: "x"}, "no field aws.regions.1"},
		{"a number as it is written", 200, Options{Field: "aws.age", Equals: "1.50"}, ""},
		{"true", 200, Options{Field: "aws.ok", Equals: "true"}, ""},
		{"null", 200, Options{Field: "aws.none", Equals: "null"}, "neither text"},
		{"an object", 200, Options{Field: "aws", Equals: "{}"}, "neither text"},
		{"a field that is not there", 200, Options{Field: "aws.id", Equals: "x"}, "no field aws.id"},
		{"below a text", 200, Options{Field: "status.x", Equals: "x"}, "no field status.x"},
	} {
		t.Run(x.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "full=1" {
					t.Errorf("it asks %s %s", r.Method, r.URL)
				}
				w.WriteHeader(x.status)
				_, _ = w.Write([]byte(page))
			}))
			defer server.Close()
			x.o.Client, x.o.URL = server.Client(), server.URL+"/health?full=1"
			p := open(t, x.o)
			err := p.Probe(t.Context(), credential)
			if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) || err != nil && strings.Contains(err.Error(), "wJalr") {
				t.Errorf("probe: %v, want %q", err, x.says)
			}
			if err := p.Check(t.Context()); (err == nil) != (x.status == p.options.Status) {
				t.Errorf("check: %v", err)
			}
			if got := p.Describe(); got != "http:"+server.URL+"/health" {
				t.Errorf("it is described as %s", got)
			}
		})
	}
}

func TestAPageThatIsNoneOrEndlessOrElsewhereIsNoSuccess(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	for name, x := range map[string]struct {
		serve http.HandlerFunc
		says  string
	}{
		"no JSON":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up")) }, "no JSON"},
		"endless":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxPage+1)) }, "longer than"},
		"a redirect": {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "answers 302"},
		"cut off":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		server := httptest.NewServer(x.serve)
		err := open(t, Options{Client: server.Client(), URL: server.URL, Field: "a", Equals: "b"}).Probe(t.Context(), credential)
		if err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v, want %q", name, err, x.says)
		}
		server.Close()
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASilentPageIsLeftAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, Options{Client: &http.Client{Transport: silent{}}, URL: "http://x", Timeout: 3 * time.Second})
		began := time.Now()
		if err := p.Probe(t.Context(), credential); err == nil || !strings.Contains(err.Error(), "within 3s") || time.Since(began) != 3*time.Second {
			t.Errorf("probe: %v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Probe(ctx, credential); !errors.Is(err, context.Canceled) {
			t.Errorf("under a cancelled context: %v", err)
		}
	})
	for _, o := range []Options{{}, {Client: &http.Client{}, URL: "http://x", Field: "a"}} {
		if _, err := New(o); err == nil {
			t.Error("options that lack something are accepted")
		}
	}
}

func FuzzAFieldOfADocument(f *testing.F) {
	f.Add([]byte(`{"a": {"b": ["c", 1.5, true, null]}}`), "a.b.0")
	f.Add([]byte(`[[{"": "x"}]]`), "0.0.")
	f.Add([]byte(`"canary"`), "")
	f.Fuzz(func(t *testing.T, document []byte, path string) {
		value, err := lookUp(document, path)
		if err != nil && (value != "" || path == "" && strings.Contains(err.Error(), string(document)) && len(document) > 12) {
			t.Fatalf("lookUp = %q, %v", value, err)
		}
	})
}
