package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// callbackPath is where consumers call, if the configuration has a key for it.
const callbackPath = "POST /v1/callbacks"

// maxCallback is the largest body of a callback in bytes.
const maxCallback = 16 << 10

// callback is what a consumer says. It is signed as Standard Webhooks 1.0.0
// describes it, and is not taken when its timestamp is more than five minutes off.
type callback struct {
	// Type is ack or alarm.
	Type string `json:"type"`
	User string `json:"user"`
	// Consumer is who acknowledges, by its name in the configuration or its store.
	Consumer string `json:"consumer"`
	// Key is the id of the new key that this is about, so that a call that is
	// played back later is about another rotation, and refused.
	Key string `json:"key"`
	Why string `json:"why"`
}

// callbacks takes what consumers say under one configuration.
type callbacks struct {
	cfg    *config.Config
	verify func(body []byte, headers http.Header) error
}

// newCallbacks prepares callbacks; nil for a configuration without a key.
func newCallbacks(cfg *config.Config) (*callbacks, error) {
	key := cfg.Callbacks.Key.RevealSecretText()
	if key == "" {
		return nil, nil //nolint:nilnil // nobody may call: the handler says so
	}
	hook, err := standardwebhooks.NewWebhookRaw([]byte(key))
	if strings.HasPrefix(key, "whsec_") {
		hook, err = standardwebhooks.NewWebhook(key)
	}
	if err != nil { // it may show the key
		return nil, errors.New("prepare callbacks: what follows whsec_ in callbacks.key is not base64")
	}
	return &callbacks{cfg, hook.Verify}, nil
}

// request reads a callback, or says with which status it is refused.
func (c *callbacks) request(r *http.Request) (rotator.Request, int, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		return rotator.Request{}, http.StatusRequestEntityTooLarge, errors.New("the body is too large")
	}
	if err := c.verify(body, r.Header); err != nil {
		return rotator.Request{}, http.StatusUnauthorized, errors.New("the signature is missing, wrong or more than five minutes off")
	}
	var said callback
	if err := json.Unmarshal(body, &said); err != nil {
		return rotator.Request{}, http.StatusBadRequest, errors.New("the body is not the JSON of a callback")
	}
	user, err := rotator.ParseUser(said.User)
	if _, configured := configOf(c.cfg, user); err != nil || !configured {
		return rotator.Request{}, http.StatusNotFound, errors.New("the configuration has no such user")
	}
	if !accessKeyID.MatchString(said.Key) {
		return rotator.Request{}, http.StatusBadRequest, errors.New("key is not the id of the new access key")
	}
	q := rotator.Request{User: user, Key: rotator.KeyID(said.Key), By: "a callback", Why: said.Why}
	switch said.Type {
	case rotator.RequestAlarm:
		q.Verb = rotator.RequestAlarm
	case rotator.RequestAck:
		name, known := consumerNamed(c.cfg, user, said.Consumer)
		if name == "" {
			return rotator.Request{}, http.StatusNotFound, fmt.Errorf("the user has no such consumer; it has %s", strings.Join(known, ", "))
		}
		q.Verb, q.Consumer = rotator.RequestAck, name
	default:
		return rotator.Request{}, http.StatusBadRequest, errors.New("type is neither ack nor alarm")
	}
	return q, http.StatusAccepted, nil
}

// called takes a callback: it becomes a request in the journal, as if an
// operator had asked, which the user's next step takes up or refuses.
func (a *app) called(w http.ResponseWriter, r *http.Request) {
	c := a.callbacks.Load()
	if c == nil {
		http.Error(w, "callbacks are not configured", http.StatusNotFound)
		return
	}
	q, status, err := c.request(r)
	if err != nil {
		a.log.Warn("a callback was refused", zap.Int("status", status), zap.Error(err), zap.String("from", r.RemoteAddr))
		http.Error(w, err.Error(), status)
		return
	}
	q.At = a.now()
	if q, err = a.journal.Append(r.Context(), q); err != nil {
		a.log.Error("a callback could not be written down", zap.Error(err))
		http.Error(w, "the journal cannot be written now", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "request %d\n", q.Number) // whoever asked may be gone
}
