package store

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Credential is an access key id with its secret. Every way of printing,
// logging or encoding it shows the key id alone; only RevealSecret returns the
// secret. The zero value is no credential.
type Credential struct {
	keyID  string
	secret string
}

// NewCredential pairs a key id with its secret.
func NewCredential(keyID, secret string) Credential {
	return Credential{keyID: keyID, secret: secret}
}

// KeyID returns the access key id, which is not secret.
func (c Credential) KeyID() string { return c.keyID }

// RevealSecret returns the secret access key in the clear. Whoever calls it
// answers for where the value goes: into a request to AWS or into a store,
// never into a message.
func (c Credential) RevealSecret() string { return c.secret }

// IsZero reports whether there is no credential here.
func (c Credential) IsZero() bool { return c == Credential{} }

// Equal compares two credentials without telling by its duration where they
// differ.
func (c Credential) Equal(other Credential) bool {
	a, b := sha256.Sum256([]byte(c.secret)), sha256.Sum256([]byte(other.secret))
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
func (c Credential) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", c.String()), nil }

// LogValue hides the secret from log/slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }
