package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	pattern := regexp.MustCompile(durationPattern)
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d12h": 36 * time.Hour, "2w": 14 * day, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"0": 0, "0s": 0, "1.5h": 90 * time.Minute, "1m1s": 61 * time.Second, "3650d": maxDuration, "1w1d1h1m1s1ms": 8*day + time.Hour + time.Minute + time.Second + time.Millisecond,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
		if !pattern.MatchString(text) {
			t.Errorf("the schema refuses %q", text)
		}
	}
	for _, text := range []string{
		"", "-1h", "1", "h", "1 h", "1h ", "1x", "1us", "1.h", ".5h", "1e3s", "+1h", "3651d", "3650d1ms", "999999999999w",
		"9999999999999999999999s", "1h-1m", "٣h", "0x1s",
	} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, d)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "1d12h": 36 * time.Hour, "7d": week, "1m30s": 90 * time.Second, "1ms": time.Millisecond, "-1h": -time.Hour,
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"90d", "1d12h", "1.5h", "0", "999999999999w", "1h1h", "-1s"} {
		f.Add(seed)
	}
	pattern := regexp.MustCompile(durationPattern)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 || d > maxDuration {
			t.Fatalf("ParseDuration(%q) = %v, outside its bounds", text, d)
		}
		if !pattern.MatchString(text) {
			t.Fatalf("the schema refuses %q", text)
		}
		whole := d.Truncate(time.Millisecond)
		if again, err := ParseDuration(FormatDuration(d)); err != nil || again != whole {
			t.Fatalf("%q is formatted as %q, which is %v (%v)", text, FormatDuration(d), again, err)
		}
	})
}

func TestSecretShowsItselfNowhere(t *testing.T) {
	type holder struct{ S Secret }
	s := NewSecret(canary)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "h", holder{s})
	asJSON, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	asKey, err := json.Marshal(map[Secret]int{s: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		s.String(), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", holder{s}, holder{s}, &holder{s}),
		string(asJSON), string(asKey), log.String(), fmt.Errorf("x: %v", s).Error(),
	} {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("the secret shows in %q", text)
		}
	}
	if s.RevealSecretText() != canary || s.IsZero() || !(Secret{}).IsZero() {
		t.Error("the secret is not kept")
	}
}

// Every default in the tags must be one that the loader itself would accept:
// fillDefaults relies on it.
func TestDefaultsInTagsAreAccepted(t *testing.T) {
	for _, typ := range configTypes() {
		for _, f := range fieldsOf(typ) {
			if f.doc == "" || !strings.HasSuffix(f.doc, ".") {
				t.Errorf("%v.%s has no description that ends in a full stop", typ, f.name)
			}
			if f.fallback == "" {
				continue
			}
			if err := setText(reflect.New(typ).Elem().FieldByIndex(f.index), f, f.fallback); err != nil {
				t.Errorf("default of %v.%s: %v", typ, f.name, err)
			}
		}
	}
}

func TestNotYetNamesNothingThatExists(t *testing.T) {
	for _, typ := range configTypes() {
		for _, name := range notYet(typ) {
			if _, exists := findField(fieldsOf(typ), name); exists {
				t.Errorf("%v has %q, which notYet refuses", typ, name)
			}
		}
	}
}
