package github

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	sdk "github.com/google/go-github/v93/github"
	"golang.org/x/crypto/nacl/box"
)

// keyLength is that of a public key of X25519, in bytes.
const keyLength = 32

var errBadKey = errors.New("GitHub answered with no public key of 32 bytes in Base64")

// publicKey is what secrets of a place are sealed for.
type publicKey struct {
	id  string
	key [keyLength]byte
	// scopes is what the answer told of the token: those of a classic one, nil
	// for every other kind.
	scopes []string
}

func readPublicKey(told *sdk.PublicKey, response *sdk.Response) (*publicKey, error) {
	if told == nil || told.KeyID == nil || told.Key == nil {
		return nil, errBadKey
	}
	raw, err := base64.StdEncoding.DecodeString(*told.Key)
	if err != nil || len(raw) != keyLength || *told.KeyID == "" {
		return nil, errBadKey
	}
	return &publicKey{*told.KeyID, [keyLength]byte(raw), scopesOf(response)}, nil
}

// seal encrypts a value as GitHub's API wants it: a sealed box, in Base64
// (GitHub Docs, "Encrypting secrets for the REST API").
func (k *publicKey) seal(value string) (string, error) {
	sealed, err := box.SealAnonymous(nil, []byte(value), &k.key, rand.Reader)
	if err != nil {
		return "", fmt.Errorf("seal a value: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// scopesOf reads X-OAuth-Scopes, which answers have for classic tokens (GitHub
// Docs, "Scopes for OAuth apps").
func scopesOf(response *sdk.Response) []string {
	if response == nil {
		return nil
	}
	header := response.Header.Values(http.CanonicalHeaderKey("X-OAuth-Scopes"))
	if len(header) == 0 {
		return nil
	}
	scopes := []string{}
	for scope := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// missingScope returns the scope if the token is a classic one without it.
func (k *publicKey) missingScope(scope string) string {
	if k.scopes == nil || slices.Contains(k.scopes, scope) {
		return ""
	}
	return scope
}
