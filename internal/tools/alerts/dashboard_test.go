package alerts_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

const dashboardFile = chart + "/dashboards/keyrotator.json"

// dashboard is the part of Grafana's model that these tests look at.
type dashboard struct {
	UID        string  `json:"uid"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name, Type, Definition string
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int      `json:"id"`
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	GridPos     place    `json:"gridPos"` //nolint:tagliatelle // Grafana's name
	Targets     []target `json:"targets"`
	Description string   `json:"description"`
}

type place struct{ X, Y, W, H int }

type target struct {
	Expr    string `json:"expr"`
	Instant bool   `json:"instant"`
	Ref     string `json:"refId"` //nolint:tagliatelle // as above
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	return d
}

func TestTheDashboardIsWhatGrafanaReads(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), root+"/internal/tools/grafana/install.sh", "--built").Output()
	if err != nil {
		t.Fatalf("Grafana's types are missing: run internal/tools/grafana/install.sh: %v", err)
	}
	validator := filepath.Join(strings.TrimSpace(string(dir)), "validate.mjs")
	if out, err := exec.CommandContext(t.Context(), "node", validator, dashboardFile).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), `"legendFormat"`, `"legend"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "node", validator, broken).CombinedOutput(); err == nil || !strings.Contains(string(out), `"legend"`) {
		t.Errorf("a key that Grafana does not know is taken: %v\n%s", err, out)
	}
}

var variable = regexp.MustCompile(`\$(\w+)`)

func TestThePanelsOfTheDashboardFitTogether(t *testing.T) {
	d := readDashboard(t)
	variables := map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
	}
	ids, names := map[int]bool{}, map[string]bool{}
	taken := map[[2]int]string{}
	for _, definition := range telemetry.Definitions() {
		names[definition.Name] = true
	}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%q: id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d has the title %q and %d queries", p.ID, p.Title, len(p.Targets))
		}
		if p.GridPos.W == 0 || p.GridPos.H == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q lies at %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, covered := taken[at]; covered {
					t.Fatalf("%q lies on %q at %v", p.Title, other, at)
				}
				taken[at] = p.Title
			}
		}
		for _, q := range p.Targets {
			for _, m := range variable.FindAllStringSubmatch(q.Expr, -1) {
				if !variables[m[1]] {
					t.Errorf("%q asks for the variable %s", p.Title, m[1])
				}
			}
			for _, name := range metric.FindAllString(q.Expr, -1) {
				if plain := strings.TrimSuffix(name, "_bucket"); !names[plain] {
					t.Errorf("%q asks for %s, which is not in docs/metrics.md", p.Title, name)
				}
			}
			if selectors, chosen := strings.Count(q.Expr, "{"), strings.Count(q.Expr, `namespace=~"$namespace", job=~"$job"`); selectors != chosen {
				t.Errorf("%q has %d selectors, and %d go by namespace and job: %s", p.Title, selectors, chosen, q.Expr)
			}
		}
	}
}

func TestTheSidecarFindsTheDashboardByTheLabelsOfTheValues(t *testing.T) {
	var object struct {
		Metadata struct {
			Name                string
			Labels, Annotations map[string]string
		}
		Data map[string]string
	}
	page := render(t, "templates/dashboard.yaml", "dashboard.enabled=true", "dashboard.labels.grafana=yes", "dashboard.annotations.grafana_folder=Security")
	if err := yaml.Unmarshal(page, &object); err != nil {
		t.Fatal(err)
	}
	m := object.Metadata
	if m.Name != "keyrotator-dashboard" || m.Labels["grafana_dashboard"] != "1" || m.Labels["grafana"] != "yes" || m.Annotations["grafana_folder"] != "Security" {
		t.Errorf("name %q, labels %v, annotations %v", m.Name, m.Labels, m.Annotations)
	}
	want, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if object.Data["keyrotator.json"] != string(want) {
		t.Error("the ConfigMap has another dashboard than the file")
	}
}

func TestWithoutADashboardThereIsNoObject(t *testing.T) {
	if out, err := tryRender(t, "templates/dashboard.yaml"); err == nil {
		t.Errorf("there is\n%s", out)
	}
}
