// Package webhook reloads a consumer by calling a receiver of the operator's
// own.
//
// A reload is one signed POST (see package hook) of a JSON object: event, user,
// consumer, key_id, signing_key_id; it holds no secret, which lies in the
// consumer's store already. Any 2xx says that the reload is complete or, with a
// status URL, begun. That is then asked by GET: 200 or 204 for complete, 202
// for not yet, with what is missing in the body. Each try for the same consumer
// and key has the same webhook-id, so that a receiver which remembers the last
// one begins no second restart after a lost answer.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/hook"
)

// Kind is how the configuration spells this kind of reload.
const Kind = "webhook"

// The events that a receiver can be told of or asked about.
const (
	eventReload   = "consumer.reload"
	eventReloaded = "consumer.reloaded"
	eventCheck    = "consumer.check"
)

// Options says what New needs to know.
type Options struct {
	// Hook sends; it has to permit the addresses below.
	Hook *hook.Hook
	// URL is where reloads are posted to.
	URL string
	// StatusURL is asked whether a reload is complete; empty if it is as soon
	// as URL has answered.
	StatusURL string
	// CheckURL is asked whether a reload would work; empty asks URL by OPTIONS.
	CheckURL string
	// SigningKeyID is repeated within what is signed.
	SigningKeyID string
	// User is the user, as "account/user", whose consumer is reloaded.
	User string
	// Consumer is what the configuration calls the consumer.
	Consumer string
}

// Reloader is a consumer that a receiver reloads. It is safe for concurrent
// use.
type Reloader struct{ options Options }

// New makes a reloader; it calls nobody.
func New(o Options) (*Reloader, error) {
	if o.Hook == nil || o.URL == "" || o.User == "" || o.Consumer == "" {
		return nil, errors.New("make webhook reload: hook, URL, user and consumer are required")
	}
	return &Reloader{o}, nil
}

// Describe names the receiver.
func (r *Reloader) Describe() string { return Kind + ":" + r.options.URL }

// Reload begins the reload for a key. An error that wraps store.ErrAmbiguous
// says that it may have begun all the same.
func (r *Reloader) Reload(ctx context.Context, key string) error {
	body, err := json.Marshal(map[string]string{
		"event": eventReload, "user": r.options.User, "consumer": r.options.Consumer, "key_id": key,
		"signing_key_id": r.options.SigningKeyID,
	})
	if err != nil {
		return fmt.Errorf("reload consumer %s: %w", r.options.Consumer, err)
	}
	answer, err := r.options.Hook.Post(ctx, r.options.URL, r.id(eventReload, key), body)
	if err == nil {
		err = answer.Err(hook.ErrRefused)
	}
	return r.wrap(r.options.URL, err)
}

// Reloaded reports whether the reload for this key is complete, and what is
// missing. Without a StatusURL it always is.
func (r *Reloader) Reloaded(ctx context.Context, key string) (bool, string, error) {
	if r.options.StatusURL == "" {
		return true, "", nil
	}
	answer, err := r.options.Hook.Ask(ctx, http.MethodGet, r.options.StatusURL, r.id(eventReloaded, key), r.facts(eventReloaded, key))
	if err == nil {
		err = answer.Err(hook.ErrRefused)
	}
	switch {
	case err != nil:
		return false, "", r.wrap(r.options.StatusURL, err)
	case answer.Status == http.StatusAccepted && answer.Said != "":
		return false, answer.Said, nil
	case answer.Status == http.StatusAccepted:
		return false, "the receiver says that it is not complete yet", nil
	case answer.Status == http.StatusOK || answer.Status == http.StatusNoContent:
		return true, "", nil
	default:
		return false, "", r.wrap(r.options.StatusURL, fmt.Errorf("status %d is none of 200, 202 and 204", answer.Status))
	}
}

// Check asks the receiver whether a reload would work. Without a CheckURL an
// answer to OPTIONS tells no more than that somebody is there and lets us in.
func (r *Reloader) Check(ctx context.Context) error {
	method, address := http.MethodGet, r.options.CheckURL
	if address == "" {
		method, address = http.MethodOptions, r.options.URL
	}
	answer, err := r.options.Hook.Ask(ctx, method, address, r.id(eventCheck, ""), r.facts(eventCheck, ""))
	if err == nil && (method == http.MethodGet || !answer.NoOptions()) {
		err = answer.Err(hook.ErrRefused)
	}
	return r.wrap(address, err)
}

func (r *Reloader) id(event, key string) string {
	return hook.ID(event, r.options.User, r.options.Consumer, key)
}

func (r *Reloader) facts(event, key string) url.Values {
	facts := url.Values{"event": {event}, "user": {r.options.User}, "consumer": {r.options.Consumer}}
	if key != "" {
		facts.Set("key_id", key)
	}
	return facts
}

func (r *Reloader) wrap(address string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, store.ErrDenied) {
		err = fmt.Errorf("%w; %s", err, hook.DeniedHint)
	}
	return fmt.Errorf("reload consumer %s by %s: %w", r.options.Consumer, address, err)
}
