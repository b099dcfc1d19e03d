package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// The limits of custom metadata in bytes (API documentation of KV version 2,
// "Create/Update metadata": 64 keys, 128 bytes a key, 512 bytes a value).
const (
	maxKey   = 128
	maxValue = 512
)

// The names in a secret's custom metadata.
const (
	ownerKey = "keyrotator"
	// tracePrefix begins the name that stands for one credential; the value is
	// the version that it was to replace.
	tracePrefix = "keyrotator:"
)

// mark is what the custom metadata says of who writes the secret.
type mark struct {
	owner string
	// replaced maps the trace of each credential that the owner has put there, or
	// was about to, to the version that it was to replace.
	replaced map[string]int
}

// parseMark reads the mark. What is not ours, or not as we write it, is left out.
func parseMark(custom map[string]any) mark {
	m := mark{replaced: map[string]int{}}
	m.owner, _ = custom[ownerKey].(string)
	for key, value := range custom {
		trace, ours := strings.CutPrefix(key, tracePrefix)
		text, isText := value.(string)
		if version, err := strconv.Atoi(text); ours && trace != "" && isText && err == nil && version >= 0 {
			m.replaced[trace] = version
		}
	}
	return m
}

// names reports whether the owner has put that credential there.
func (m mark) names(trace string) bool {
	_, named := m.replaced[shorten(trace)]
	return trace != "" && named
}

// before returns what was there before the present one, as far as the mark
// tells.
func (m mark) before(present string) string {
	latest, found := -1, ""
	for trace, version := range m.replaced {
		if trace != shorten(present) && version < m.replaced[shorten(present)] && version > latest {
			latest, found = version, trace
		}
	}
	return found
}

// announce is the patch of the custom metadata that has to precede a write over
// a version: the owner, the new credential, and an end to those that neither lie
// there nor can be on their way. A write that was to replace an older version is
// not: check-and-set refuses it.
func (m mark) announce(owner, next, present string, version int) map[string]any {
	patch := map[string]any{ownerKey: owner, tracePrefix + shorten(next): strconv.Itoa(version)}
	for trace, replaced := range m.replaced {
		if trace != shorten(next) && trace != shorten(present) && replaced < version {
			patch[tracePrefix+trace] = nil
		}
	}
	return patch
}

// shorten makes a name of a trace that would be too long for one.
func shorten(trace string) string {
	if len(tracePrefix+trace) <= maxKey {
		return trace
	}
	sum := sha256.Sum256([]byte(trace))
	return hex.EncodeToString(sum[:])
}
