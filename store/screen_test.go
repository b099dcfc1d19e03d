package store

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const screened = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYZ5n0bKEQ2x"

func TestAMessageThatHoldsPartOfASecretIsNotShown(t *testing.T) {
	quoted, _ := json.Marshal(screened)
	for name, said := range map[string]string{
		"the secret":                    "bad secret " + screened,
		"its beginning":                 "bad secret wJalrX...",
		"its end":                       "it ends in bKEQ2x",
		"JSON":                          "got " + string(quoted),
		"JSON with slashes escaped":     `{"s":"` + strings.ReplaceAll("FEMI/K7MD", "/", `\/`) + `"}`,
		"JSON for HTML":                 `G\u002bbPxRf`,
		"HTML":                          html.EscapeString("NG+bP") + "&#43;" + "NG&#43;bPxR",
		"a query":                       url.QueryEscape(screened),
		"a path":                        "MI%2FK7MD",
		"letter by letter in quotes":    `'w''J''a''l''r''X'`,
		"one line after the other":      "wJa\nlrX\n",
		"hex":                           hex.EncodeToString([]byte(screened[8:20])),
		"capital hex":                   strings.ToUpper(hex.EncodeToString([]byte(screened[8:20]))),
		"base64":                        base64.StdEncoding.EncodeToString([]byte(screened)),
		"base64, one byte further":      base64.StdEncoding.EncodeToString([]byte("x" + screened)),
		"base64 for URLs, two further":  base64.RawURLEncoding.EncodeToString([]byte("xy" + screened + "z")),
		"base64 of a piece in the text": "got " + base64.StdEncoding.EncodeToString([]byte(screened))[20:30],
	} {
		t.Run(name, func(t *testing.T) {
			if got := Screen([]byte(said), "other", screened); got != hiddenText {
				t.Errorf("Screen(%q) = %q", said, got)
			}
		})
	}
}

func TestAMessageThatHoldsNoSecretIsShown(t *testing.T) {
	for _, x := range []struct{ name, said, want string }{
		{"nothing", "", ""},
		{"nothing but line ends", "\n\r\n", ""},
		{"a sentence", "no bucket of that name\n", "no bucket of that name"},
		{"several lines", "first\nsecond\n", "first; second"},
		{"what drives a terminal", "red\x1b[31m\tx\xff", "red?[31m x?"},
		{"a key id, a path and an ARN", "AKIAIOSFODNN7EXAMPLE /usr/local/lib/keyrotator/examples/push-to-nowhere arn:aws:iam::111122223333:user/ci", "AKIAIOSFODNN7EXAMPLE /usr/local/lib/keyrotator/examples/push-to-nowhere arn:aws:iam::111122223333:user/ci"},
		{"the name of the variable", "AWS_SECRET_ACCESS_KEY_OF_THE_NIGHTLY_JOB is not set", "AWS_SECRET_ACCESS_KEY_OF_THE_NIGHTLY_JOB is not set"},
		{"an unknown secret", "token " + strings.Repeat("aB3", 12) + " is bad", "token [redacted] is bad"},
		{"an unknown key in hex", "key " + strings.Repeat("0f", 16) + " is bad", "key [redacted] is bad"},
		{"more than anybody reads", strings.Repeat("é", 200), strings.Repeat("é", 150) + "…"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := Screen([]byte(x.said), "", screened); got != x.want {
				t.Errorf("Screen = %q, want %q", got, x.want)
			}
		})
	}
}

func TestTheSecretWordsOfADocumentAreThoseThatMayBeSecret(t *testing.T) {
	document := "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY='" + screened + "' # a-lower-case-comment\n{\"smtp_password\": \"BMXh/9fQ0kYw2J7z==\"}"
	if got := SecretWords([]byte(document)); !slices.Equal(got, []string{screened, "BMXh/9fQ0kYw2J7z=="}) {
		t.Errorf("words = %q", got)
	}
}

func FuzzScreenShowsNoPartOfASecret(f *testing.F) {
	f.Add([]byte("no such bucket"), screened)
	f.Add([]byte("x"+screened+"x"), screened)
	f.Add([]byte("wJa\x00lrX"), screened)
	f.Add([]byte("a\nb\tc"), "abc")
	f.Fuzz(func(t *testing.T, said []byte, secret string) {
		if len(secret) > 200 {
			return // no secret is that long, and looking for one takes its time
		}
		got := Screen(said, secret)
		if len(got) > maxScreened+len("…") && got != hiddenText {
			t.Fatalf("%d bytes are shown", len(got))
		}
		if strings.ContainsAny(got, "\n\r\x1b\x00") {
			t.Fatalf("%q drives a terminal", got)
		}
		if got == hiddenText || strings.Contains(got, redacted) || len(secret) < screenedPart {
			return
		}
		if shares(got, secret, screenedPart) && shares(string(said), secret, screenedPart) {
			t.Fatalf("%q shows part of the secret", got)
		}
	})
}
