package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

func durationType() reflect.Type { return reflect.TypeFor[time.Duration]() }

func secretType() reflect.Type { return reflect.TypeFor[Secret]() }

// setText sets a scalar from its text. Errors may quote the text; the caller
// hides it when it came from elsewhere.
func setText(v reflect.Value, f field, text string) error {
	switch {
	case v.Type() == durationType():
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		if d == 0 && f.positive {
			return errors.New("must be longer than zero")
		}
		v.SetInt(int64(d))
	case v.Type() == secretType():
		v.Set(reflect.ValueOf(NewSecret(text)))
	case v.Kind() == reflect.String:
		if len(f.enum) > 0 && !slices.Contains(f.enum, text) {
			return wordError{text, f.enum}
		}
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("want true or false, not %q", text)
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("want a whole number, not %q", text)
		}
		if wrong := f.outOfRange(n); wrong != "" {
			return errors.New(wrong)
		}
		v.SetInt(int64(n))
	default:
		return fmt.Errorf("cannot be read from %q", text)
	}
	return nil
}

// wordError is a word that is none of those allowed.
type wordError struct {
	word  string
	words []string
}

func (e wordError) Error() string {
	return fmt.Sprintf("%q is none of %s", e.word, strings.Join(e.words, ", "))
}

// wanted names what a type is written as, for messages about the wrong shape.
func wanted(t reflect.Type) string {
	switch {
	case t == durationType():
		return "a duration like 90d or 30s"
	case t == secretType():
		return "text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "a mapping"
	}
	return "text"
}
