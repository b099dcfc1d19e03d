package rest

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// Authorizer adds the authorisation to the headers of a request. Its errors
// show nothing of it.
type Authorizer func(context.Context, http.Header) error

// Header authorises by a header that holds the token as it is.
func Header(name, token string) (Authorizer, error) { return fixed(name, "", token, token) }

// Bearer authorises by a bearer token.
func Bearer(token string) (Authorizer, error) { return fixed("Authorization", "Bearer ", token, token) }

// Basic authorises by a user's name, which may be empty, and a password.
func Basic(user, password string) (Authorizer, error) {
	return fixed("Authorization", "Basic ", base64.StdEncoding.EncodeToString([]byte(user+":"+password)), user+password)
}

// fixed authorises by one header that never changes. The secret lies in a
// closure, where no print of a client finds it.
func fixed(name, prefix, value, secret string) (Authorizer, error) {
	if secret == "" {
		return nil, errors.New("authorise: the token is empty")
	}
	if strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("authorise: the token holds a line end or another control character")
	}
	return func(_ context.Context, h http.Header) error {
		h.Set(name, prefix+value)
		return nil
	}, nil
}
