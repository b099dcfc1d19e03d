package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

const (
	key    = "canary-key/0123456789abcdef0123456789abcdef"
	secret = "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC"
)

// The vector that the libraries of Standard Webhooks test themselves with.
func TestASignatureIsThatOfStandardWebhooks(t *testing.T) {
	h, err := New(Options{Key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Client: &http.Client{}, URLs: []string{"https://x"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature = %s", got)
	}
}

// open makes a hook that may call a server.
func open(t *testing.T, client *http.Client, address string) *Hook {
	t.Helper()
	h, err := New(Options{Key: key, KeyID: "2026-11", Token: "canary-token-abc", Client: client, URLs: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestEveryRequestIsSignedAndNamesItsKey(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	h := open(t, server.Client(), server.URL)
	before := time.Now().Unix()
	answer, err := h.Post(t.Context(), server.URL+"/put", "msg_1", []byte(`{"a":1}`))
	if err != nil || answer.Err(store.ErrForeign) != nil || body != `{"a":1}` {
		t.Fatalf("answer = %+v, %v; body %q", answer, err, body)
	}
	stamp := got.Header.Get("Webhook-Timestamp")
	if seconds, err := strconv.ParseInt(stamp, 10, 64); err != nil || seconds < before || seconds > time.Now().Unix() {
		t.Errorf("timestamp = %q", stamp)
	}
	for name, want := range map[string]string{
		"Webhook-Id": "msg_1", "Webhook-Signature": signature([]byte(key), "msg_1", stamp, []byte(body)), "Keyrotator-Signing-Key": "2026-11",
		"Content-Type": "application/json", "Authorization": "Bearer canary-token-abc", "User-Agent": "keyrotator",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if _, err := h.Ask(t.Context(), http.MethodGet, server.URL+"/check", "msg_2", url.Values{"user": {"prod/ci"}}); err != nil {
		t.Fatal(err)
	}
	stamp = got.Header.Get("Webhook-Timestamp")
	if got.Method != http.MethodGet || got.URL.Query().Get("user") != "prod/ci" || got.Header.Get("Webhook-Signature") != signature([]byte(key), "msg_2", stamp, []byte("user=prod%2Fci")) {
		t.Errorf("question = %s %s", got.Method, got.URL)
	}
}

func TestEveryAnswerHasItsMeaning(t *testing.T) {
	sentinels := []error{store.ErrDenied, store.ErrForeign, store.ErrThrottled, store.ErrAmbiguous, ErrRefused}
	for status, want := range map[int]error{
		200: nil, 202: nil, 204: nil, 301: ErrRefused, 302: ErrRefused, 307: ErrRefused, 400: ErrRefused, 401: store.ErrDenied, 403: store.ErrDenied,
		404: ErrRefused, 408: store.ErrAmbiguous, 409: store.ErrForeign, 410: ErrRefused, 412: store.ErrForeign, 413: ErrRefused,
		422: ErrRefused, 429: store.ErrThrottled, 500: store.ErrAmbiguous, 502: store.ErrAmbiguous, 503: store.ErrAmbiguous,
	} {
		err := Answer{Status: status}.Err(store.ErrForeign)
		for _, sentinel := range sentinels {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("%d: %v, want %v", status, err, want)
			}
		}
		unsure := Answer{Status: status, Unsure: true}.Err(store.ErrForeign)
		if want != nil && (!errors.Is(unsure, store.ErrAmbiguous) || errors.Is(unsure, store.ErrDenied) || errors.Is(unsure, store.ErrForeign)) {
			t.Errorf("%d after a try that may have had effect: %v", status, unsure)
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		answer, err := open(t, server.Client(), server.URL).Post(t.Context(), server.URL, "msg_1", []byte("{}"))
		if err == nil {
			err = answer.Err(store.ErrForeign)
		}
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("%d: %v", status, err)
		}
		server.Close()
	}
}

func TestWhatAReceiverSaysIsScreened(t *testing.T) {
	for said, want := range map[string]string{
		"no such place": "no such place", "got " + secret[4:20]: "not shown", "signed with " + key[:12]: "not shown", "token canary-token-abc": "not shown",
		strings.Repeat("x ", 9000): "x …",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, said, http.StatusNotFound) }))
		answer, err := open(t, server.Client(), server.URL).Post(t.Context(), server.URL, "msg_1", []byte(`{}`), secret)
		if err != nil || !strings.Contains(answer.Err(store.ErrForeign).Error(), want) || strings.Contains(answer.Err(store.ErrForeign).Error(), "canary") {
			t.Errorf("%q is shown as %v, %v", said[:9], answer.Err(store.ErrForeign), err)
		}
		server.Close()
	}
}

func TestAHookShowsNoSecretAndCallsNobodyInTheClear(t *testing.T) {
	h := open(t, &http.Client{}, "https://hooks.example.com")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, h) + fmt.Sprintf(verb, *h); strings.Contains(text, "canary") {
			t.Errorf("%s shows a secret", verb)
		}
	}
	for address, fine := range map[string]bool{
		"https://hooks.example.com/x": true, "http://127.0.0.1:8080": true, "http://[::1]/": true, "http://localhost:1": true,
		"http://hooks.example.com": false, "http://127.0.0.1.example.com": false, "https://ci:pw@hooks.example.com": false, "ftp://x": false, "": false, "::": false,
	} {
		if _, err := New(Options{Key: key, Client: &http.Client{}, URLs: []string{address}}); (err == nil) != fine {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, o := range []Options{{}, {Key: key, Client: &http.Client{}}, {Key: "whsec_!", Client: &http.Client{}, URLs: []string{"https://x"}}} {
		if _, err := New(o); err == nil {
			t.Error("options that lack something are accepted")
		}
	}
}

// line answers in turn; a nil step loses the request or the answer.
type line struct {
	steps []step
	ids   []string
	times []time.Time
}

type step struct {
	status int
	retry  string
	sent   bool // without an answer: whether the request left
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.ids, l.times = append(l.ids, r.Header.Get("Webhook-Id")), append(l.times, time.Now())
	s := l.steps[len(l.ids)-1]
	if s.status == 0 {
		if trace := httptrace.ContextClientTrace(r.Context()); s.sent {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		return nil, errors.New("connection lost")
	}
	header := http.Header{}
	header.Set("Retry-After", s.retry)
	return &http.Response{StatusCode: s.status, Header: header, Body: http.NoBody, Request: r}, nil
}

func TestAPostIsTriedAgainAsLongAsThatMayHelp(t *testing.T) {
	for _, x := range []struct {
		name  string
		steps []step
		tries int
		took  time.Duration
		want  error // of the post, or of its answer
	}{
		{"an answer", []step{{status: 200}}, 1, 0, nil},
		{"a refusal is final", []step{{status: 404}}, 1, 0, ErrRefused},
		{"an error of the receiver passes", []step{{status: 503}, {status: 200}}, 2, 500 * time.Millisecond, nil},
		{"two lost answers", []step{{sent: true}, {sent: true}, {status: 204}}, 3, 1500 * time.Millisecond, nil},
		{"three lost answers", []step{{sent: true}, {sent: true}, {sent: true}}, 3, 1500 * time.Millisecond, store.ErrAmbiguous},
		{"three requests that never left", []step{{}, {}, {}}, 3, 1500 * time.Millisecond, nil},
		{"one that left and two that did not", []step{{sent: true}, {}, {}}, 3, 1500 * time.Millisecond, store.ErrAmbiguous},
		{"throttled for a while", []step{{status: 429, retry: "2"}, {status: 200}}, 2, 2 * time.Second, nil},
		{"throttled for long", []step{{status: 429, retry: "3600"}, {status: 429}, {status: 429}}, 3, 6 * time.Second, store.ErrThrottled},
		{"a refusal after a lost answer", []step{{sent: true}, {status: 403}}, 2, 500 * time.Millisecond, store.ErrAmbiguous},
		{"a refusal after an error of the receiver", []step{{status: 500}, {status: 409}}, 2, 500 * time.Millisecond, store.ErrAmbiguous},
		{"a refusal after being throttled", []step{{status: 429}, {status: 403}}, 2, 500 * time.Millisecond, store.ErrDenied},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{steps: x.steps}
				began := time.Now()
				answer, err := open(t, &http.Client{Transport: l}, "https://x").Post(t.Context(), "https://x", "msg_1", []byte("{}"))
				answered := err == nil
				if answered {
					err = answer.Err(store.ErrForeign)
				}
				if took := time.Since(began); took != x.took || len(l.ids) != x.tries {
					t.Errorf("%d tries in %s, want %d in %s", len(l.ids), took, x.tries, x.took)
				}
				if !errors.Is(err, x.want) && (x.want != nil || answered) {
					t.Errorf("err = %v, want %v", err, x.want)
				}
				if x.want == nil && errors.Is(err, store.ErrAmbiguous) {
					t.Errorf("nothing was sent, and yet: %v", err)
				}
				for _, id := range l.ids {
					if id != "msg_1" {
						t.Errorf("a try has the id %q", id)
					}
				}
			})
		})
	}
}

func TestNoTryBeginsThatTheContextWouldCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		defer cancel()
		l := &line{steps: []step{{status: 503}, {status: 200}}}
		answer, err := open(t, &http.Client{Transport: l}, "https://x").Post(ctx, "https://x", "msg_1", nil)
		if err != nil || answer.Status != 503 || len(l.ids) != 1 || ctx.Err() != nil {
			t.Errorf("answer = %+v, %v after %d tries", answer, err, len(l.ids))
		}
	})
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAReceiverThatIsSilentIsAskedAgainAndThenLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &http.Client{Transport: silent{}}, "https://x")
		began := time.Now()
		_, err := h.Post(t.Context(), "https://x", "msg_1", nil)
		if took := time.Since(began); !errors.Is(err, store.ErrAmbiguous) || took != 16500*time.Millisecond || !strings.Contains(err.Error(), "no answer within 5s") {
			t.Errorf("err = %v after %s", err, took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := h.Post(ctx, "https://x", "msg_1", nil); !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrAmbiguous) {
			t.Errorf("cancelled under way: %v", err)
		}
		if _, err := h.Post(ctx, "https://x", "msg_1", nil); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrAmbiguous) {
			t.Errorf("cancelled before: %v", err)
		}
	})
}

func TestAnIDIsTheSameForTheSameRequestOnly(t *testing.T) {
	a := ID("put", "AKIA1", "document")
	if a != ID("put", "AKIA1", "document") || !strings.HasPrefix(a, "msg_") {
		t.Errorf("id = %q", a)
	}
	for _, other := range []string{ID("put", "AKIA1", "documen"), ID("put", "AKIA2", "document"), ID("putAKIA1", "document"), ID("put", "AKIA1d", "ocument")} {
		if a == other {
			t.Errorf("%q is the id of two requests", a)
		}
	}
}
