package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	schemaFile    = "../docs/configuration.schema.json"
	referenceFile = "../docs/configuration.md"
	beginMark     = "<!-- generated from the package config: begin -->\n"
	endMark       = "<!-- generated from the package config: end -->\n"
)

// section is one table of the reference: a struct and where it stands.
type section struct {
	title string
	typ   reflect.Type
}

// sections lists the structs of the configuration in the order of their keys.
func sections() []section {
	var all []section
	var walk func(t reflect.Type, title string)
	walk = func(t reflect.Type, title string) {
		all = append(all, section{title, t})
		for _, f := range fieldsOf(t) {
			inner := t.FieldByIndex(f.index).Type
			suffix := ""
			switch inner.Kind() {
			case reflect.Map:
				inner, suffix = inner.Elem(), ".NAME"
			case reflect.Slice:
				inner, suffix = inner.Elem(), "[]"
			case reflect.Pointer:
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner != secretType() {
				walk(inner, join(title, f.name)+suffix)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return all
}

func configTypes() []reflect.Type {
	var types []reflect.Type
	for _, s := range sections() {
		if !slices.Contains(types, s.typ) {
			types = append(types, s.typ)
		}
	}
	return types
}

// reference renders one table a section.
func reference() string {
	var b strings.Builder
	for _, s := range sections() {
		title := "Top level"
		if s.title != "" {
			title = "`" + s.title + "`"
		}
		fmt.Fprintf(&b, "\n### %s\n\n| key | type | default | meaning |\n|---|---|---|---|\n", title)
		for _, f := range fieldsOf(s.typ) {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, typeWords(s.typ.FieldByIndex(f.index).Type, f), defaultWords(s.typ.FieldByIndex(f.index).Type, f), f.doc)
		}
	}
	return b.String() + "\n"
}

func typeWords(t reflect.Type, f field) string {
	switch {
	case len(f.enum) > 0:
		return "`" + strings.Join(f.enum, "`, `") + "`"
	case t == durationType():
		return "duration"
	case t == secretType():
		return "text, secret"
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "list of text"
		}
		return "list"
	case reflect.Map:
		return "mapping by name"
	case reflect.Struct, reflect.Pointer:
		return "mapping"
	case reflect.Int:
		return "number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}

func defaultWords(t reflect.Type, f field) string {
	switch {
	case f.required:
		return "**required**"
	case f.fallback != "":
		return "`" + f.fallback + "`"
	case t.Kind() == reflect.Bool:
		return "`false`"
	}
	return ""
}

func TestReferenceIsFresh(t *testing.T) {
	text := string(read(t, referenceFile))
	before, rest, ok := strings.Cut(text, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		t.Fatalf("%s lacks its marks", referenceFile)
	}
	golden(t, referenceFile, before+beginMark+reference()+endMark+after)
}

// The examples of the reference are whole configurations, and must load.
func TestExamplesInTheReferenceLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(read(t, referenceFile)), -1)
	if len(blocks) < 2 {
		t.Fatalf("found %d examples", len(blocks))
	}
	for i, block := range blocks {
		if _, err := Parse(fmt.Sprintf("example-%d.yaml", i+1), []byte(block[1]), testEnv()); err != nil {
			t.Error(err)
		}
	}
}

func TestSchemaIsFresh(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(schema))
}

// The schema must accept every good fixture and see through what is wrong in
// shape with the bad ones.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	verdict := func(name string) []string {
		var value any
		if err := yaml.Unmarshal(bytes.TrimPrefix(read(t, name), []byte("\ufeff")), &value); err != nil {
			t.Fatal(err)
		}
		return violations(schema, schema, value, "")
	}
	for _, name := range fixtures(t, "good/*.yaml", 10) {
		if wrong := verdict(name); len(wrong) > 0 {
			t.Errorf("the schema refuses %s: %v", filepath.Base(name), wrong)
		}
	}
	for _, name := range []string{"unknown-keys-at-every-depth", "missing-keys", "wrong-shapes", "two-kinds", "no-kind", "not-yet", "durations", "limits"} {
		if len(verdict("testdata/bad/"+name+".yaml")) == 0 {
			t.Errorf("the schema accepts %s", name)
		}
	}
}

// violations checks the few keywords of JSON Schema that Schema uses.
func violations(root, s map[string]any, value any, path string) []string {
	if ref, ok := s["$ref"].(string); ok {
		target, _ := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		return violations(root, target, value, path)
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, path+": "+fmt.Sprintf(format, args...)) }
	if words, ok := s["enum"].([]any); ok && !slices.Contains(words, value) {
		say("%v is none of %v", value, words)
	}
	switch v := value.(type) {
	case map[string]any:
		if s["type"] != "object" {
			say("want %v, not an object", s["type"])
			return wrong
		}
		wrong = append(wrong, objectViolations(root, s, v, path)...)
	case []any:
		items, ok := s["items"].(map[string]any)
		if !ok {
			say("want %v, not an array", s["type"])
			return wrong
		}
		for i, item := range v {
			wrong = append(wrong, violations(root, items, item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		if pattern, ok := s["pattern"].(string); s["type"] != "string" || ok && !regexp.MustCompile(pattern).MatchString(v) {
			say("want %v %v, not %q", s["type"], pattern, v)
		}
	case bool:
		if s["type"] != "boolean" {
			say("want %v, not a boolean", s["type"])
		}
	case uint64:
		least, ok := s["minimum"].(float64)
		if s["type"] != "integer" || ok && float64(v) < least {
			// An unquoted account id is text to the loader, which knows the type.
			if !strings.HasSuffix(path, ".id") {
				say("want %v, not %d", s["type"], v)
			}
		}
	default:
		say("cannot be %T", value)
	}
	return wrong
}

func objectViolations(root, s, object map[string]any, path string) []string {
	var wrong []string
	properties, _ := s["properties"].(map[string]any)
	others, othersAllowed := s["additionalProperties"].(map[string]any)
	for _, key := range sortedKeys(object) {
		inner, known := properties[key].(map[string]any)
		switch {
		case known:
			wrong = append(wrong, violations(root, inner, object[key], join(path, key))...)
		case othersAllowed:
			wrong = append(wrong, violations(root, others, object[key], join(path, key))...)
		default:
			wrong = append(wrong, path+": unknown key "+key)
		}
	}
	required, _ := s["required"].([]any)
	for _, key := range required {
		if _, ok := object[key.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: lacks %v", path, key))
		}
	}
	if most, ok := s["maxProperties"].(float64); ok && (len(object) > int(most) || len(object) == 0) {
		wrong = append(wrong, path+": wants exactly one key")
	}
	return wrong
}
