package store

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxScreened is the longest text, in bytes, that Screen returns.
	maxScreened = 300
	// maxHeard is how many bytes of a message are looked at.
	maxHeard = 4096
	// screenedPart is how many bytes of a secret in a row are a part of it. By
	// chance an ordinary message has six characters of an access key's secret
	// in a row about once in a billion.
	screenedPart = 6

	hiddenText = "(not shown: it may hold part of a secret)"
)

// secretLike matches what may be a secret that nobody here knows, such as a
// token of the program or the service that speaks: an AWS secret has 40
// characters of these, an SES SMTP password 44, and keys in hex 32 and more.
var secretLike = regexp.MustCompile(`[A-Za-z0-9/+=_-]{30,}`)

// Screen makes a message of somebody else, such as a program or a receiver of
// the operator's own, fit to be shown: on one line, cut to 300 bytes, and free
// of the secrets given, in whichever of the usual encodings. A message that has
// as little as six characters of one is replaced as a whole, for it may have
// the rest in a form nobody thought of; so is text that merely looks like a
// secret, alone. Empty for an empty message.
func Screen(said []byte, secrets ...string) string {
	text := string(said[:min(len(said), maxHeard)])
	for _, secret := range secrets {
		if holdsPart(text, secret) {
			return hiddenText
		}
	}
	text = secretLike.ReplaceAllStringFunc(text, func(found string) string {
		if looksSecret(found) {
			return redacted
		}
		return found
	})
	return oneLine(text)
}

// secretWord matches what may be a secret in a document of any format.
var secretWord = regexp.MustCompile(`[A-Za-z0-9/+_.~-]{16,}={0,2}`)

// SecretWords lists the words of a document that Screen should look for. Names
// and key ids, which have no small letters, are not among them: a message may
// say which of them is missing.
func SecretWords(document []byte) []string {
	var secrets []string
	for _, word := range secretWord.FindAllString(string(document), -1) {
		capital, digit := strings.ContainsFunc(word, unicode.IsUpper), strings.ContainsFunc(word, unicode.IsDigit)
		if strings.ContainsFunc(word, unicode.IsLower) && (capital || digit) {
			secrets = append(secrets, word)
		}
	}
	return secrets
}

// holdsPart reports whether a text holds a part of a secret.
func holdsPart(text, secret string) bool {
	if secret == "" {
		return false
	}
	plain := []string{text, unquoted(text)}
	if decoded, err := url.PathUnescape(text); err == nil {
		plain = append(plain, decoded)
	}
	for _, said := range plain {
		if shares(said, secret, screenedPart) {
			return true
		}
	}
	if shares(strings.ToLower(text), hex.EncodeToString([]byte(secret)), 2*screenedPart) {
		return true
	}
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(text)
	// In base64 a text looks different at each of three places; the characters
	// at its ends depend on its neighbours.
	for shift := range 3 {
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + secret))
		from, to := 0, len(coded)
		if shift > 0 {
			from = shift + 1
		}
		if (len(secret)+shift)%3 > 0 {
			to--
		}
		if to-from >= screenedPart && shares(standard, coded[from:to], screenedPart+2) {
			return true
		}
	}
	return false
}

// shares reports whether a text has so many bytes of a secret in a row, or all
// of a shorter one.
func shares(text, secret string, part int) bool {
	part = min(part, len(secret))
	for i := 0; i+part <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+part]) {
			return true
		}
	}
	return false
}

// unquoted takes the marks of JSON, HTML, shells and line ends out of a text.
func unquoted(text string) string {
	text = strings.NewReplacer(`\u002b`, "+", `\u002B`, "+", `\u002f`, "/", `\u002F`, "/", `\u003d`, "=", `\u003D`, "=").Replace(text)
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("\\\"'", r) {
			return -1
		}
		return r
	}, html.UnescapeString(text))
}

// looksSecret reports whether a long word has what random text has and names,
// paths and dates do not: capitals, small letters and digits together, or
// nothing but hexadecimal digits.
func looksSecret(word string) bool {
	_, err := hex.DecodeString(word[:len(word)/2*2])
	return err == nil || strings.ContainsFunc(word, unicode.IsUpper) && strings.ContainsFunc(word, unicode.IsLower) &&
		strings.ContainsFunc(word, unicode.IsDigit)
}

// oneLine joins lines, replaces what would drive a terminal, and cuts.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text))
	if len(text) <= maxScreened {
		return text
	}
	cut := maxScreened
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
