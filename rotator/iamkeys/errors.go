package iamkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/rotator"
)

// fail gives a failed call its sentinel and keeps the SDK's error behind it.
func (x *exchange) fail(what string, err error) error {
	kind := x.kind(err)
	if errors.Is(err, kind) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, kind, err)
}

// failSilent is fail for the one answer that holds a secret. An answer which
// says success but cannot be read is not quoted, neither in the text nor in
// the chain: the SDK's error carries a snapshot of the body.
func (x *exchange) failSilent(what string, err error) error {
	var unreadable *smithy.DeserializationError
	if x.status/100 == 2 || errors.As(err, &unreadable) {
		return fmt.Errorf("%s: the answer (status %d) cannot be read: %w", what, x.status, rotator.ErrAmbiguous)
	}
	return x.fail(what, err)
}

// kind chooses the sentinel. Only a 4xx with a code of AWS's own, or a call
// that was never sent, tells for certain that nothing was done.
func (x *exchange) kind(err error) error {
	if errors.Is(err, rotator.ErrFenced) {
		return rotator.ErrFenced
	}
	if errors.Is(err, errNoPermission) {
		return rotator.ErrRefused
	}
	code := errorCode(err)
	if throttles(code) || (x.sent && x.status == http.StatusTooManyRequests) {
		return rotator.ErrThrottled
	}
	if !x.sent {
		return unsent(code, err)
	}
	if code == "" || x.status < 400 || x.status > 499 {
		return rotator.ErrAmbiguous
	}
	return x.refusal(code)
}

// refusal reads AWS's definite no. Codes are those of the API models of IAM
// and STS and of the IAM guide's "common errors".
func (x *exchange) refusal(code string) error {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired":
		return rotator.ErrDenied
	case "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException",
		"InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
		"InvalidAccessKeyId", "AuthFailure", "ExpiredToken", "ExpiredTokenException":
		if x.proving {
			return rotator.ErrNotSignedIn
		}
		return rotator.ErrDenied // it is this program's own credential that was refused
	case "NoSuchEntity", "NoSuchEntityException":
		return rotator.ErrNoSuchEntity
	case "LimitExceeded", "LimitExceededException":
		return rotator.ErrQuota
	case "RequestTimeout", "RequestTimeoutException":
		return rotator.ErrAmbiguous
	default:
		return rotator.ErrRefused
	}
}

// unsent judges a call that never left: it ended while it waited for its turn,
// or there was nothing to sign it with. Trying again is safe in either case; a
// refusal by the account's role needs a person.
func unsent(code string, err error) error {
	waiting := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	var canceled interface{ CanceledError() bool }
	if waiting || (errors.As(err, &canceled) && canceled.CanceledError()) {
		return rotator.ErrThrottled
	}
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) && (answer.HTTPStatusCode() == 0 || answer.HTTPStatusCode() > 499) {
		return rotator.ErrThrottled // STS or the metadata service is ill, for now
	}
	if code == "" && errors.As(err, new(interface{ ConnectionError() bool })) {
		return rotator.ErrThrottled
	}
	return rotator.ErrDenied
}

// throttles knows the words for "slower", which also come with status 503, and
// those for "somebody else changes this very thing": nothing was done, later
// it may be.
func throttles(code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "RequestLimitExceeded", "TooManyRequests",
		"TooManyRequestsException", "SlowDown", "PriorRequestNotComplete", "BandwidthLimitExceeded",
		"ConcurrentModification", "ConcurrentModificationException",
		"EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException":
		return true
	default:
		return false
	}
}

// errorCode is AWS's own code, empty where the answer had none.
func errorCode(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() == "UnknownError" {
		return ""
	}
	return api.ErrorCode()
}
