package alerts_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/alerts.yaml")

const plainHead = `# The alert rules of charts/keyrotator with their default values, for a Prometheus without its operator:
# list this file under rule_files, and scrape keyrotator as the job keyrotator. The runbook is docs/runbook.md.
# Made from the chart by make generate; change alerts/ and values.yaml there. Needs Prometheus 2.42.
`

// plain is the content of docs/alerts.yaml: the spec of the PrometheusRule.
func plain(t *testing.T) string {
	t.Helper()
	object := string(render(t, "templates/prometheusrule.yaml", "alerts.enabled=true", `alerts.selector=job="keyrotator"`))
	_, spec, found := strings.Cut(object, "\nspec:\n")
	if !found {
		t.Fatalf("no spec in\n%s", object)
	}
	var b strings.Builder
	b.WriteString(plainHead)
	for line := range strings.Lines(spec) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return strings.ReplaceAll(b.String(), "groups: \n", "groups:\n")
}

func TestThePlainFileOfRulesIsFresh(t *testing.T) {
	path := root + "/docs/alerts.yaml"
	want := plain(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/alerts.yaml is stale: run make generate")
	}
}

func TestPromtoolFindsNoFaultWithThePlainFile(t *testing.T) {
	if out, err := promtool(t, "check", "rules", "--lint-fatal", root+"/docs/alerts.yaml"); err != nil {
		t.Error(out)
	}
}
