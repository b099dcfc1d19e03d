package alerts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

// shipped are the alerts that the values know, with what they say of each.
func shipped(t *testing.T) map[string]map[string]any {
	t.Helper()
	var values struct {
		Alerts struct {
			Rules map[string]map[string]any `yaml:"rules"`
		} `yaml:"alerts"`
	}
	readYAML(t, chart+"/values.yaml", &values)
	if len(values.Alerts.Rules) == 0 {
		t.Fatal("values.yaml has no alerts")
	}
	return values.Alerts.Rules
}

func TestPromtoolFindsNoFaultWithTheRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	writeYAML(t, path, renderRules(t))
	if out, err := promtool(t, "check", "rules", "--lint-fatal", path); err != nil {
		t.Error(out)
	}
}

func TestEveryAlertOfTheValuesIsRenderedAsTheySay(t *testing.T) {
	file := renderRules(t)
	values := shipped(t)
	if got, want := len(file.rules()), len(values); got != want {
		t.Errorf("%d alerts are rendered, the values have %d", got, want)
	}
	for alert, value := range values {
		r := file.rule(t, alert)
		if r.Labels["severity"] != value["severity"] || r.For != value["for"] {
			t.Errorf("%s: severity %q for %q, the values say %v for %v", alert, r.Labels["severity"], r.For, value["severity"], value["for"])
		}
		for _, text := range []string{r.Expr, r.Annotations["summary"], r.Annotations["description"]} {
			if text == "" || strings.Contains(text, "$(") {
				t.Errorf("%s: %q is not what it should be", alert, text)
			}
		}
		if want := "/docs/runbook.md#" + strings.ToLower(alert); !strings.HasSuffix(r.Annotations["runbook_url"], want) {
			t.Errorf("%s: runbook_url is %q, want …%s", alert, r.Annotations["runbook_url"], want)
		}
	}
}

var metric = regexp.MustCompile(`\bkeyrotator_[a-z_]+`)

func TestTheRulesAskForMetricsThatThereAre(t *testing.T) {
	names := map[string]bool{}
	for _, d := range telemetry.Definitions() {
		names[d.Name] = true
	}
	for _, r := range renderRules(t).rules() {
		for _, name := range metric.FindAllString(r.Expr, -1) {
			if !names[name] {
				t.Errorf("%s asks for %s, which is not in docs/metrics.md", r.Alert, name)
			}
		}
	}
}

var named = regexp.MustCompile(`(?:reason|phase)=~?"([^"]+)"`)

func TestTheRulesAskForReasonsAndPhasesThatThereAre(t *testing.T) {
	var sources string
	for _, path := range []string{"reason.go", "progress.go"} {
		text, err := os.ReadFile(filepath.Join(root, "rotator", path))
		if err != nil {
			t.Fatal(err)
		}
		sources += string(text)
	}
	for _, r := range renderRules(t).rules() {
		for _, m := range named.FindAllStringSubmatch(r.Expr, -1) {
			for name := range strings.SplitSeq(m[1], "|") {
				if !strings.Contains(sources, `= "`+name+`"`) {
					t.Errorf("%s asks for %q, which is neither a reason nor a phase", r.Alert, name)
				}
			}
		}
	}
}

func TestEachAlertFiresAndIsSilentAsItsTestsSay(t *testing.T) {
	tests, file := scenarios(t, "testdata/*.yaml"), renderRules(t)
	for _, r := range file.rules() {
		t.Run(r.Alert, func(t *testing.T) {
			t.Parallel()
			var fires, silent bool
			for _, s := range tests[r.Alert] {
				fires = fires || slices.ContainsFunc(s.Checks, func(c check) bool { return len(c.Want) > 0 })
				silent = silent || !slices.ContainsFunc(s.Checks, func(c check) bool { return len(c.Want) > 0 })
			}
			if !fires || !silent {
				t.Fatalf("of %d tests, one that fires: %v, one that is silent all the time: %v", len(tests[r.Alert]), fires, silent)
			}
			if found := try(t, r, tests[r.Alert]); found != "" {
				t.Error(found)
			}
		})
	}
	for alert := range tests {
		file.rule(t, alert)
	}
}

// A test that is not there at all, or far from the threshold, would not see these.
func TestAThresholdThatMovesIsNoticed(t *testing.T) {
	tests, still := scenarios(t, "testdata/*.yaml"), renderRules(t)
	for alert, values := range shipped(t) {
		for name, value := range values {
			for _, moved := range movedThresholds(t, name, value) {
				t.Run(fmt.Sprintf("%s with %s %s", alert, name, moved), func(t *testing.T) {
					t.Parallel()
					r := renderRules(t, fmt.Sprintf("alerts.rules.%s.%s=%s", alert, name, moved)).rule(t, alert)
					r.Annotations = still.rule(t, alert).Annotations // some name the threshold
					if try(t, r, tests[alert]) == "" {
						t.Errorf("no test notices; it is %v", value)
					}
				})
			}
		}
	}
}

// movedThresholds are a threshold a tenth lower and a tenth higher, and a "for"
// half and twice as long.
func movedThresholds(t *testing.T, name string, value any) []string {
	t.Helper()
	switch v := value.(type) {
	case string:
		if name == "severity" {
			return nil
		}
		d := duration(t, v)
		switch {
		case name == "for": // promtool looks once a minute
			return []string{seconds((d / 2).Truncate(time.Minute)), seconds(d * 2)}
		case d == 0:
			return []string{"10m"}
		default:
			return []string{seconds(d - d/10), seconds(d + d/10)}
		}
	case uint64:
		return []string{strconv.FormatUint(v-max(1, v/10), 10), strconv.FormatUint(v+max(1, v/10), 10)}
	default: // enabled
		return nil
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// duration reads one of Prometheus, which knows days.
func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		t.Fatal(err)
	}
	if rest == "" {
		rest = "0s"
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n)*24*time.Hour + d
}
