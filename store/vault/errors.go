package vault

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/hashicorp/vault/api"

	"github.com/keyrotator/keyrotator/store"
)

// errRedirected says that the server would not answer itself. Its address is not
// followed: nobody configured it, and the token would go there.
var errRedirected = errors.New("the server points to another one, as a standby does that cannot forward; give the active node's address, or that of a load balancer")

// signInError is a failure to get a token: the call that needed it was not made.
type signInError struct {
	login string
	err   error
}

func (e *signInError) Error() string { return "sign in with " + e.login + ": " + e.err.Error() }
func (e *signInError) Unwrap() error { return e.err }

// status is the HTTP status of Vault's answer, zero when the error is none.
func status(err error) int {
	if answer, ok := errors.AsType[*api.ResponseError](err); ok {
		return answer.StatusCode
	}
	return 0
}

// refusal turns an error of a call into one of ours, naming the capability that
// the call needs. Vault's own words are left out: they may quote what was sent.
// The statuses are those of the API documentation, "HTTP Status Codes".
func refusal(err error, capability string) error {
	if signIn, ok := errors.AsType[*signInError](err); ok {
		return signIn
	}
	switch code := status(err); code {
	case 0:
		return unanswered(err)
	case 400:
		return fmt.Errorf("Vault does not take the request as it was sent (status %d)", code) //nolint:staticcheck // a name
	case 403:
		return fmt.Errorf("%w: allow %s", store.ErrDenied, capability)
	case 404:
		return fmt.Errorf("Vault knows nothing of it (status %d); is the engine KV version 2?", code) //nolint:staticcheck // a name
	case 405:
		return fmt.Errorf("Vault does not know this call (status %d); is the engine KV version 2, and Vault recent enough to patch metadata?", code) //nolint:staticcheck // a name
	case 412:
		return fmt.Errorf("%w: the server has yet to catch up with others (status %d)", store.ErrThrottled, code)
	case 429:
		return fmt.Errorf("%w: a rate limit of Vault's (status %d)", store.ErrThrottled, code)
	case 472, 473:
		return fmt.Errorf("the server is a standby for another cluster or for reads (status %d); give the active node's address", code)
	case 501, 503:
		return fmt.Errorf("Vault is sealed, not set up, or down for maintenance (status %d)", code) //nolint:staticcheck // a name
	default:
		return fmt.Errorf("Vault answered with status %d", code) //nolint:staticcheck // a name
	}
}

// lost turns an error of a writing call into one of ours: what Vault did not
// refuse in so many words may have happened.
func lost(ctx context.Context, err error, capability string) error {
	code := status(err)
	_, unsent := errors.AsType[*signInError](err)
	switch {
	case unsent, errors.Is(err, errRedirected), code != 0 && code < 500:
		return refusal(err, capability)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, ctx.Err())
	}
	return fmt.Errorf("%w: %w", store.ErrAmbiguous, refusal(err, capability))
}

// unanswered describes an error that is not Vault's answer. Only what the network
// says is passed on: an error about the answer's content may quote it.
func unanswered(err error) error {
	if network, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("call Vault: %w", network.Err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New("Vault's answer could not be understood") //nolint:staticcheck // a name
}
