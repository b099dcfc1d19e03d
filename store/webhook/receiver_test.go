package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	signingKey   = "canary-signing/0123456789abcdef0123456789abcdef"
	signingKeyID = "2026-11"
	token        = "canary-token"
)

// receiver does what docs/stores/webhook.md asks of one: it verifies, refuses
// what is not the user's, writes, and only then says so.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	document []byte
	owner    string
	id       string // of the request that wrote the document
	writes   int
	lose     int    // answers to lose
	status   int    // what to answer instead; zero for none
	said     string // what to say with it
	blind    bool   // it keeps no mark, and goes by recorded
	ids      []string
	methods  []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	r.ids, r.methods = append(r.ids, req.Header.Get("Webhook-Id")), append(r.methods, req.Method)
	switch {
	case r.status != 0:
		http.Error(w, r.said, r.status)
	case req.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "the token is not ours", http.StatusUnauthorized)
	case !genuine(req, body):
		http.Error(w, "the signature is not good", http.StatusForbidden)
	case req.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case req.Method == http.MethodGet:
		r.check(w, req.URL.Query())
	default:
		r.put(w, req, body)
	}
}

// genuine verifies as Standard Webhooks asks receivers to, and that the key is
// the one we know.
func genuine(req *http.Request, body []byte) bool {
	h, signed := req.Header, string(body)
	if req.Method != http.MethodPost {
		signed = req.URL.RawQuery
	}
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute || h.Get("Keyrotator-Signing-Key") != signingKeyID {
		return false
	}
	mac := hmac.New(sha256.New, []byte(signingKey))
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", h.Get("Webhook-Id"), seconds, signed)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(strings.Fields(h.Get("Webhook-Signature")), want)
}

func (r *receiver) foreign(user string, adopt, recorded bool) bool {
	switch {
	case r.document == nil || r.owner == user:
		return false
	case r.blind:
		return !recorded && !adopt
	default:
		return r.owner != "" || !adopt
	}
}

func (r *receiver) check(w http.ResponseWriter, q url.Values) {
	if q.Get("event") != "credential.check" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	if r.foreign(q.Get("user"), q.Get("adopt") == "true", q.Get("recorded") == "true") {
		http.Error(w, "not yours", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (r *receiver) put(w http.ResponseWriter, req *http.Request, body []byte) {
	var e struct {
		Event, User, Format string
		KeyID               string `json:"key_id"`
		SigningKeyID        string `json:"signing_key_id"`
		Recorded, Adopt     bool
		Payload             json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Event != "credential.put" || e.KeyID == "" && e.User == "" || e.SigningKeyID != signingKeyID ||
		req.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	if r.foreign(e.User, e.Adopt, e.Recorded) {
		http.Error(w, "not yours: "+string(r.document), http.StatusConflict)
		return
	}
	if id := req.Header.Get("Webhook-Id"); id != r.id || r.document == nil {
		r.id, r.writes = id, r.writes+1
		r.document = e.Payload
		if e.Format != "json" {
			var text string
			if err := json.Unmarshal(e.Payload, &text); err != nil {
				http.Error(w, "what?", http.StatusBadRequest)
				return
			}
			r.document = []byte(text)
		}
	}
	if !r.blind {
		r.owner = e.User
	}
	if r.lose > 0 {
		r.lose--
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}
