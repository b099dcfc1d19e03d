package secretsmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/keyrotator/keyrotator/store"
)

// The error codes of Secrets Manager that the store acts upon.
const (
	codeNotFound  = "ResourceNotFoundException"
	codeExists    = "ResourceExistsException"
	codeParameter = "InvalidParameterException"
	codeRequest   = "InvalidRequestException"
)

var (
	errMissing  = errors.New("the secret does not exist; create it, or set create")
	errUnusable = errors.New("the secret cannot be used as it is: most likely it is scheduled for deletion; restore it first")
)

// is reports whether AWS answered with the error code.
func is(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}

// refusal turns an error of a call into one of ours, naming the permission that
// the call needs.
func refusal(err error, permission string) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return unanswered(err)
	}
	switch code := answer.ErrorCode(); code {
	case "AccessDeniedException", "AccessDenied":
		return fmt.Errorf("%w: %s: %s; allow %s", store.ErrDenied, code, answer.ErrorMessage(), permission)
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException",
		"InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredTokenException", "ExpiredToken", "RequestExpired", "OptInRequired":
		return fmt.Errorf("%w: %s: AWS does not accept this program's own credentials", store.ErrDenied, code)
	case "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown":
		return fmt.Errorf("%w: %s", store.ErrThrottled, code)
	case codeNotFound:
		return errMissing
	case codeRequest:
		return fmt.Errorf("%s: %w", code, errUnusable)
	case "LimitExceededException":
		return fmt.Errorf("%s: the secret has too many versions or labels", code)
	case "EncryptionFailure", "DecryptionFailure":
		return fmt.Errorf("%s: the secret's KMS key cannot be used; allow kms:GenerateDataKey and kms:Decrypt, and see that it is enabled", code)
	default:
		// The message is left out: it may quote what was sent.
		return fmt.Errorf("AWS answered %s", code)
	}
}

// lost turns an error of a writing call into one of ours: what AWS did not
// refuse in so many words may have happened.
func lost(ctx context.Context, err error, permission string) error {
	var answer smithy.APIError
	var response *smithyhttp.ResponseError
	refused := errors.As(err, &answer) && answer.ErrorFault() != smithy.FaultServer
	if refused && errors.As(err, &response) && response.HTTPStatusCode() >= 500 {
		refused = false
	}
	switch {
	case refused && is(err, codeExists):
		// The version's id exists with other content, which only somebody else
		// can have put there.
		return store.ErrConflict
	case refused:
		return refusal(err, permission)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, ctx.Err())
	}
	return fmt.Errorf("%w: %w", store.ErrAmbiguous, refusal(err, permission))
}

// unanswered describes an error that is not AWS's answer. One about the
// answer's content is not quoted, for the content is secret.
func unanswered(err error) error {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return errors.New("AWS's answer could not be understood")
	}
	return err
}
