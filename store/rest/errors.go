package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// AnswerError is an answer that refuses the call. It wraps the sentinel of
// package store that the answer amounts to, if there is one. The body is no
// part of it, because services quote in it what was sent.
type AnswerError struct {
	// Status is the HTTP status.
	Status int
	// Wait is how long the service asks to be left alone, zero for not at all.
	Wait time.Duration

	service, call, advice string
	kind                  error
}

// Error implements error.
func (e *AnswerError) Error() string {
	text := fmt.Sprintf("%s answered %d to %s", e.service, e.Status, e.call)
	if e.kind != nil {
		text += ": " + e.kind.Error()
	}
	if e.advice != "" {
		text += ": " + e.advice
	}
	return text
}

// Unwrap returns the sentinel of package store, nil for none.
func (e *AnswerError) Unwrap() error { return e.kind }

// Status returns the HTTP status by which a call was refused, zero for any
// other error.
func Status(err error) int {
	if answer, ok := errors.AsType[*AnswerError](err); ok {
		return answer.Status
	}
	return 0
}

// succeeded reports whether a status means that the service did as it was
// asked. 203 does not: by it Azure DevOps answers with a page for signing in.
func succeeded(status int) bool {
	return status >= 200 && status < 300 && status != http.StatusNonAuthoritativeInfo
}

// refused makes the error of an answer that is no success.
func (c *Client) refused(r Request, response *http.Response) error {
	now := time.Now()
	e := &AnswerError{Status: response.StatusCode, service: c.service, call: r.call()}
	switch status := response.StatusCode; {
	case throttled(status, response.Header):
		e.kind, e.Wait = store.ErrThrottled, waitOf(response.Header, now)
		c.limit.hold(now, e.Wait)
		if e.Wait > 0 {
			e.advice = fmt.Sprintf("wait %s", e.Wait.Round(time.Second))
		}
	case status == http.StatusUnauthorized:
		e.kind, e.advice = store.ErrDenied, "the token is wrong, has expired, or is of another kind than this call takes"
	case status == http.StatusForbidden:
		e.kind = store.ErrDenied
		if r.Permission != "" {
			e.advice = "it needs " + r.Permission
		}
	case status < 400:
		e.kind, e.advice = store.ErrDenied, "it wants a person to sign in, or redirects: the token is not accepted, or url is wrong"
	case status == http.StatusNotFound:
		e.advice = r.Missing
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		e.kind = store.ErrConflict
	case status >= 500 || status == http.StatusRequestTimeout:
		// The write may have gone through to what lies behind a gateway.
		if r.writes() {
			e.kind = store.ErrAmbiguous
		}
	default:
		e.advice = "it does not accept the request: a name or a value breaks its rules"
	}
	return e
}

// unanswered makes the error of a call that no answer came back for. Only
// errors whose text is known to hold no content are quoted: the HTTP library
// quotes answers that it cannot understand.
func (c *Client) unanswered(ctx context.Context, r Request, err error) error {
	cause, sent := errors.New("no answer that can be understood came back"), true
	var broken *net.OpError
	var timeout interface{ Timeout() bool }
	certificate, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case ctx.Err() != nil:
		cause = ctx.Err()
	case untrusted:
		cause, sent = fmt.Errorf("its certificate is not trusted: set ca_file, or see that url is right: %w", certificate), false
	case errors.Is(err, http.ErrSchemeMismatch):
		cause, sent = errors.New("it does not speak TLS: see that url is right"), false
	case errors.As(err, &broken):
		cause, sent = broken, broken.Op != "dial" && broken.Op != "proxyconnect"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		cause = errors.New("the connection ended before an answer came")
	case errors.As(err, &timeout) && timeout.Timeout():
		cause = errors.New("no answer came in time")
	}
	if sent && r.writes() {
		cause = fmt.Errorf("%w: %w", store.ErrAmbiguous, cause)
	}
	return c.wrap(r, cause)
}
