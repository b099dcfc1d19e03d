// Package rest is a small client for services that speak JSON over HTTPS and
// have no well-kept client in Go. It adds the authorisation, turns what the
// service answers into the sentinels of package store, and obeys its rate
// limits.
//
// It sends every request once: whether a write may be repeated is known only to
// whoever asked for it. It follows no redirect and calls no other address than
// the one it was made for. Nothing of a body, sent or received, is ever part of
// an error.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// maxAnswer bounds, in bytes, what is read of one answer.
const maxAnswer = 8 << 20

// Options says what New needs to know.
type Options struct {
	// Service is the service's name in messages, such as "CircleCI".
	Service string
	// URL is what the paths of requests are appended to, such as
	// https://circleci.com/api/v2.
	URL string
	// Authorize adds the authorisation to a request.
	Authorize Authorizer
	// HTTP makes the calls. Whatever it thinks of redirects, none is followed.
	HTTP *http.Client
}

// Client calls one service. It is safe for concurrent use.
type Client struct {
	service   string
	base      *url.URL
	authorize Authorizer
	http      *http.Client
	limit     limit
}

// New makes a client; it calls nothing yet.
func New(o Options) (*Client, error) {
	if o.Service == "" || o.Authorize == nil || o.HTTP == nil {
		return nil, errors.New("make REST client: service, HTTP client and authorisation are required")
	}
	base, err := url.Parse(strings.TrimRight(o.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("make client of %s: url is not an address such as https://example.com, without user, query and fragment", o.Service)
	}
	// A redirect is an answer: what was meant for this service, with its
	// authorisation, is sent nowhere else.
	direct := *o.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{service: o.Service, base: base, authorize: o.Authorize, http: &direct}, nil
}

// Request is one call.
type Request struct {
	// Method is the HTTP method. Everything but GET and HEAD counts as a write,
	// whose lost answer is store.ErrAmbiguous.
	Method string
	// Path is appended to the client's URL; see Path for one of parts.
	Path string
	// Query follows the path.
	Query url.Values
	// Header is added to the client's own headers.
	Header http.Header
	// Body is sent as JSON; nil for none.
	Body any
	// Out receives the answer's JSON; nil when only its status counts.
	Out any
	// Permission is what the call needs, told when it is refused.
	Permission string
	// Missing is the sentence for an answer of 404.
	Missing string
}

// call names the request in messages.
func (r Request) call() string { return r.Method + " " + r.Path }

// writes reports whether the request may change something.
func (r Request) writes() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// Do makes one call. What the service refused is an *AnswerError.
func (c *Client) Do(ctx context.Context, r Request) error {
	if err := ctx.Err(); err != nil {
		return c.wrap(r, err)
	}
	if wait := c.limit.remaining(time.Now()); wait > 0 {
		return c.wrap(r, fmt.Errorf("%w: it asked to be left alone for another %s", store.ErrThrottled, wait.Round(time.Second)))
	}
	request, err := c.request(ctx, r)
	if err != nil {
		return c.wrap(r, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(ctx, r, err)
	}
	defer response.Body.Close()
	if !succeeded(response.StatusCode) {
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // so that the connection can be used again
		return c.refused(r, response)
	}
	return c.read(ctx, r, response)
}

// request makes the HTTP request of r.
func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		text, err := json.Marshal(r.Body)
		if err != nil {
			return nil, errors.New("encode request: its body is not JSON") // the cause may quote it
		}
		body = bytes.NewReader(text)
	}
	address := c.base.String() + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if request.URL.Host != c.base.Host {
		return nil, errors.New("make request: its path leads to another host")
	}
	maps.Copy(request.Header, r.Header)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "keyrotator")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if err := c.authorize(ctx, request.Header); err != nil {
		return nil, err
	}
	return request, nil
}

// read decodes the answer to a call that succeeded. A write whose answer cannot
// be read did happen, but is not known to be what was asked for.
func (c *Client) read(ctx context.Context, r Request, response *http.Response) error {
	if r.Out == nil {
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = errors.New("its answer broke off")
	case json.Unmarshal(text, r.Out) != nil:
		err = errors.New("its answer could not be understood: see that url is right")
	default:
		return nil
	}
	if r.writes() {
		err = fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
	}
	return c.wrap(r, err)
}

// wrap says what was called.
func (c *Client) wrap(r Request, err error) error {
	return fmt.Errorf("%s, %s: %w", c.service, r.call(), err)
}
