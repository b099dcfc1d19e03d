package alerts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	root  = "../../.."
	chart = root + "/charts/keyrotator"
)

// rule is an alert as Prometheus reads it.
type rule struct {
	Alert         string            `yaml:"alert"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for,omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval,omitempty"`
	Rules    []rule `yaml:"rules"`
}

// ruleFile is what a file of rules has, and the spec of a PrometheusRule.
type ruleFile struct {
	Groups []group `yaml:"groups"`
}

func (f ruleFile) rules() []rule {
	var all []rule
	for _, g := range f.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func (f ruleFile) rule(t *testing.T, alert string) rule {
	t.Helper()
	for _, r := range f.rules() {
		if r.Alert == alert {
			return r
		}
	}
	t.Fatalf("the chart renders no alert %s", alert)
	return rule{}
}

// tools is the folder of the pinned helm, which must be built before.
var tools = sync.OnceValues(func() (string, error) {
	out, err := exec.Command(root+"/internal/tools/install.sh", "helm", "--built").Output()
	return strings.TrimSpace(string(out)), err
})

// render has helm render one template of the chart, with values as --set takes
// them, or files of values.
func render(t *testing.T, template string, values ...string) []byte {
	t.Helper()
	out, err := tryRender(t, template, values...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func tryRender(t *testing.T, template string, values ...string) ([]byte, error) {
	t.Helper()
	bin, err := tools()
	if err != nil {
		t.Fatalf("helm is missing: run internal/tools/install.sh helm: %v", err)
	}
	args := []string{"template", "keyrotator", chart, "--namespace", "keyrotator", "--values", chart + "/ci/minimal-values.yaml", "--show-only", template}
	for _, value := range values {
		option := "--set"
		if !strings.Contains(value, "=") {
			option = "--values"
		}
		args = append(args, option, value)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "helm"), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.Bytes(), err
	}
	return out, nil
}

// renderRules are the rules as the chart renders them.
func renderRules(t *testing.T, values ...string) ruleFile {
	t.Helper()
	var object struct {
		Spec ruleFile `yaml:"spec"`
	}
	if err := yaml.Unmarshal(render(t, "templates/prometheusrule.yaml", append([]string{"alerts.enabled=true"}, values...)...), &object); err != nil {
		t.Fatal(err)
	}
	return object.Spec
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func writeYAML(t *testing.T, path string, content any) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
