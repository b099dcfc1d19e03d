package main

import (
	"errors"

	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// The exit codes; scripts branch on them, so that they never change.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2 // usage or configuration
	exitFindings = 3 // findings, or a user that needs a person
	exitPartly   = 4 // some of several things failed
	exitDenied   = 5 // denied by AWS
	exitRefused  = 6 // refused by a safety rule
)

// exitError is an error with an exit code of its own. Its err is nil when
// everything was said on stdout already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError marks a fault of the command line or of the configuration.
func usageError(err error) error {
	var coded *exitError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return &exitError{exitUsage, err}
}

// exitCode is the code that stands for an error.
func exitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case denied(err):
		return exitDenied
	case errors.Is(err, rotator.ErrNotProven), errors.Is(err, store.ErrForeign):
		return exitRefused
	default:
		return exitFailed
	}
}

// denied reports whether AWS refused permission, or the credentials themselves.
func denied(err error) bool {
	if errors.Is(err, rotator.ErrDenied) || errors.Is(err, store.ErrDenied) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch",
		"UnrecognizedClientException", "InvalidSignatureException", "ExpiredToken", "ExpiredTokenException":
		return true
	default:
		return false
	}
}

// errorText is what a person should read about an error; empty for nothing.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
