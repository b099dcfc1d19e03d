// Package hook calls a receiver of the operator's own over HTTP, for the kinds
// called webhook: of store and of reload.
//
// Requests are signed as Standard Webhooks 1.0.0 describes it
// (standardwebhooks.com, "Signature scheme"), so that receivers can use the
// libraries which exist for it: webhook-id, webhook-timestamp in seconds, and
// in webhook-signature "v1," and the base64 of an HMAC-SHA256 over id, timestamp
// and body with dots between; a request without a body has its query there.
// webhook-id is the same for every try of one
// request and serves as idempotency key. Keyrotator-Signing-Key says which key
// signed, for receivers that know two.
//
// Nothing is sent to plain http beyond loopback, no redirect is followed, and
// what a receiver answers is bounded and screened before it is shown.
package hook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

const (
	// tries is how often a post is sent at most.
	tries = 3
	// longestPause bounds what a Retry-After can make us wait.
	longestPause = 5 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 4096

	defaultTimeout = 5 * time.Second
	defaultPause   = 500 * time.Millisecond
)

// ErrRefused says that the receiver would not do what it was asked, for a
// reason that has no sentinel in package store. Nothing was changed.
var ErrRefused = errors.New("refused")

// Options says what New needs to know.
type Options struct {
	// Key signs; text that begins with whsec_ is base64 after that, as
	// receivers' libraries have it, any other text is the key itself.
	Key string
	// KeyID is what the receiver calls the key.
	KeyID string
	// Token is sent as a bearer token; empty for none.
	Token string
	// Client carries the calls; its transport knows whom to trust.
	Client *http.Client
	// Timeout limits one try; zero means five seconds.
	Timeout time.Duration
	// Pause is the time before the second try; the third waits twice as long.
	// Zero means half a second.
	Pause time.Duration
	// URLs are all that will be called.
	URLs []string
}

// Hook signs and sends. It is safe for concurrent use.
type Hook struct {
	client  *http.Client
	timeout time.Duration
	pause   time.Duration
	keyID   string
	// Behind functions, because fmt prints fields.
	sign      func(id, timestamp string, body []byte) string
	authorize func(http.Header)
	secrets   func() []string
}

// Answer is what a receiver said.
type Answer struct {
	Status int
	// Said is the beginning of the body, fit to be shown.
	Said string
	// Unsure says that an earlier try of the same request may have had effect.
	Unsure bool
}

// New makes a hook; it calls nobody.
func New(o Options) (*Hook, error) {
	if o.Key == "" || o.Client == nil || len(o.URLs) == 0 {
		return nil, errors.New("prepare hook: signing key, client and URL are required")
	}
	for _, address := range o.URLs {
		if err := permitted(address); err != nil {
			return nil, fmt.Errorf("prepare hook: %w", err)
		}
	}
	key := []byte(o.Key)
	if coded, ok := strings.CutPrefix(o.Key, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return nil, errors.New("prepare hook: what follows whsec_ in the signing key is not base64")
		}
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h := &Hook{
		client: &client, timeout: cmp.Or(o.Timeout, defaultTimeout), pause: cmp.Or(o.Pause, defaultPause), keyID: o.KeyID,
		sign:      func(id, timestamp string, body []byte) string { return signature(key, id, timestamp, body) },
		authorize: func(http.Header) {},
		secrets:   func() []string { return []string{o.Key, o.Token} },
	}
	if o.Token != "" {
		h.authorize = func(header http.Header) { header.Set("Authorization", "Bearer "+o.Token) }
	}
	return h, nil
}

// signature is that of Standard Webhooks, version 1.
func signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // a hash never returns an error
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// permitted refuses to send anything where others could read it.
func permitted(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("the address is no URL")
	case u.User != nil:
		return errors.New("the URL holds a user: use a token")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("%s://%s: only https, or http on loopback", u.Scheme, u.Host)
	}
}

// ID is the idempotency key of a request: the same for the same parts, and no
// help in guessing them, as an access key's secret cannot be guessed.
func ID(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part) // a hash never returns an error
	}
	return "msg_" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// Post sends a body until it is answered other than by 408, 429 or 5xx, three
// times at most. Repeating is safe because each try has the same id. An error
// means that no answer came; it wraps store.ErrAmbiguous if a request may have
// arrived. secrets are what no message may show.
func (h *Hook) Post(ctx context.Context, address, id string, body []byte, secrets ...string) (Answer, error) {
	unsure := false
	pause := h.pause
	for try := 1; ; try++ {
		answer, wait, err := h.once(ctx, request{http.MethodPost, address, id, body, body}, secrets)
		answer.Unsure = unsure
		unsure = unsure || errors.Is(err, store.ErrAmbiguous) || err == nil && answer.unclear()
		if err == nil && !answer.passing() || try == tries || !sleep(ctx, min(max(pause, wait), longestPause)) {
			if err != nil && unsure && !errors.Is(err, store.ErrAmbiguous) {
				err = fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
			}
			return answer, err
		}
		pause *= 2
	}
}

// Ask sends a request without a body, once. The facts become its query, which
// is signed.
func (h *Hook) Ask(ctx context.Context, method, address, id string, facts url.Values) (Answer, error) {
	query := facts.Encode()
	answer, _, err := h.once(ctx, request{method, address + "?" + query, id, []byte(query), nil}, nil)
	return answer, err
}

type request struct {
	method, address, id string
	signed              []byte
	body                []byte // nil for none
}

func (h *Hook) once(ctx context.Context, r request, secrets []string) (Answer, time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, 0, err
	}
	limited, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(traced, r.method, r.address, bytes.NewReader(r.body))
	if err != nil {
		return Answer{}, 0, errors.New("make request: the address is no URL")
	}
	h.fill(req.Header, r)
	secrets = append(h.secrets(), secrets...)
	resp, err := h.client.Do(req)
	if err != nil {
		err = h.unanswered(ctx, limited, err, secrets)
		if connected.Load() {
			err = fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
		}
		return Answer{}, 0, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is all that counts
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return Answer{Status: resp.StatusCode, Said: store.Screen(said, secrets...)}, time.Duration(seconds) * time.Second, nil
}

func (h *Hook) fill(header http.Header, r request) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	header.Set("User-Agent", "keyrotator")
	header.Set("Webhook-Id", r.id)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", h.sign(r.id, timestamp, r.signed))
	header.Set("Keyrotator-Signing-Key", h.keyID)
	if r.body != nil {
		header.Set("Content-Type", "application/json")
	}
	h.authorize(header)
}

// unanswered is why no answer came.
func (h *Hook) unanswered(ctx, limited context.Context, err error, secrets []string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("no answer within %s", h.timeout)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return errors.New(store.Screen([]byte(err.Error()), secrets...))
}

// sleep waits, and reports false when the context ends, or would end, before.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
