package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

const canary = "canary-value"

func newClient(t *testing.T, o rest.Options) *rest.Client {
	t.Helper()
	o.Service, o.HTTP = "Example", http.DefaultClient
	if o.Authorize == nil {
		bearer, err := rest.Bearer("canary-token")
		if err != nil {
			t.Fatal(err)
		}
		o.Authorize = bearer
	}
	c, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func TestACallIsSentOnceWithItsAuthorisationAndReadsItsAnswer(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(map[string]string{
			"call": r.Method + " " + r.URL.EscapedPath() + "?" + r.URL.RawQuery, "body": string(body),
			"token": r.Header.Get("Authorization"), "accept": r.Header.Get("Accept"), "type": r.Header.Get("Content-Type"), "extra": r.Header.Get("X-Extra"),
		})
	})
	path, err := rest.Path("a/b", "{c}", "d e")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := newClient(t, rest.Options{URL: server.URL + "/base/"}).Do(t.Context(), rest.Request{
		Method: http.MethodPut, Path: path, Query: url.Values{"q": {"1&2"}}, Header: http.Header{"X-Extra": {"yes"}}, Body: map[string]string{"k": "v"}, Out: &got,
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"call": "PUT /base/a%2Fb/%7Bc%7D/d%20e?q=1%262", "body": `{"k":"v"}`,
		"token": "Bearer canary-token", "accept": "application/json", "type": "application/json", "extra": "yes",
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
}

func TestEachAnswerBecomesItsSentinelAndShowsNoBody(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header http.Header
		write  error // sentinel for a write, nil for none
		read   error
		says   string
	}{
		{"a request that breaks a rule", 400, nil, nil, nil, "breaks its rules"},
		{"a token that is not accepted", 401, nil, store.ErrDenied, store.ErrDenied, "has expired"},
		{"a permission that is missing", 403, nil, store.ErrDenied, store.ErrDenied, "it needs the role of a gardener"},
		{"a limit told by 403 and Retry-After", 403, http.Header{"Retry-After": {"7"}}, store.ErrThrottled, store.ErrThrottled, "wait 7s"},
		{"a limit told by 403 and nothing remaining", 403, http.Header{"X-Ratelimit-Remaining": {"0"}}, store.ErrThrottled, store.ErrThrottled, "throttled"},
		{"what is not there", 404, nil, nil, nil, "plant it first"},
		{"a conflict", 409, nil, store.ErrConflict, store.ErrConflict, ""},
		{"a precondition that failed", 412, nil, store.ErrConflict, store.ErrConflict, ""},
		{"a value that is not accepted", 422, nil, nil, nil, "breaks its rules"},
		{"too many requests", 429, nil, store.ErrThrottled, store.ErrThrottled, ""},
		{"a request that timed out", 408, nil, store.ErrAmbiguous, nil, ""},
		{"a broken server", 500, nil, store.ErrAmbiguous, nil, ""},
		{"a broken gateway", 502, nil, store.ErrAmbiguous, nil, ""},
		{"a server that is away", 503, http.Header{"Retry-After": {"7"}}, store.ErrAmbiguous, nil, ""},
		{"a page for signing in", 203, nil, store.ErrDenied, store.ErrDenied, "sign in"},
		{"a redirect", 302, http.Header{"Location": {"/elsewhere"}}, store.ErrDenied, store.ErrDenied, "sign in"},
	}
	sentinels := []error{store.ErrDenied, store.ErrThrottled, store.ErrConflict, store.ErrAmbiguous}
	for _, tt := range tests {
		for method, want := range map[string]error{http.MethodPost: tt.write, http.MethodGet: tt.read} {
			t.Run(tt.name+", "+method, func(t *testing.T) {
				var calls atomic.Int32
				server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					maps.Copy(w.Header(), tt.header)
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, canary)
				})
				var out any
				err := newClient(t, rest.Options{URL: server.URL}).Do(t.Context(), rest.Request{
					Method: method, Path: "/plot", Body: canary, Out: &out, Permission: "the role of a gardener", Missing: "plant it first",
				})
				if rest.Status(err) != tt.status {
					t.Fatalf("error %v, want status %d", err, tt.status)
				}
				for _, sentinel := range sentinels {
					if errors.Is(err, sentinel) != (sentinel == want) {
						t.Errorf("%v is %q: %t", err, sentinel, errors.Is(err, sentinel))
					}
				}
				if !strings.Contains(err.Error(), tt.says) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
					t.Errorf("it says %q", err)
				}
				if calls.Load() != 1 {
					t.Errorf("%d calls were made, want one", calls.Load())
				}
			})
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent elsewhere", r.Method) })
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if err := newClient(t, rest.Options{URL: server.URL}).Do(t.Context(), rest.Request{Method: http.MethodPut, Path: "/x", Body: canary}); !errors.Is(err, store.ErrDenied) {
		t.Errorf("error %v, want ErrDenied", err)
	}
}

