package telemetry_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

const referenceHead = `# Metrics

<!-- Generated from rotator/telemetry/definition.go; go generate ./rotator/telemetry rewrites it. -->

` + "`keyrotator run`" + ` serves these on /metrics, together with the go_ and process_ metrics of every Go program.

They are timestamps and not ages: ` + "`time() - keyrotator_…_timestamp_seconds`" + ` is an age that is right between two
scrapes too. The label ` + "`account`" + ` is what the configuration calls the account, ` + "`key`" + ` the last four characters of an
access key's id, and ` + "`consumer`" + ` the consumer's name in the configuration, or kind and location of its store. An
absent series means "no" or "not known", as its note says.

What is said of a user is read from the journal at the moment of the scrape, for the users of the configuration and
for any other with a cycle still open. Counters start at zero with the process.

Alert rules and a dashboard of these come with the chart; [alerts.yaml](alerts.yaml) has the rules alone, and
[runbook.md](runbook.md) says what to do about each.

With a Prometheus operator set ` + "`honorLabels: true`" + ` in a monitor of your own: ` + "`keyrotator_aws_requests_total`" + ` has a label
` + "`service`" + `, which the operator would put its own in place of.

There is no metric of when the key in use was last used: the journal does not know it, since it is asked of AWS only
when it decides something.
`

func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, d := range telemetry.Definitions() {
		fmt.Fprintf(&b, "\n## %s\n\n%s. A %s", d.Name, d.Help, d.Type)
		if len(d.Labels) > 0 {
			fmt.Fprintf(&b, " by `%s`", strings.Join(d.Labels, "`, `"))
		}
		b.WriteString(".\n")
		if d.Notes != "" {
			fmt.Fprintf(&b, "\n%s\n", d.Notes)
		}
	}
	return b.String()
}

func TestReferenceIsFresh(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "metrics.md")
	want := reference()
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
		t.Error("docs/metrics.md is stale: run go generate ./rotator/telemetry")
	}
}

// everything is a page with a series of every metric.
func everything(t *testing.T) string {
	t.Helper()
	m := telemetry.NewMetrics(telemetry.Build{Version: "v1", Commit: "c", GoVersion: "go"})
	m.Request("iam", "ListAccessKeys", "ok", time.Second)
	m.Reloaded(noon, nil)
	for _, e := range []rotator.Event{
		{Kind: rotator.EventEntry, User: ci, Entry: rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbDelete, Cycle: 1}},
		{Kind: rotator.EventEffect, User: ci, Entry: rotator.Entry{Verb: rotator.VerbPush, Consumer: "file:/a"}, Took: time.Second},
		{Kind: rotator.EventStepFailed, User: ci},
		{Kind: rotator.EventSwept, User: rotator.User{Account: "prod"}, At: noon},
	} {
		m.Observe(t.Context(), e)
	}
	halted := trial()
	halted.Progress.Halt = &rotator.Halt{Reason: rotator.ReasonReactivated}
	awaited := trial()
	awaited.User.Name = "awaited"
	awaited.Progress.Cycle.Consumers[0].Acked = true
	awaited.Progress.Cycle.Opened = noon
	used := trial()
	used.User.Name = "used"
	used.Progress.Phase, used.Progress.Cycle.Inactive, used.Progress.Cycle.Healed = rotator.PhaseOverlap, time.Time{}, noon
	idle := rotator.Row{User: rotator.User{Account: "prod", Name: "idle"}, Progress: rotator.Progress{Schema: rotator.Schema, Phase: rotator.PhaseIdle, Current: oldID, Created: noon}}
	newer := rotator.Row{User: rotator.User{Account: "prod", Name: "newer"}, Progress: rotator.Progress{Schema: rotator.Schema + 1}}
	rows := []rotator.Row{halted, awaited, used, idle, newer}
	var targets []rotator.Target
	for _, row := range rows {
		targets = append(targets, rotator.Target{User: row.User, Policy: rotator.Policy{MaxAge: time.Hour}})
	}
	return scrape(t, m, telemetry.NewCollector(&journal{rows: rows}, telemetry.CollectorOptions{Fleet: fleetOf(targets...)}))
}

func TestEveryMetricOfTheReferenceIsExportedAsItSays(t *testing.T) {
	page := everything(t)
	var names []string
	for _, d := range telemetry.Definitions() {
		names = append(names, d.Name)
		for _, want := range []string{"# HELP " + d.Name + " " + d.Help + "\n", "# TYPE " + d.Name + " " + d.Type + "\n"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		line := regexp.MustCompile(`(?m)^` + d.Name + `(?:_count)?(?:\{(.*)\})? `).FindStringSubmatch(page)
		if line == nil {
			t.Errorf("there is no series of %s", d.Name)
			continue
		}
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(line[1], -1) {
			labels = append(labels, l[1])
		}
		want := slices.Sorted(slices.Values(d.Labels))
		if !slices.Equal(labels, want) {
			t.Errorf("%s has labels %q, the reference says %q", d.Name, labels, want)
		}
	}
	for _, l := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(names, l[1]) {
			t.Errorf("%s is not in the reference", l[1])
		}
	}
}

func TestNothingIsExportedThatWasNotDescribed(t *testing.T) {
	descs := make(chan *prometheus.Desc, 100)
	telemetry.NewMetrics(telemetry.Build{}).Describe(descs)
	telemetry.NewCollector(&journal{}, telemetry.CollectorOptions{}).Describe(descs)
	if got, want := len(descs), len(telemetry.Definitions()); got != want {
		t.Errorf("%d metrics are described, %d defined", got, want)
	}
}

func TestPromtoolFindsNoFaultWithThePage(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("promtool is missing: install the Debian package prometheus (apt-get install prometheus): %v", err)
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(everything(t))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
