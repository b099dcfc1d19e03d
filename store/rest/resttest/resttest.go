// Package resttest breaks stand-ins for services in the ways in which services
// break, and holds the kinds of store that call them to what they have to make
// of it. Only tests import it.
package resttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// Faults stands before a stand-in. The zero value lets everything through.
type Faults struct {
	mu     sync.Mutex
	lose   int
	answer map[string]Answer // by method
	calls  []string
}

// Answer is what a service answers instead of doing what it was asked.
type Answer struct {
	Status int
	Header http.Header
	// After is how many calls are let through before.
	After int
}

// LoseAnswers lets the next n writing calls take effect but loses their answers.
func (f *Faults) LoseAnswers(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = n
}

// Refuse answers every further call of a method with a, and with a body that
// quotes what was sent.
func (f *Faults) Refuse(method string, a Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answer == nil {
		f.answer = map[string]Answer{}
	}
	f.answer[method] = a
}

// Heal lets everything through again.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.lose = nil, 0
}

// Calls lists the calls so far, as method and path. No body is kept.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// Serve starts the stand-in behind the faults and returns its address.
func (f *Faults) Serve(t *testing.T, standIn http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, refused, lost := f.next(r)
		switch {
		case refused:
			sent, _ := io.ReadAll(r.Body)
			maps.Copy(w.Header(), answer.Header)
			w.WriteHeader(answer.Status)
			_, _ = w.Write(append([]byte("you sent "), sent...))
		case lost:
			standIn.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			standIn.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// next decides about one call.
func (f *Faults) next(r *http.Request) (answer Answer, refused, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	if answer, refused = f.answer[r.Method]; refused && answer.After > 0 {
		refused = false
		f.answer[r.Method] = Answer{answer.Status, answer.Header, answer.After - 1}
	}
	if !refused && r.Method != http.MethodGet && f.lose > 0 {
		f.lose--
		lost = true
	}
	return answer, refused, lost
}

// canary is the secret that no error may show.
const canary = "canary-refused/wJalrXUtnFEMI"

// Refusals has a place's writing method answer in each way in which services
// refuse, and sees that Put makes of it what package store promises: the right
// sentinel, no second try, nothing of the body, and a success once it is over.
// Place opens a new place that a put may write to, with its faults.
func Refusals(t *testing.T, method string, place func(t *testing.T) (store.Store, *Faults)) {
	t.Helper()
	for _, tt := range []struct {
		name   string
		answer Answer
		want   error
		says   string
	}{
		{"a request it does not accept", Answer{Status: 400}, nil, "answered 400"},
		{"a token it does not accept", Answer{Status: 401}, store.ErrDenied, "expired"},
		{"a permission that is missing", Answer{Status: 403}, store.ErrDenied, "it needs"},
		{"a place that is gone", Answer{Status: 404}, nil, "gone"},
		{"a conflict", Answer{Status: 409}, store.ErrConflict, "changed by somebody else"},
		{"a precondition that failed", Answer{Status: 412}, store.ErrConflict, "changed by somebody else"},
		{"a value it does not accept", Answer{Status: 422}, nil, "answered 422"},
		{"too many requests", Answer{Status: 429, Header: http.Header{"X-Ratelimit-Reset": {"0"}}}, store.ErrThrottled, "throttled"},
		{"a failure of its own", Answer{Status: 500}, store.ErrAmbiguous, "answered 500"},
		{"a gateway that waited too long", Answer{Status: 504}, store.ErrAmbiguous, "answered 504"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, faults := place(t)
			c := store.NewCredential("AKIAREFUSED", canary)
			faults.Refuse(method, tt.answer)
			_, err := s.Put(t.Context(), c)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, store.ErrAmbiguous) && !errors.Is(tt.want, store.ErrAmbiguous) {
				t.Errorf("put: %v, want %v", err, tt.want)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "canary-") || !strings.Contains(text, tt.says) {
				t.Errorf("put says %q, want %q in it", err, tt.says)
			}
			if writes := strings.Count(strings.Join(faults.Calls(), "\n"), method+" "); writes != 1 {
				t.Errorf("%d writes were tried, want one", writes)
			}
			faults.Heal()
			if _, err := s.Put(t.Context(), c); err != nil {
				t.Errorf("put once it is over: %v", err)
			}
		})
	}
}

// Halfway refuses the second write of a put, which has half happened then: it
// must neither say that nothing was changed nor be unable to go on.
func Halfway(t *testing.T, method string, place func(t *testing.T) (store.Store, *Faults)) {
	t.Helper()
	s, faults := place(t)
	c := store.NewCredential("AKIAREFUSED", canary)
	faults.Refuse(method, Answer{Status: http.StatusForbidden, After: 1})
	_, err := s.Put(t.Context(), c)
	if !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "is new already") || strings.Contains(err.Error(), "canary-") {
		t.Errorf("put whose second write is refused: %v", err)
	}
	faults.Heal()
	if _, err := s.Put(t.Context(), c); err != nil {
		t.Errorf("put once it is over: %v", err)
	}
}

// Lines renders variables as dotenv lines, as the conformance suite wants to
// see them; nil when there are none.
func Lines(values map[string]string) []byte {
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s=%s\n", name, values[name])
	}
	return text.Bytes()
}

// Values reads such lines. Text that is none becomes the value of the variable
// named.
func Values(text []byte, name string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || strings.ContainsAny(key, " {\"#") {
			return map[string]string{name: string(text)}
		}
		values[key] = value
	}
	return values
}
