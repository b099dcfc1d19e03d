package charts_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const readmeFile = chart + "/README.md"

// helmDocs renders the README from values.yaml and its template.
func helmDocs(t *testing.T) string {
	t.Helper()
	a := run(t, "helm-docs", "--chart-search-root", chart, "--dry-run", "--sort-values-order", "file", "--log-level", "warning")
	if a.err != nil {
		t.Fatalf("helm-docs: %v: %s", a.err, a.stderr)
	}
	return strings.TrimSpace(a.stdout) + "\n"
}

func TestTheReadmeIsFresh(t *testing.T) {
	want := helmDocs(t)
	if *update {
		write(t, readmeFile, want)
		return
	}
	if read(t, readmeFile) != want {
		t.Errorf("%s is stale: run go generate ./charts", readmeFile)
	}
}

// row is a value of the table: its path and what is said of it.
var row = regexp.MustCompile(`(?m)^\| ([A-Za-z][A-Za-z0-9.]*) \| [a-z/]+ \| .* \|(.*)\|$`)

func TestTheReadmeSaysSomethingOfEveryValue(t *testing.T) {
	_, table, _ := strings.Cut(read(t, readmeFile), "\n## Values\n")
	rows := row.FindAllStringSubmatch(table, -1)
	if len(rows) < 60 {
		t.Fatalf("the README has only %d values", len(rows))
	}
	for _, r := range rows {
		if strings.TrimSpace(r[2]) == "" {
			t.Errorf("nothing is said of %s", r[1])
		}
	}
}

var valuesBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Each example of the chart's README is tried on top of the minimal values, and
// that of the repository's README, which is to be enough, alone.
func TestTheExamplesOfTheReadmesWork(t *testing.T) {
	minimal := valuesFiles(t)["minimal"]
	blocks := valuesBlock.FindAllStringSubmatch(read(t, readmeFile), -1)
	if len(blocks) < 4 {
		t.Fatalf("only %d examples were found in %s", len(blocks), readmeFile)
	}
	for i, block := range blocks {
		t.Run("of the chart number "+strconv.Itoa(i+1), func(t *testing.T) {
			works(t, minimal, write(t, filepath.Join(t.TempDir(), "values.yaml"), block[1]))
		})
	}
	t.Run("of the repository", func(t *testing.T) {
		_, section, found := strings.Cut(read(t, "../README.md"), "\n## On Kubernetes\n")
		if !found {
			t.Fatal("README.md has no section On Kubernetes")
		}
		block := valuesBlock.FindStringSubmatch(section)
		if len(block) < 2 || strings.Count(block[1], "\n") != 10 {
			t.Fatalf("README.md has no values file of ten lines: %q", block)
		}
		if block[1] != read(t, minimal) {
			t.Errorf("README.md and %s have different minimal values", minimal)
		}
		works(t, write(t, filepath.Join(t.TempDir(), "values.yaml"), block[1]))
	})
}

func works(t *testing.T, values ...string) {
	t.Helper()
	if a := checked(t, configuration(t, objects(t, values...)), nil); a.err != nil {
		t.Errorf("keyrotator check --offline: %v\n%s%s", a.err, a.stdout, a.stderr)
	}
}

// What is said about the release in two places of the chart is the same.
func TestTheImageOfArtifactHubIsThatOfTheDeployment(t *testing.T) {
	image := at(find(t, objects(t, valuesFiles(t)["minimal"]), "Deployment"), "spec", "template", "spec", "containers", 0, "image").(string)
	if !strings.Contains(read(t, chart+"/Chart.yaml"), "image: "+image+"\n") {
		t.Errorf("artifacthub.io/images does not name %s", image)
	}
}
