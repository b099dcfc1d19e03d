package config

import (
	"strconv"
	"strings"
	"testing"
)

func TestExpandedValuesAreHidden(t *testing.T) {
	src := newSource("x.yaml", nil)
	src.expanded = map[string]string{"a": `pa"ss"wo"rd`, "b": "abc", "c": ""}
	for _, c := range []struct{ name, path, text, want string }{
		{"the value as it is", "a", `is pa"ss"wo"rd here`, "is " + redacted + " here"},
		{"the value in quotes", "a", "is " + strconv.Quote(`pa"ss"wo"rd`), `is "` + redacted + `"`},
		{"a part of the value", "a", `is ss"wo here`, "is " + redacted + " here"},
		{"the value, told at another path", "z", `is pa"ss"wo"rd here`, "is " + redacted + " here"},
		{"a short value at its own path", "b", "is abc", "is " + redacted},
		{"a short value elsewhere may be any word", "z", "is abc", "is abc"},
		{"an empty value hides nothing", "c", "is plain", "is plain"},
	} {
		if got := src.hide(c.path, c.text); got != c.want {
			t.Errorf("%s: hide = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestExcerptsMaskSecretsAndKeepTheirColumns(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"a password in a URL", "journal: postgres://me:hunter2@db/x", "journal: postgres://me:*******@db/x"},
		{"a key that sounds like a secret", `password: "hunter2" # x`, "password: ********* # x"},
		{"two on one line", "{token: ab, external_id: cd}", "{token: **, external_id: **}"},
		{"a value of many bytes a letter", "token: üüü, x: 1", "token: ***, x: 1"},
		{"a reference is no secret", `external_id: "${file:/etc/x}"`, `external_id: "${file:/etc/x}"`},
		{"the name of a secret is no secret", "secret: prod/ci", "secret: prod/ci"},
	} {
		if got := mask(c.line); got != c.want {
			t.Errorf("%s: mask = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSuggestions(t *testing.T) {
	known := []string{"overlap", "quiet", "trial", "policies", "secretsmanager"}
	for name, want := range map[string]string{
		"overlpa": "overlap", "quite": "quiet", "policy": "policies", "secretmanager": "secretsmanager", "tiral": "trial",
		"windows": "", "": "", "x": "", strings.Repeat("overlap", 100): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
