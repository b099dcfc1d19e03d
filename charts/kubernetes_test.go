package charts_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// schemas writes what kubeconform checks objects by: Kubernetes' published API, and
// the resource definitions of the Prometheus operator. kubeconform would download
// them otherwise.
func schemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var published struct {
		Definitions map[string]object
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(tools(t), "openapi.json"))), &published); err != nil {
		t.Fatal(err)
	}
	for _, definition := range published.Definitions {
		strict(definition)
	}
	// Kubernetes takes these as a number or as text, which OpenAPI 2 cannot say.
	published.Definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = object{"type": []string{"integer", "string"}}
	published.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = object{"type": []string{"number", "string"}}
	writeJSON(t, filepath.Join(dir, "definitions.json"), object{"definitions": published.Definitions})
	for name, definition := range published.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // several are parts of a request and no objects
			continue
		}
		group, version, kind := at(kinds[0], "group").(string), at(kinds[0], "version").(string), at(kinds[0], "kind").(string)
		writeJSON(t, filepath.Join(dir, fileOf(group, version, kind)), object{"$ref": "definitions.json#/definitions/" + name})
	}
	crds, err := filepath.Glob(filepath.Join(tools(t), "crds", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range crds {
		var crd object
		if err := yaml.Unmarshal([]byte(read(t, path)), &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range at(crd, "spec", "versions").([]any) {
			schema := at(version, "schema", "openAPIV3Schema").(object)
			strict(schema)
			writeJSON(t, filepath.Join(dir, fileOf(at(crd, "spec", "group").(string), at(version, "name").(string), at(crd, "spec", "names", "kind").(string))), schema)
		}
	}
	return dir
}

// strict refuses keys that a schema does not list, as the API server does with
// strict validation. metadata of a resource definition lists none.
func strict(schema object) {
	if is(schema, "x-kubernetes-int-or-string") {
		delete(schema, "anyOf")
		schema["type"] = []string{"integer", "string"}
	}
	properties, _ := schema["properties"].(object)
	if _, ok := schema["additionalProperties"]; !ok && len(properties) > 0 && !is(schema, "x-kubernetes-preserve-unknown-fields") {
		schema["additionalProperties"] = false
	}
	inner := slices.Collect(maps.Values(properties))
	for _, next := range append(inner, schema["items"], schema["additionalProperties"]) {
		if next, ok := next.(object); ok {
			strict(next)
		}
	}
}

// is tells whether a keyword is there and true.
func is(schema object, keyword string) bool {
	value, _ := schema[keyword].(bool)
	return value
}

// fileOf names a schema as kubeconform asks for it, which takes the version for the
// group of objects that have none.
func fileOf(group, version, kind string) string {
	if group == "" {
		group = version
	}
	return strings.ToLower(group + "_" + version + "_" + kind + ".json")
}

func writeJSON(t *testing.T, path string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(text))
}

// conforms gives rendered objects to kubeconform.
func conforms(t *testing.T, dir string, files ...string) answer {
	t.Helper()
	location := dir + "/{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"
	return run(t, "kubeconform", append([]string{"-strict", "-summary", "-schema-location", location}, files...)...)
}

func TestWhatIsRenderedConformsToTheAPI(t *testing.T) {
	dir, rendered := schemas(t), t.TempDir()
	var files []string
	for name, values := range valuesFiles(t) {
		a := render(t, values)
		if a.err != nil {
			t.Fatalf("helm template: %v: %s", a.err, a.stderr)
		}
		files = append(files, write(t, filepath.Join(rendered, name+".yaml"), a.stdout))
	}
	if a := conforms(t, dir, files...); a.err != nil {
		t.Errorf("kubeconform: %v\n%s%s", a.err, a.stdout, a.stderr)
	}
}

// YAML takes 1e3 for a number, and the API server wants names.
func TestNamesThatLookLikeNumbersStayNames(t *testing.T) {
	values := "{fullnameOverride: '7', nameOverride: '8', persistence: {existingClaim: '2', storageClass: '3'}, " +
		"priorityClassName: '4', podMonitor: {enabled: true, namespace: '5'}, networkPolicy: {enabled: true}}"
	file := write(t, filepath.Join(t.TempDir(), "values.yaml"), values)
	a := run(t, "helm", "template", "1e3", chart, "--namespace", "123", "--values", valuesFiles(t)["namespaces"], "--values", file,
		"--set-json", `existingSecrets=[{"name":"1"},{"name":"west"}]`)
	if a.err != nil {
		t.Fatalf("helm template: %v: %s", a.err, a.stderr)
	}
	if c := conforms(t, schemas(t), write(t, filepath.Join(t.TempDir(), "all.yaml"), a.stdout)); c.err != nil {
		t.Errorf("kubeconform: %v\n%s", c.err, c.stdout)
	}
}

func TestConformanceSeesThroughWhatIsWrong(t *testing.T) {
	dir := schemas(t)
	sqlite := render(t, valuesFiles(t)["sqlite"]).stdout
	postgres := render(t, valuesFiles(t)["postgres"]).stdout
	for name, c := range map[string]struct{ text, right, wrong string }{
		"a key that no Deployment has":     {sqlite, "automountServiceAccountToken: false\n      terminationGracePeriodSeconds", "automountServiceAccountTokens: false\n      terminationGracePeriodSeconds"},
		"a number that is text":            {sqlite, "replicas: 1", `replicas: "1"`},
		"a key that no ServiceMonitor has": {sqlite, "honorLabels: true", "honourLabels: true"},
		"a key that no PodMonitor has":     {postgres, "podMetricsEndpoints:", "endpoints:"},
		"a kind that nobody knows":         {sqlite, "kind: PersistentVolumeClaim", "kind: PersistentClaim"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := strings.Replace(c.text, c.right, c.wrong, 1)
			if wrong == c.text {
				t.Fatalf("%q was not rendered", c.right)
			}
			if a := conforms(t, dir, write(t, filepath.Join(t.TempDir(), "wrong.yaml"), wrong)); a.err == nil {
				t.Errorf("kubeconform found nothing: %s", a.stdout)
			}
		})
	}
}

// A package has everything that rendering needs, and nothing of the tests.
func TestTheChartInAPackageRendersTheSame(t *testing.T) {
	dir := t.TempDir()
	if a := run(t, "helm", "package", chart, "--destination", dir); a.err != nil {
		t.Fatalf("helm package: %v: %s", a.err, a.stderr)
	}
	packages, err := filepath.Glob(dir + "/*.tgz")
	if err != nil || len(packages) != 1 {
		t.Fatalf("helm package made %v, %v", packages, err)
	}
	values := valuesFiles(t)["sqlite"]
	a := run(t, "helm", "template", "keyrotator", packages[0], "--namespace", "security", "--values", values)
	if a.err != nil || a.stdout != render(t, values).stdout {
		t.Errorf("the package renders something else than the folder: %v %s", a.err, a.stderr)
	}
	listed := start(t.Context(), dir, "/bin/tar", nil, "tzf", packages[0])
	if listed.err != nil || !strings.Contains(listed.stdout, "keyrotator/values.schema.json\n") {
		t.Fatalf("tar: %v: %s", listed.err, listed.stdout)
	}
	for _, folder := range []string{"keyrotator/ci/", "keyrotator/tests/", "gotmpl"} {
		if strings.Contains(listed.stdout, folder) {
			t.Errorf("the package has %s", folder)
		}
	}
}

func TestHelmLintFindsNothing(t *testing.T) {
	for name, values := range valuesFiles(t) {
		if a := run(t, "helm", "lint", "--strict", chart, "--values", values); a.err != nil {
			t.Errorf("%s: helm lint: %v\n%s%s", name, a.err, a.stdout, a.stderr)
		}
	}
}

// The suites in keyrotator/tests say what is rendered of which values, and which
// values are refused with which sentence.
func TestTheSuitesPass(t *testing.T) {
	if a := run(t, "helm-unittest", "--strict", chart); a.err != nil {
		t.Errorf("helm-unittest: %v\n%s%s", a.err, a.stdout, a.stderr)
	}
}

// Each sentence that the chart can refuse with stands in a suite.
func TestEveryRefusalHasItsCase(t *testing.T) {
	suites, err := filepath.Glob(chart + "/tests/*_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases strings.Builder
	for _, suite := range suites {
		cases.WriteString(read(t, suite))
	}
	templates, err := os.ReadDir(chart + "/templates")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range templates {
		if file.IsDir() {
			continue
		}
		for _, match := range failing.FindAllStringSubmatch(read(t, filepath.Join(chart, "templates", file.Name())), -1) {
			found++
			if sentence := longestPiece(match[1]); !strings.Contains(cases.String(), sentence) {
				t.Errorf("no suite has %q", sentence)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d refusals were found", found)
	}
}

// failing is what a template fails with, printf's verbs included.
var failing = regexp.MustCompile(`\{\{- fail (?:\(printf )?"([^"]+)"`)

var printfVerb = regexp.MustCompile(`%[a-z]`)

// longestPiece is what surely stands in a message, whatever it is about.
func longestPiece(sentence string) string {
	return slices.MaxFunc(printfVerb.Split(sentence, -1), func(a, b string) int { return len(a) - len(b) })
}
