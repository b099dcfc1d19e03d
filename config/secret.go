package config

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Secret is text that shows itself in no print, log, JSON or error form. The
// zero Secret is empty.
type Secret struct{ value string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{value: text} }

// RevealSecretText returns the text itself. Its name is long so that every use
// of it is seen in review.
func (s Secret) RevealSecretText() string { return s.value }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format writes the placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText writes the placeholder; it serves JSON, YAML and slog alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
