package terraform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	sdk "github.com/hashicorp/go-tfe"

	"github.com/keyrotator/keyrotator/store"
)

// maxMessage bounds how much of a refusal is read, in bytes.
const maxMessage = 64 << 10

// newClient makes the SDK's client, and names the host.
func newClient(o Options) (client *sdk.Client, host string, err error) {
	address := o.URL
	if address == "" {
		address = "https://app.terraform.io"
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, "", errors.New("the URL is none such as https://terraform.example.com")
	}
	wire := o.HTTP.Transport
	if wire == nil {
		wire = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	client, err = sdk.NewClient(&sdk.Config{
		Address: address, BasePath: sdk.DefaultBasePath, Token: o.Token, HTTPClient: &http.Client{Transport: answers{wire}},
	})
	return client, strings.ToLower(u.Host), err
}

// answers turns every answer but success into a statusError. The SDK drops the
// status of most, repeats a 429 thirty times, and ends the process when it does
// not understand the header that says how long to wait. A redirect is not
// followed either: it would take the secret to where nobody configured it to go.
type answers struct{ wire http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == sdk.DefaultBasePath+sdk.PingEndpoint {
		// The SDK asks this when its client is made, under no context. Nobody
		// answered with a rate limit, and so it sets none.
		return &http.Response{
			StatusCode: http.StatusNoContent, ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: r,
		}, nil
	}
	answer, err := a.wire.RoundTrip(r)
	if err != nil || answer.StatusCode < http.StatusMultipleChoices {
		return answer, err
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	message, err := io.ReadAll(io.LimitReader(answer.Body, maxMessage))
	if err != nil {
		message = nil // the status says enough
	}
	return nil, &statusError{answer.StatusCode, bytes.Contains(message, []byte("has already been taken"))}
}

// statusError is an answer that is not success. The service's own words are
// left out: they may quote what was sent.
type statusError struct {
	status int
	taken  bool // the variable exists already
}

func (e *statusError) Error() string { return fmt.Sprintf("HCP Terraform answered %d", e.status) }

// refusal turns an error of a call into one of ours ("API overview" in the
// documentation of HCP Terraform: 404 is also what a token gets that may not).
func refusal(err error, h holder) error {
	answer, ok := errors.AsType[*statusError](err)
	if !ok {
		return err
	}
	switch answer.status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: HCP Terraform does not accept the token: it is wrong, expired or revoked", store.ErrDenied)
	case http.StatusForbidden:
		return fmt.Errorf("%w: allow the token's team %s", store.ErrDenied, h.permission())
	case http.StatusNotFound:
		return missing(h)
	case http.StatusConflict:
		return fmt.Errorf("%w: HCP Terraform answered 409", store.ErrConflict)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w: HCP Terraform answered 429", store.ErrThrottled)
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		if answer.taken {
			return fmt.Errorf("%w: somebody made the variable meanwhile", store.ErrConflict)
		}
		return fmt.Errorf("HCP Terraform does not take the variable (%d): its name, its value or its description", answer.status)
	}
	if answer.status < http.StatusBadRequest {
		return fmt.Errorf("HCP Terraform answered with a redirect (%d); correct the URL in the configuration", answer.status)
	}
	return answer
}

func missing(h holder) error {
	return fmt.Errorf("%s does not exist, or is hidden from this token; check its name, and allow the token's team %s", h.path(), h.permission())
}

// lost turns an error of a write into one of ours: what the service did not
// refuse in so many words may have happened.
func lost(ctx context.Context, err error, h holder) error {
	if err == nil {
		return nil
	}
	if answer, ok := errors.AsType[*statusError](err); ok && answer.status < http.StatusInternalServerError {
		return refusal(err, h)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, ctx.Err())
	}
	return fmt.Errorf("%w: %w", store.ErrAmbiguous, refusal(err, h))
}
