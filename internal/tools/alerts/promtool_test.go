package alerts_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// scenario is a test of promtool. What of it is not looked at here is passed on
// as it is.
type scenario struct {
	Name   string  `yaml:"name"`
	Every  string  `yaml:"interval"`
	Series any     `yaml:"input_series"`
	Checks []check `yaml:"alert_rule_test"`
}

// check is what an alert is to be at one time.
type check struct {
	At    string     `yaml:"eval_time"`
	Alert string     `yaml:"alertname"`
	Want  []expected `yaml:"exp_alerts"`
}

type expected struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// scenarios are those of the files that a pattern matches, by the alert that they are about.
func scenarios(t *testing.T, pattern string) map[string][]scenario {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	found := map[string][]scenario{}
	for _, path := range paths {
		var file struct {
			Tests []scenario `yaml:"tests"`
		}
		readYAML(t, path, &file)
		for _, s := range file.Tests {
			if len(s.Checks) == 0 {
				t.Errorf("%s: %q checks nothing", path, s.Name)
				continue
			}
			alert := s.Checks[0].Alert
			if slices.ContainsFunc(s.Checks, func(c check) bool { return c.Alert != alert }) {
				t.Errorf("%s: %q is about more than one alert", path, s.Name)
			}
			found[alert] = append(found[alert], s)
		}
	}
	return found
}

// try runs scenarios against one rule alone, which is quick. It returns what
// promtool found, empty when all is as expected.
func try(t *testing.T, r rule, tests []scenario) string {
	t.Helper()
	dir := t.TempDir()
	writeYAML(t, filepath.Join(dir, "rules.yaml"), ruleFile{Groups: []group{{Name: "tried", Rules: []rule{r}}}})
	test := filepath.Join(dir, "test.yaml")
	writeYAML(t, test, map[string]any{"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "tests": tests})
	out, err := promtool(t, "test", "rules", test)
	if err == nil {
		return ""
	}
	return out
}

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("promtool is missing: run internal/tools/packages.sh test: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v\n%s", err, out), err
	}
	return string(out), nil
}
