package awsemu

import (
	"fmt"
	"net/http"
	"time"
)

// apiError is a refusal in AWS's words. Its code and status are those of the protocol that the service speaks.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

// jsonService tells the two wire forms apart: Secrets Manager and SSM speak JSON 1.1, IAM and STS query and XML.
func jsonService(service string) bool { return service == secretsManager || service == ssm }

// either gives the error in the form of the service's protocol. JSON services answer 400 to whatever a client did.
func either(service string, status int, xmlCode, jsonCode, message string) *apiError {
	if jsonService(service) {
		return &apiError{http.StatusBadRequest, jsonCode, message}
	}
	return &apiError{status, xmlCode, message}
}

func errUnknownKey(service string) *apiError {
	return either(service, http.StatusForbidden, "InvalidClientTokenId", "UnrecognizedClientException",
		"The security token included in the request is invalid.")
}

func errExpiredToken(service string) *apiError {
	return either(service, http.StatusForbidden, "ExpiredToken", "ExpiredTokenException",
		"The security token included in the request is expired")
}

func errSignature(service, message string) *apiError {
	return either(service, http.StatusForbidden, "SignatureDoesNotMatch", "InvalidSignatureException", message)
}

const wrongSignature = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func errIncomplete(service, message string) *apiError {
	return either(service, http.StatusBadRequest, "IncompleteSignature", "IncompleteSignatureException", message)
}

func errMissingToken(service string) *apiError {
	return either(service, http.StatusForbidden, "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"Request is missing Authentication Token")
}

func errRequestExpired(service string) *apiError {
	return either(service, http.StatusBadRequest, "RequestExpired", "InvalidSignatureException", "Request has expired.")
}

func errThrottled(service string) *apiError {
	return either(service, http.StatusBadRequest, "Throttling", "ThrottlingException", "Rate exceeded")
}

func errDenied(service, arn, action string) *apiError {
	return either(service, http.StatusForbidden, "AccessDenied", "AccessDeniedException", fmt.Sprintf(
		"User: %s is not authorized to perform: %s because no identity-based policy allows the %s action", arn, action, action))
}

func errUnknownOperation(service, operation, version string) *apiError {
	return either(service, http.StatusBadRequest, "InvalidAction", "UnknownOperationException",
		fmt.Sprintf("Could not find operation %s for version %s", operation, version))
}

// errInternal is a 500, whose name differs from service to service.
func errInternal(service string) *apiError {
	code := map[string]string{
		iam: "ServiceFailure", sts: "InternalFailure", secretsManager: "InternalServiceError", ssm: "InternalServerError",
	}[service]
	return refuse(http.StatusInternalServerError, code, "The request processing has failed because of an unknown error, exception or failure.")
}

// errValidation is the answer to a parameter that breaks a rule of the API model.
func errValidation(service, format string, args ...any) *apiError {
	return either(service, http.StatusBadRequest, "ValidationError", "ValidationException", fmt.Sprintf(format, args...))
}

func errNoUser(name string) *apiError {
	return refuse(http.StatusNotFound, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func errNoKey(id string) *apiError {
	return refuse(http.StatusNotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
}

// basic is the compact form of a date in SigV4 and in the messages about it.
const basic = "20060102T150405Z"

func signatureTooOld(signed, now time.Time) string {
	return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 15 min.)",
		signed.Format(basic), now.Add(-maxSkew).Format(basic), now.Format(basic))
}

func signatureTooNew(signed, now time.Time) string {
	return fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)",
		signed.Format(basic), now.Add(maxSkew).Format(basic), now.Format(basic))
}
