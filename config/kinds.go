package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// actionKind is one kind of reload or of probe, as it is configured.
type actionKind interface {
	// complete fills in the defaults that depend on other values. It runs
	// before check, and leaves alone whatever it cannot make sense of.
	complete(c *Config, u User, of Consumer)
	// check refuses what cannot be right, with the path of what it looked at.
	check(c *checker, path string)
}

// kindFields lists the fields of a struct that are kinds: its pointers.
func kindFields(t reflect.Type) []field {
	return slices.DeleteFunc(fieldsOf(t), func(f field) bool {
		return t.FieldByIndex(f.index).Type.Kind() != reflect.Pointer
	})
}

// kindsSet lists the kinds that are set in a struct, in the order of its fields.
func kindsSet(section any) (names []string, kinds []actionKind) {
	v := reflect.ValueOf(section)
	for _, f := range kindFields(v.Type()) {
		if kind := v.FieldByIndex(f.index); !kind.IsNil() {
			// A test asks this of every field.
			k, _ := reflect.TypeAssert[actionKind](kind)
			names, kinds = append(names, f.name), append(kinds, k)
		}
	}
	return names, kinds
}

// firstKind returns the key of the one kind that is set, empty for none.
func firstKind(section any) string {
	if names, _ := kindsSet(section); len(names) > 0 {
		return names[0]
	}
	return ""
}

// completeKinds fills in the defaults of whatever is set.
func completeKinds(section any, c *Config, u User, of Consumer) {
	_, kinds := kindsSet(section)
	for _, kind := range kinds {
		kind.complete(c, u, of)
	}
}

// action checks that exactly one kind is set, and checks that one.
func (c *checker) action(path string, section any) {
	if !c.usable(path) {
		return
	}
	names, kinds := kindsSet(section)
	switch {
	case len(kinds) > 1:
		c.failKey(path, fmt.Sprintf("has two kinds, %s and %s", names[0], names[1]), "exactly one kind")
	case len(kinds) == 1:
		if at := path + "." + names[0]; c.usable(at) {
			kinds[0].check(c, at)
		}
	case !c.saidAbout(path):
		known := fieldNames(kindFields(reflect.TypeOf(section)))
		slices.Sort(known)
		c.failKey(path, "names no kind", "one of "+strings.Join(known, ", "))
	}
}

// exactlyOneKind says in the JSON Schema what action checks.
func exactlyOneKind(s *jsonschema.Schema, section reflect.Type) {
	for _, f := range kindFields(section) {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{f.name}})
	}
}
