// Package webhook hands a credential to a receiver of the operator's own, who
// writes it to wherever it belongs.
//
// A write is one signed POST (see package hook for the signature) of a JSON
// object: event, user, key_id, signing_key_id, recorded, adopt, format and
// payload. Any 2xx says that the receiver holds the credential, so that whoever
// reads afterwards sees it. What a reader sees in between is up to the
// receiver, as is keeping what else lies in the place.
//
// The receiver owns the mark of who owns the place. It answers 409 or 412, and
// changes nothing, if the place holds what is not of this user: something else
// unless adopt is true, another user's always. A receiver that can keep no mark
// goes by recorded, which says whether this program has written there before.
//
// Receivers are never read back.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/hook"
)

// Kind is how the configuration spells this kind of store.
const Kind = "webhook"

// The events that a receiver can be told of.
const (
	eventPut   = "credential.put"
	eventCheck = "credential.check"
)

// Options says what New needs to know.
type Options struct {
	// Hook sends; it has to permit the addresses below.
	Hook *hook.Hook
	// URL is where credentials are posted to.
	URL string
	// CheckURL is asked by GET before a key is made; empty asks URL by OPTIONS.
	CheckURL string
	// SigningKeyID is repeated within what is signed.
	SigningKeyID string
	// Payload is the shape of what is sent. Format is its name, "json" for one
	// that is a JSON value.
	Payload store.Payload
	Format  string
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt tells the receiver to take over what is not ours.
	Adopt bool
}

// Store is a receiver that a credential is handed to.
type Store struct{ options Options }

var _ store.Checker = (*Store)(nil)

// New makes a store; it calls nobody.
func New(o Options) (*Store, error) {
	if o.Hook == nil || o.URL == "" || o.Payload == nil || o.Format == "" || o.Owner == "" {
		return nil, errors.New("make webhook store: hook, URL, payload, format and owner are required")
	}
	return &Store{o}, nil
}

// Describe implements store.Store. The location is the URL.
func (s *Store) Describe() store.Description {
	return store.Description{Kind: Kind, Location: s.options.URL}
}

// envelope is what a receiver is posted.
type envelope struct {
	Event        string `json:"event"`
	User         string `json:"user"`
	KeyID        string `json:"key_id"`
	SigningKeyID string `json:"signing_key_id"`
	Recorded     bool   `json:"recorded"`
	Adopt        bool   `json:"adopt"`
	Format       string `json:"format"`
	Payload      any    `json:"payload"`
}

// Put implements store.Store. ErrAmbiguous when no answer came or the receiver
// failed with 5xx, after three tries: whether it holds the credential is
// unknown, and the same Put settles it.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	if err := s.put(ctx, c); err != nil {
		return store.Receipt{}, fmt.Errorf("post to %s: %w", s.Describe(), explain(err))
	}
	return store.Receipt{Changed: true}, nil
}

func (s *Store) put(ctx context.Context, c store.Credential) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	document, err := store.Merge(s.options.Payload, nil, c)
	if err != nil {
		return err
	}
	var payload any = string(document)
	if s.options.Format == "json" {
		payload = json.RawMessage(document)
	}
	body, err := json.Marshal(envelope{
		Event: eventPut, User: s.options.Owner, KeyID: c.KeyID(), SigningKeyID: s.options.SigningKeyID,
		Recorded: store.Recorded(ctx), Adopt: s.options.Adopt, Format: s.options.Format, Payload: payload,
	})
	if err != nil {
		return errors.New("render the request: the payload is no JSON") // the error would show it
	}
	id := hook.ID(eventPut, s.options.Owner, c.KeyID(), string(document))
	answer, err := s.options.Hook.Post(ctx, s.options.URL, id, body, append(store.SecretWords(document), c.RevealSecret())...)
	if err != nil {
		return err
	}
	return answer.Err(store.ErrForeign)
}

// Check implements store.Checker: it asks the receiver, without a credential,
// whether a write would be taken. Without a CheckURL an answer to OPTIONS tells
// no more than that somebody is there and lets us in.
func (s *Store) Check(ctx context.Context) error {
	method, address := http.MethodGet, s.options.CheckURL
	if address == "" {
		method, address = http.MethodOptions, s.options.URL
	}
	answer, err := s.options.Hook.Ask(ctx, method, address, hook.ID(eventCheck, s.options.Owner), url.Values{
		"event": {eventCheck}, "user": {s.options.Owner},
		"recorded": {strconv.FormatBool(store.Recorded(ctx))}, "adopt": {strconv.FormatBool(s.options.Adopt)},
	})
	if err == nil && (method == http.MethodGet || !answer.NoOptions()) {
		err = answer.Err(store.ErrForeign)
	}
	if err != nil {
		return fmt.Errorf("ask %s of %s by %s: %w", address, s.Describe(), method, explain(err))
	}
	return nil
}

// explain says what to do.
func explain(err error) error {
	switch {
	case errors.Is(err, store.ErrForeign):
		return fmt.Errorf("%w; set adopt: true if it is to be taken over, and clear the mark there if it is another user's", err)
	case errors.Is(err, store.ErrDenied):
		return fmt.Errorf("%w; %s", err, hook.DeniedHint)
	}
	return err
}
