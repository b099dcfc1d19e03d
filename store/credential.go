package store

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// Credential is an access key id with its secret. Every way of printing,
// logging or encoding it shows the key id alone; only RevealSecret returns the
// secret. The zero value is no credential. Two credentials with the same key id
// and secret are ==.
type Credential struct {
	keyID string
	// The secret lies behind a handle because fmt prints a struct's unexported
	// fields by reflection, without asking their methods: a plain string would
	// show in a %v of whatever struct holds a Credential.
	secret unique.Handle[string]
}

// NewCredential pairs a key id with its secret.
func NewCredential(keyID, secret string) Credential {
	c := Credential{keyID: keyID}
	if secret != "" {
		c.secret = unique.Make(secret)
	}
	return c
}

// KeyID returns the access key id, which is not secret.
func (c Credential) KeyID() string { return c.keyID }

// RevealSecret returns the secret access key in the clear. Whoever calls it
// answers for where the value goes: into a request to AWS or into a store,
// never into a message.
func (c Credential) RevealSecret() string {
	if c.secret == (unique.Handle[string]{}) {
		return ""
	}
	return c.secret.Value()
}

// IsZero reports whether there is no credential here.
func (c Credential) IsZero() bool { return c == Credential{} }

// Equal compares two credentials without telling by its duration where they
// differ.
func (c Credential) Equal(other Credential) bool {
	a, b := sha256.Sum256([]byte(c.RevealSecret())), sha256.Sum256([]byte(other.RevealSecret()))
	return c.keyID == other.keyID && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String shows the key id and hides the secret.
func (c Credential) String() string { return c.keyID + " " + redacted }

// GoString hides the secret from %#v.
func (c Credential) GoString() string { return "store.Credential{" + c.String() + "}" }

// Format hides the secret from every verb, also from those that would print
// the fields of a struct.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String()) // fmt offers no way to report it
}

// MarshalText hides the secret from encoders of text, YAML among them.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalJSON hides the secret from JSON.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// LogValue hides the secret from log/slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }
