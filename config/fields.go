package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field is what the struct tags say of one key.
type field struct {
	name     string
	doc      string
	index    []int
	required bool
	positive bool   // a duration that must not be zero
	fallback string // the default as it would be written
	enum     []string
	least    string
	greatest string
}

// fieldsOf lists the keys of a struct in the order of its declaration, those of
// inlined structs among them.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		described := field{name: name, doc: f.Tag.Get("doc"), index: f.Index, positive: f.Tag.Get("check") == "positive"}
		for word := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "required":
				described.required = true
			case "default":
				described.fallback = value
			case "enum":
				described.enum = append(described.enum, value)
			case "minimum":
				described.least = value
			case "maximum":
				described.greatest = value
			}
		}
		fields = append(fields, described)
	}
	return fields
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func findField(fields []field, name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// fillDefaults sets the defaults of a struct and of the structs within it.
// Lists, maps and pointers stay empty: their structs are filled when made.
func fillDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		target := v.FieldByIndex(f.index)
		if target.Kind() == reflect.Struct && target.Type() != secretType() {
			fillDefaults(target)
			continue
		}
		if f.fallback != "" {
			// A test sets every default of every type, so none can fail here.
			_ = setText(target, f, f.fallback)
		}
	}
}

// outOfRange says what is wrong with a number, or nothing.
func (f field) outOfRange(n int) string {
	if least, err := strconv.Atoi(f.least); err == nil && n < least {
		return "must be at least " + f.least
	}
	if greatest, err := strconv.Atoi(f.greatest); err == nil && n > greatest {
		return "must be at most " + f.greatest
	}
	return ""
}
