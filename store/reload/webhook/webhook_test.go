package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/hook"
)

// receiver answers as docs/consumers.md says that one may, and remembers.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	answers []int // in turn; the last one for good
	said    string
	heard   []string
	ids     []string
}

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		body, _ := io.ReadAll(req.Body)
		r.ids = append(r.ids, req.Header.Get("Webhook-Id"))
		r.heard = append(r.heard, strings.TrimSpace(req.Method+" "+req.URL.String()+" "+string(body)))
		w.WriteHeader(r.answers[0])
		_, _ = io.WriteString(w, r.said)
		r.answers = r.answers[min(1, len(r.answers)-1):]
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) open(t *testing.T, edit func(*Options)) *Reloader {
	t.Helper()
	o := Options{URL: r.URL + "/reload", StatusURL: r.URL + "/status", CheckURL: r.URL + "/check", SigningKeyID: "1", User: "prod/ci", Consumer: "the runner"}
	if edit != nil {
		edit(&o)
	}
	var err error
	if o.Hook, err = hook.New(hook.Options{
		Key: strings.Repeat("k", 32), KeyID: "1", Client: r.Client(), Pause: time.Millisecond, URLs: []string{o.URL},
	}); err != nil {
		t.Fatal(err)
	}
	made, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAReceiverLearnsWhomItReloadsAndForWhichKey(t *testing.T) {
	r := newReceiver(t, 204)
	reloader := r.open(t, nil)
	if err := errors.Join(reloader.Check(t.Context()), reloader.Reload(t.Context(), "AKIA1"), r.open(t, nil).Reload(t.Context(), "AKIA1"), reloader.Reload(t.Context(), "AKIA2")); err != nil {
		t.Fatal(err)
	}
	if done, detail, err := reloader.Reloaded(t.Context(), "AKIA1"); !done || detail != "" || err != nil {
		t.Errorf("reloaded = %t, %q, %v", done, detail, err)
	}
	posted := func(key string) string {
		return `POST /reload {"consumer":"the runner","event":"consumer.reload","key_id":"` + key + `","signing_key_id":"1","user":"prod/ci"}`
	}
	want := []string{
		"GET /check?consumer=the+runner&event=consumer.check&user=prod%2Fci", posted("AKIA1"), posted("AKIA1"), posted("AKIA2"),
		"GET /status?consumer=the+runner&event=consumer.reloaded&key_id=AKIA1&user=prod%2Fci",
	}
	if !slices.Equal(r.heard, want) {
		t.Errorf("heard\n%s\nwant\n%s", strings.Join(r.heard, "\n"), strings.Join(want, "\n"))
	}
	if r.ids[1] != r.ids[2] || r.ids[2] == r.ids[3] {
		t.Errorf("ids = %q: the same reload should have the same, and no other", r.ids[1:4])
	}
	if got := reloader.Describe(); got != "webhook:"+r.URL+"/reload" {
		t.Errorf("it is described as %s", got)
	}
}

func TestTheAnswerToAReloadIsUnderstood(t *testing.T) {
	for _, x := range []struct {
		answers []int
		want    error
		says    string
	}{
		{[]int{202}, nil, ""},
		{[]int{503, 200}, nil, ""},
		{[]int{503}, store.ErrAmbiguous, "503"},
		{[]int{429}, store.ErrThrottled, "429"},
		{[]int{401}, store.ErrDenied, "signing key"},
		{[]int{409}, hook.ErrRefused, "409"},
		{[]int{404}, hook.ErrRefused, "the runner by http"},
	} {
		r := newReceiver(t, x.answers...)
		err := r.open(t, nil).Reload(t.Context(), "AKIA1")
		if !errors.Is(err, x.want) || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("%v: %v, want %v", x.answers, err, x.want)
		}
	}
}

func TestAReloadThatGoesOnIsAskedFor(t *testing.T) {
	for _, x := range []struct {
		status int
		said   string
		done   bool
		detail string
		err    string
	}{
		{200, "all", true, "", ""},
		{202, "2 of 3 are ready\n", false, "2 of 3 are ready", ""},
		{202, "", false, "not complete yet", ""},
		{201, "", false, "", "none of 200, 202 and 204"},
		{404, "no such reload", false, "", "no such reload"},
		{500, "", false, "", "500"},
	} {
		r := newReceiver(t, x.status)
		r.said = x.said
		done, detail, err := r.open(t, nil).Reloaded(t.Context(), "AKIA1")
		if done != x.done || !strings.Contains(detail, x.detail) || (err == nil) != (x.err == "") || err != nil && !strings.Contains(err.Error(), x.err) {
			t.Errorf("%d: %t, %q, %v", x.status, done, detail, err)
		}
	}
	r := newReceiver(t, 500)
	if done, _, err := r.open(t, func(o *Options) { o.StatusURL = "" }).Reloaded(t.Context(), "AKIA1"); !done || err != nil || len(r.heard) > 0 {
		t.Errorf("without a status URL: %t, %v after %q", done, err, r.heard)
	}
}

func TestACheckAsksWhereItCan(t *testing.T) {
	for status, fine := range map[int]bool{200: true, 405: false, 403: false, 404: false, 503: false} {
		if err := newReceiver(t, status).open(t, nil).Check(t.Context()); (err == nil) != fine {
			t.Errorf("GET, %d: %v", status, err)
		}
	}
	for status, fine := range map[int]bool{204: true, 405: true, 501: true, 403: false, 404: false} {
		r := newReceiver(t, status)
		if err := r.open(t, func(o *Options) { o.CheckURL = "" }).Check(t.Context()); (err == nil) != fine || !strings.HasPrefix(r.heard[0], "OPTIONS /reload?") {
			t.Errorf("OPTIONS, %d: %v", status, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
