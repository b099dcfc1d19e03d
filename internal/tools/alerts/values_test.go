package alerts_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestTheValuesChangeTheRules(t *testing.T) {
	tests, file := scenarios(t, "testdata/changed/rules.yaml"), renderRules(t, "testdata/changed/values.yaml")
	for alert, scenarios := range tests {
		if found := try(t, file.rule(t, alert), scenarios); found != "" {
			t.Error(found)
		}
	}
	for _, g := range file.Groups {
		if g.Interval != "30s" {
			t.Errorf("%s is evaluated every %q", g.Name, g.Interval)
		}
	}
	for _, r := range file.rules() {
		if r.KeepFiringFor != "" || r.Labels["team"] != "platform" {
			t.Errorf("%s is kept firing for %q with the labels %v", r.Alert, r.KeepFiringFor, r.Labels)
		}
	}
}

func TestTheObjectCarriesTheLabelsByWhichItIsFound(t *testing.T) {
	var object struct {
		Metadata struct {
			Labels, Annotations map[string]string
		}
	}
	if err := yaml.Unmarshal(render(t, "templates/prometheusrule.yaml", "testdata/changed/values.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	if object.Metadata.Labels["release"] != "kube-prometheus-stack" || object.Metadata.Annotations["example.com/owner"] != "platform" {
		t.Errorf("labels %v, annotations %v", object.Metadata.Labels, object.Metadata.Annotations)
	}
}

func TestAnAlertThatIsSwitchedOffIsNotThere(t *testing.T) {
	all := slices.Sorted(maps.Keys(shipped(t)))
	var off []string
	for i, alert := range all {
		off = append(off, "alerts.rules."+alert+".enabled=false")
		if i%6 > 0 && i < len(all)-1 { // a few of all these steps will do
			continue
		}
		var left []string
		for _, r := range renderRules(t, off...).rules() {
			left = append(left, r.Alert)
		}
		slices.Sort(left)
		if !slices.Equal(left, all[i+1:]) {
			t.Errorf("without %s and those before, %q are left", alert, left)
		}
	}
}

func TestWithoutAlertsThereIsNoObject(t *testing.T) {
	if out, err := tryRender(t, "templates/prometheusrule.yaml"); err == nil {
		t.Errorf("there is\n%s", out)
	}
}

func TestValuesThatWouldMakeNoRulesAreRefused(t *testing.T) {
	tests := map[string]struct{ value, want string }{
		"an alert that there is none of": {"alerts.rules.KeyrotatorDwon.enabled=true", "'KeyrotatorDwon' not allowed"},
		"a threshold of another alert":   {"alerts.rules.KeyrotatorDown.within=3d", "'within' not allowed"},
		"a duration without a unit":      {"alerts.rules.KeyrotatorDown.for=15", "/KeyrotatorDown/for"},
		"a duration of another language": {"alerts.rules.KeyrotatorDown.for=15min", "/KeyrotatorDown/for"},
		"a span of no time":              {"alerts.rules.KeyrotatorSweepStale.olderThan=0s", "/KeyrotatorSweepStale/olderThan"},
		"a share above all":              {"alerts.rules.KeyrotatorAWSThrottling.percent=150", "/KeyrotatorAWSThrottling/percent"},
		"no severity":                    {"alerts.rules.KeyrotatorDown.severity=", "/KeyrotatorDown/severity"},
		"a label of a replica":           {"alerts.by={pod}", "/alerts/by/0"},
		"no labels":                      {"alerts.by=null", "by"},
		"a selector with braces":         {`alerts.selector=\{job="a"\}`, "/alerts/selector"},
		"a runbook that is no page":      {"alerts.runbookURL=docs/runbook.md", "/alerts/runbookURL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := tryRender(t, "templates/prometheusrule.yaml", "alerts.enabled=true", tt.value)
			if err == nil {
				t.Fatal("it is taken")
			}
			if !strings.Contains(string(out), tt.want) {
				t.Errorf("the refusal does not name %s:\n%s", tt.want, out)
			}
		})
	}
}

// What the chart's own monitors make of the release's series must be what the rules ask for.
func TestTheRulesAskForTheJobThatTheMonitorsOfTheChartMake(t *testing.T) {
	asked := regexp.MustCompile(`up\{namespace="([^"]*)", job=~"([^"]*)"\}`)
	for name, values := range map[string][]string{
		"a release":                         nil,
		"a release of another name":         {"fullnameOverride=rotator"},
		"a monitor with the other monitors": {"podMonitor.namespace=monitoring", "serviceMonitor.namespace=monitoring"},
	} {
		t.Run(name, func(t *testing.T) {
			m := asked.FindStringSubmatch(renderRules(t, values...).rule(t, "KeyrotatorDown").Expr)
			if len(m) < 3 || m[1] != "keyrotator" {
				t.Fatalf("the rules ask for %q", m)
			}
			job := regexp.MustCompile(fmt.Sprintf("^(?:%s)$", m[2]))
			var service, monitor struct {
				Metadata struct{ Name, Namespace string }
			}
			if err := yaml.Unmarshal(render(t, "templates/service.yaml", values...), &service); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(render(t, "templates/podmonitor.yaml", append([]string{"podMonitor.enabled=true"}, values...)...), &monitor); err != nil {
				t.Fatal(err)
			}
			for _, made := range []string{service.Metadata.Name, monitor.Metadata.Namespace + "/" + monitor.Metadata.Name} {
				if !job.MatchString(made) {
					t.Errorf("they ask for the job %s, and not for %s", m[2], made)
				}
			}
			if job.MatchString("another-" + service.Metadata.Name) {
				t.Errorf("%s is the job of another release, too", m[2])
			}
		})
	}
}
