// Package webhooktest is a receiver of webhooks, written from
// docs/stores/webhook.md and Standard Webhooks 1.0. Only tests import it.
package webhooktest

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

// What a request has to be signed with and to bring.
const (
	SigningKey   = "canary-signing/0123456789abcdef0123456789abcdef"
	SigningKeyID = "2026-11"
	Token        = "canary-token"
)

// Receiver does what docs/stores/webhook.md asks of one: it verifies, refuses
// what is not the user's, writes, and only then says so.
type Receiver struct {
	*httptest.Server

	Mu       sync.Mutex
	Document []byte
	Owner    string
	id       string // of the request that wrote the document
	Writes   int
	Lose     int    // answers to lose
	Status   int    // what to answer instead; zero for none
	Said     string // what to say with it
	Blind    bool   // it keeps no mark, and goes by recorded
	IDs      []string
	Methods  []string
}

// New starts one, which ends with the test.
func New(t *testing.T) *Receiver {
	t.Helper()
	r := &Receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	r.IDs, r.Methods = append(r.IDs, req.Header.Get("Webhook-Id")), append(r.Methods, req.Method)
	switch {
	case r.Status != 0:
		http.Error(w, r.Said, r.Status)
	case req.Header.Get("Authorization") != "Bearer "+Token:
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
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute || h.Get("Keyrotator-Signing-Key") != SigningKeyID {
		return false
	}
	mac := hmac.New(sha256.New, []byte(SigningKey))
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", h.Get("Webhook-Id"), seconds, signed)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(strings.Fields(h.Get("Webhook-Signature")), want)
}

func (r *Receiver) foreign(user string, adopt, recorded bool) bool {
	switch {
	case r.Document == nil || r.Owner == user:
		return false
	case r.Blind:
		return !recorded && !adopt
	default:
		return r.Owner != "" || !adopt
	}
}

func (r *Receiver) check(w http.ResponseWriter, q url.Values) {
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

func (r *Receiver) put(w http.ResponseWriter, req *http.Request, body []byte) {
	var e struct {
		Event, User, Format string
		KeyID               string `json:"key_id"`
		SigningKeyID        string `json:"signing_key_id"`
		Recorded, Adopt     bool
		Payload             json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Event != "credential.put" || e.KeyID == "" && e.User == "" || e.SigningKeyID != SigningKeyID ||
		req.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	if r.foreign(e.User, e.Adopt, e.Recorded) {
		http.Error(w, "not yours: "+string(r.Document), http.StatusConflict)
		return
	}
	if id := req.Header.Get("Webhook-Id"); id != r.id || r.Document == nil {
		r.id, r.Writes = id, r.Writes+1
		r.Document = e.Payload
		if e.Format != "json" {
			var text string
			if err := json.Unmarshal(e.Payload, &text); err != nil {
				http.Error(w, "what?", http.StatusBadRequest)
				return
			}
			r.Document = []byte(text)
		}
	}
	if !r.Blind {
		r.Owner = e.User
	}
	if r.Lose > 0 {
		r.Lose--
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}
