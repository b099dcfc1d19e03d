package charts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keyrotator/keyrotator/config"
)

const (
	schemaFile = chart + "/values.schema.json"
	// definitionsKey begins the part of the schema that is generated: its last key.
	definitionsKey = "\n  \"$defs\": "
)

// withConfiguration is the chart's schema with the definitions of the
// configuration's own, whose references are the same in both.
func withConfiguration(t *testing.T, schema string) string {
	t.Helper()
	own, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root object
	if err := json.Unmarshal(own, &root); err != nil {
		t.Fatal(err)
	}
	definitions := root["$defs"].(object)
	for _, key := range []string{"$schema", "$defs", "title"} {
		delete(root, key)
	}
	definitions["Config"] = root
	text, err := json.MarshalIndent(definitions, "  ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	written, _, found := strings.Cut(schema, definitionsKey)
	if !found {
		t.Fatalf("%s has no $defs as its last key", schemaFile)
	}
	return written + definitionsKey + string(text) + "\n}\n"
}

func TestTheSchemaOfTheConfigurationIsFresh(t *testing.T) {
	have := read(t, schemaFile)
	want := withConfiguration(t, have)
	if *update {
		write(t, schemaFile, want)
		return
	}
	if have != want {
		t.Errorf("the configuration in %s is stale: run go generate ./charts", schemaFile)
	}
}

// places walks the chart's own part of the schema: every value by its path.
func places(t *testing.T, visit func(path string, s object)) {
	t.Helper()
	var schema object
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &schema); err != nil {
		t.Fatal(err)
	}
	resolve := func(path string, s object) {
		whole := maps.Clone(s)
		if name, ok := strings.CutPrefix(fmt.Sprint(s["$ref"]), "#/definitions/"); ok {
			for key, value := range at(schema, "definitions", name).(object) {
				if key != "description" {
					whole[key] = value
				}
			}
		}
		if whole["properties"] == nil {
			whole["properties"] = object{}
		}
		visit(path, whole)
	}
	var deep func(path string, s object)
	deep = func(path string, s object) {
		resolve(path, s)
		target := s
		if name, ok := strings.CutPrefix(fmt.Sprint(s["$ref"]), "#/definitions/"); ok {
			target = at(schema, "definitions", name).(object)
		}
		properties, _ := target["properties"].(object)
		for key, inner := range properties {
			deep(strings.TrimPrefix(path+"."+key, "."), inner.(object))
		}
		if items, ok := target["items"].(object); ok {
			deep(path+"[]", items)
		}
	}
	deep("", schema)
}

// free are the values whose keys nobody can list: they are Kubernetes' own, or
// the user's.
var free = []string{
	"global", "affinity", "podSecurityContext", "securityContext",
	"extraEnv[]", "extraEnvFrom[]", "extraInitContainers[]", "extraContainers[]", "extraVolumes[]", "extraVolumeMounts[]", "tolerations[]",
	"topologySpreadConstraints[]", "networkPolicy.from[]", "networkPolicy.extraEgress[]", "resources.claims[]",
	"serviceMonitor.relabelings[]", "serviceMonitor.metricRelabelings[]", "podMonitor.relabelings[]", "podMonitor.metricRelabelings[]",
}

func TestTheSchemaIsStrictAndDescribesEveryValue(t *testing.T) {
	var seen []string
	places(t, func(path string, s object) {
		seen = append(seen, path)
		if s["description"] == nil && !strings.HasSuffix(path, "[]") {
			t.Errorf("%q has no description", path)
		}
		if s["type"] != "object" || slices.Contains(free, path) {
			return
		}
		if s["additionalProperties"] == nil || is(s, "additionalProperties") {
			t.Errorf("%q takes any key", path)
		}
	})
	for _, path := range free {
		if !slices.Contains(seen, path) {
			t.Errorf("%q is no value any more", path)
		}
	}
	if len(seen) < 80 {
		t.Errorf("only %d values were found in the schema", len(seen))
	}
}

// Every value has a default and a line in the README, and nothing else has.
func TestTheSchemaAndTheDefaultsHaveTheSameValues(t *testing.T) {
	var defaults object
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &defaults); err != nil {
		t.Fatal(err)
	}
	places(t, func(path string, s object) {
		keys, _ := s["properties"].(object)
		if len(keys) == 0 || strings.Contains(path, "[]") {
			return
		}
		var steps []any
		if path != "" {
			for step := range strings.SplitSeq(path, ".") {
				steps = append(steps, step)
			}
		}
		have, _ := at(defaults, steps...).(object)
		for key := range keys {
			if _, ok := have[key]; !ok && !slices.Contains(undefaulted, path+"."+key) {
				t.Errorf("values.yaml has no %q", path+"."+key)
			}
		}
		for key := range have {
			if _, ok := keys[key]; !ok && !slices.Contains(free, path) {
				t.Errorf("the schema does not know %q of values.yaml", path+"."+key)
			}
		}
	})
}

// undefaulted may be set and has no default.
var undefaulted = []string{
	".global", "resources.claims",
	"startupProbe.initialDelaySeconds", "startupProbe.successThreshold",
	"livenessProbe.initialDelaySeconds", "livenessProbe.successThreshold",
	"readinessProbe.initialDelaySeconds", "readinessProbe.successThreshold",
}

func TestTheSchemaRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, values := range map[string][2]string{
		"a misspelt value":                {"replicas: 1", "'replicas' not allowed"},
		"a misspelt inner value":          {"image: {digset: x}", "'digset' not allowed"},
		"a misspelt key of config":        {"config: {jurnal: x}", "'jurnal' not allowed"},
		"a misspelt key of a store":       {"config: {users: [{user: prod/x, consumers: [{store: {kubernetes: {namespace: a, secrte: b}}}]}]}", "'secrte' not allowed"},
		"a store of two kinds":            {"config: {users: [{user: prod/x, consumers: [{store: {file: {path: /x}, ssm: {parameter: /x}}}]}]}", "/store"},
		"an account id that is no text":   {"config: {accounts: {prod: {id: 111122223333}}}", "/config/accounts/prod/id"},
		"a duration without a unit":       {"config: {policies: {default: {overlap: \"24\"}}}", "/config/policies/default/overlap"},
		"a digest that is none":           {"image: {digest: latest}", "/image/digest"},
		"a claim that several may mount":  {"persistence: {accessMode: ReadWriteMany}", "/persistence/accessMode"},
		"a label that the chart sets":     {"commonLabels: {app.kubernetes.io/name: x}", "invalid propertyName 'app.kubernetes.io/name'"},
		"a pod label that would mislead":  {"podLabels: {app.kubernetes.io/instance: x}", "invalid propertyName 'app.kubernetes.io/instance'"},
		"a privileged port":               {"port: 80", "/port"},
		"a negative number of replicas":   {"replicaCount: -1", "/replicaCount"},
		"a Secret without a name":         {"existingSecrets: [{folder: x}]", "/existingSecrets/0"},
		"a folder that leaves the folder": {"existingSecrets: [{name: x, folder: ../etc}]", "/existingSecrets/0/folder"},
	} {
		t.Run(name, func(t *testing.T) {
			a := render(t, valuesFiles(t)["minimal"], write(t, t.TempDir()+"/values.yaml", values[0]))
			if a.err == nil || !strings.Contains(a.stderr, values[1]) {
				t.Errorf("helm template ended with %v and said %s", a.err, a.stderr)
			}
		})
	}
	if a := render(t); a.err == nil || !strings.Contains(a.stderr, "missing property 'accounts'") {
		t.Errorf("without any values helm template ended with %v and said %s", a.err, a.stderr)
	}
}