func TestAWriteWithoutAnAnswerIsAmbiguousUnlessItWasNeverSent(t *testing.T) {
	lost := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	garbage := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, canary+"\r\n\r\n")
		_ = connection.Close()
	})
	unreadable := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, canary) })
	truncated := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"a":`)
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a server that is not trusted was called") }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, tt := range []struct {
		name, url, says string
		ambiguous       bool
	}{
		{"a lost answer", lost.URL, "ended before an answer", true},
		{"an answer that is not HTTP", garbage.URL, "no answer that can be understood", true},
		{"an answer that is not JSON", unreadable.URL, "could not be understood", true},
		{"an answer that breaks off", truncated.URL, "broke off", true},
		{"a server that is gone", gone.URL, "refused", false},
		{"a server that is not trusted", secure.URL, "ca_file", false},
		{"a server without TLS", "https" + strings.TrimPrefix(lost.URL, "http"), "does not speak TLS", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, rest.Options{URL: tt.url})
			for _, method := range []string{http.MethodPut, http.MethodGet} {
				var out map[string]any
				err := c.Do(t.Context(), rest.Request{Method: method, Path: "/x", Body: canary, Out: &out})
				if err == nil || errors.Is(err, store.ErrAmbiguous) != (tt.ambiguous && method == http.MethodPut) {
					t.Errorf("%s: %v, ambiguous %t", method, err, errors.Is(err, store.ErrAmbiguous))
				}
				if text := fmt.Sprint(err); !strings.Contains(text, tt.says) || strings.Contains(text, "canary") {
					t.Errorf("%s says %q", method, text)
				}
			}
		})
	}
}

func TestACallThatIsCancelledWhileItIsUnderWayIsAmbiguous(t *testing.T) {
	arrived := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	})
	c := newClient(t, rest.Options{URL: server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if err := c.Do(ctx, rest.Request{Method: http.MethodPut, Path: "/x", Body: canary}); !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("under way: %v", err)
	}
	if err := c.Do(ctx, rest.Request{Method: http.MethodPut, Path: "/x"}); errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("before it was sent: %v", err)
	}
}

func TestAThrottledClientIsQuietUntilItsTimeHasCome(t *testing.T) {
	var calls atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	c := newClient(t, rest.Options{URL: server.URL})
	for range 3 {
		if err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/x"}); !errors.Is(err, store.ErrThrottled) {
			t.Errorf("error %v, want ErrThrottled", err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls reached the service, want one", calls.Load())
	}
}

func TestWhatCannotWorkIsRefusedWithoutShowingIt(t *testing.T) {
	bearer, _ := rest.Bearer("x")
	for name, o := range map[string]rest.Options{
		"no service":         {URL: "https://x", Authorize: bearer, HTTP: http.DefaultClient},
		"no authorisation":   {Service: "x", URL: "https://x", HTTP: http.DefaultClient},
		"no HTTP client":     {Service: "x", URL: "https://x", Authorize: bearer},
		"no address":         {Service: "x", URL: "example.com", Authorize: bearer, HTTP: http.DefaultClient},
		"a user in the url":  {Service: "x", URL: "https://u:canary@x", Authorize: bearer, HTTP: http.DefaultClient},
		"a query in the url": {Service: "x", URL: "https://x?canary", Authorize: bearer, HTTP: http.DefaultClient},
	} {
		if c, err := rest.New(o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", name, c != nil, err)
		}
	}
	for _, token := range []string{"", "canary\n", "canary\x00"} {
		for name, err := range map[string]error{"header": second(rest.Header("X", token)), "bearer": second(rest.Bearer(token)), "basic": second(rest.Basic("", token))} {
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s of %q: %v", name, token, err)
			}
		}
	}
	if text := fmt.Sprintf("%+v %#v", newClient(t, rest.Options{URL: "https://x"}), newClient(t, rest.Options{URL: "https://x"})); strings.Contains(text, "canary") {
		t.Error("a client shows its token")
	}
}

func second(_ rest.Authorizer, err error) error { return err }

func TestOnlyTheServicesOwnAddressIsFollowed(t *testing.T) {
	c := newClient(t, rest.Options{URL: "https://api.example.com/2.0"})
	path, query, err := c.Follow("https://api.example.com/2.0/a/%7Bb%7D/c?page=2")
	if err != nil || path != "/a/%7Bb%7D/c" || query.Get("page") != "2" {
		t.Errorf("followed to %q, %v, %v", path, query, err)
	}
	for _, address := range []string{
		"https://evil.example.com/2.0/a", "http://api.example.com/2.0/a", "https://api.example.com/1.0/a", "https://api.example.com/2.0",
		"https://user@api.example.com/2.0/a", "https://api.example.com/2.0/../1.0/a", "/2.0/a", "%", "https://api.example.com:444/2.0/a",
	} {
		if path, _, err := c.Follow(address); err == nil {
			t.Errorf("%s is followed to %s", address, path)
		}
	}
}

func TestAPathIsMadeOfPartsThatCannotLeadElsewhere(t *testing.T) {
	for _, part := range []string{"", ".", ".."} {
		if path, err := rest.Path("a", part); err == nil {
			t.Errorf("%q becomes %q", part, path)
		}
	}
}

func FuzzFollow(f *testing.F) {
	f.Add("https://api.example.com/2.0/a?page=2")
	f.Add("https://api.example.com/2.0/%2e%2e/a")
	bearer, err := rest.Bearer("x")
	if err != nil {
		f.Fatal(err)
	}
	c, err := rest.New(rest.Options{Service: "x", URL: "https://api.example.com/2.0", Authorize: bearer, HTTP: http.DefaultClient})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address string) {
		path, _, err := c.Follow(address)
		if err != nil {
			return
		}
		u, err := url.Parse("https://api.example.com/2.0" + path)
		if err != nil || u.Host != "api.example.com" || !strings.HasPrefix(u.EscapedPath(), "/2.0/") {
			t.Errorf("%q is followed to %v, %v", address, u, err)
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add("a", "{b}")
	f.Add("..", "?x#y")
	f.Fuzz(func(t *testing.T, a, b string) {
		path, err := rest.Path(a, b)
		if err != nil {
			return
		}
		u, err := url.Parse("https://x" + path)
		if err != nil || u.Host != "x" || u.RawQuery != "" || u.Fragment != "" || strings.Count(u.EscapedPath(), "/") != 2 {
			t.Errorf("%q, %q become %q (%v)", a, b, path, err)
		}
	})
}
