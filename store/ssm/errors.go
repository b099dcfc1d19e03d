package ssm

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/keyrotator/keyrotator/store"
)

// The error codes of Systems Manager that the store acts upon (API reference,
// PutParameter, GetParameter and GetParameterHistory, "Errors").
const (
	codeNotFound = "ParameterNotFound"
	codeExists   = "ParameterAlreadyExists"
)

var errMissing = errors.New("the parameter does not exist; create it, or set create")

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
	code := answer.ErrorCode()
	switch code {
	case "AccessDeniedException", "AccessDenied":
		return fmt.Errorf("%w: %s: %s; allow %s", store.ErrDenied, code, answer.ErrorMessage(), permission)
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException",
		"InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredTokenException", "ExpiredToken", "RequestExpired", "OptInRequired":
		return fmt.Errorf("%w: %s: AWS does not accept this program's own credentials", store.ErrDenied, code)
	case "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "TooManyUpdates":
		return fmt.Errorf("%w: %s", store.ErrThrottled, code)
	case codeNotFound:
		return errMissing
	}
	if sentence, ok := sentences()[code]; ok {
		return fmt.Errorf("%s: %s", code, sentence)
	}
	// The message is left out: it may quote what was sent.
	return fmt.Errorf("AWS answered %s", code)
}

// sentences says what is to be done about an error code.
func sentences() map[string]string {
	return map[string]string{
		"InvalidKeyId":                         "the KMS key does not exist, is disabled, or is not to be used by this program",
		"HierarchyTypeMismatchException":       "AWS never changes a parameter's type; delete the parameter, and have it made with create",
		"HierarchyLevelLimitExceededException": "the name has more than fifteen levels",
		"ParameterLimitExceeded":               "the account has no room for another parameter in this Region; 10,000 of the tier standard are the limit",
		"ParameterMaxVersionLimitExceeded":     "the oldest of its hundred versions has a label, which keeps AWS from making another one; move the label",
		"ParameterPatternMismatchException":    "the value does not match the parameter's allowed pattern",
		"ParameterVersionNotFound":             "that version is gone",
		"UnsupportedParameterType":             "AWS does not take this type of parameter",
		"ValidationException":                  "AWS does not take the parameter as it was sent; its message may quote the value, and is not shown",
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
