package config

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"
)

// Schema returns the JSON Schema of the configuration file, indented and with a
// final line break. It checks shapes and words; what depends on several values,
// such as a lead, only Parse checks.
func Schema() ([]byte, error) {
	reflector := &jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapScalar,
		LookupComment:              lookupDoc,
	}
	schema := reflector.Reflect(&Config{})
	schema.Title = "keyrotator configuration"
	schema.Description = "The configuration file of keyrotator. Generated from the package config; do not edit."
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the configuration's JSON Schema: %w", err)
	}
	return append(text, '\n'), nil
}

// mapScalar describes the types that a file writes as text.
func mapScalar(t reflect.Type) *jsonschema.Schema {
	switch t {
	case durationType():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
	case secretType():
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

// lookupDoc answers with the doc tag, so that the schema and the reference say
// the same.
func lookupDoc(t reflect.Type, fieldName string) string {
	if fieldName == "" {
		return ""
	}
	f, ok := t.FieldByName(fieldName)
	if !ok {
		return ""
	}
	return f.Tag.Get("doc")
}

// JSONSchemaExtend says that a store has exactly one kind.
func (Store) JSONSchemaExtend(s *jsonschema.Schema) {
	one := uint64(1)
	s.MinProperties, s.MaxProperties = &one, &one
}
