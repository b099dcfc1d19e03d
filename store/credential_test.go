package store_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

const canary = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARYKEY1"

func TestNoFormOfACredentialShowsItsSecret(t *testing.T) {
	c := store.NewCredential("AKIAIOSFODNN7EXAMPLE", canary)
	type holder struct {
		hidden store.Credential
		Shown  *store.Credential
		Many   []store.Credential
		Named  map[string]store.Credential
	}
	h := holder{c, &c, []store.Credential{c}, map[string]store.Credential{"a": c}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%c", "%U"} {
		for _, value := range []any{c, &c, h, &h, []any{c, h}, reflect.ValueOf(h), fmt.Errorf("put: %w", errors.New(c.String()))} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.Info("hello", "c", c, "p", &c, "h", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("hello", "c", c, "p", &c, "h", h)
	for _, value := range []any{c, &c, h} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("encode JSON: %v", err)
		}
		out.Write(encoded)
	}
	type document struct{ C store.Credential }
	encoded, err := xml.Marshal(document{c})
	if err != nil {
		t.Fatalf("encode XML: %v", err)
	}
	out.Write(encoded)
	for _, form := range []string{canary, canary[:12], fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strings.ReplaceAll(canary, "/", `\/`)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("output shows the secret as %q", form[:6]+"…")
		}
	}
	if !strings.Contains(out.String(), "AKIAIOSFODNN7EXAMPLE [redacted]") {
		t.Error("output does not show the key id")
	}
}

func TestCredentialsCompareByValue(t *testing.T) {
	a, b := store.NewCredential("K", "s"), store.NewCredential("K", strings.Clone("s"))
	if a != b || !a.Equal(b) || !reflect.DeepEqual(a, b) {
		t.Error("equal credentials do not compare equal")
	}
	for _, other := range []store.Credential{store.NewCredential("K", "t"), store.NewCredential("L", "s"), {}} {
		if a == other || a.Equal(other) {
			t.Errorf("%v compares equal to %v", a, other)
		}
	}
	zero := store.NewCredential("", "")
	if !zero.IsZero() || zero.RevealSecret() != "" || a.IsZero() || store.NewCredential("K", "").IsZero() {
		t.Error("the zero credential is not told from others")
	}
	if a.RevealSecret() != "s" || a.KeyID() != "K" {
		t.Error("a credential does not give back what it was made of")
	}
}
