package alerts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// faults of the demo's AWS: they make calls that are throttled, and a store that
// fails for half a minute.
const faults = "throttle iam:ListAccessKeys x3; throttle secretsmanager:PutSecretValue x6"

// world is the demo's AWS with its users, a daemon that rotates their keys, and
// a Prometheus that scrapes it and evaluates the rules without their graces.
type world struct {
	bin, config string
	env         []string
	prometheus  *prometheus
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{bin: buildProgram(t)}
	demo := start(t, nil, w.bin, "demo", "--serve", "--users", "4", "--fault", faults)
	made := demo.await(t, `keyrotator run --config (\S+)`)[1]
	demo.await(t, "Ctrl-C ends it all")
	w.env = exports(demo.output())
	// The demo's users are swept as often as they are scraped.
	w.config = filepath.Join(t.TempDir(), "keyrotator.yaml")
	if err := os.WriteFile(w.config, []byte(readAll(t, made)+"schedule: {sweep: \"@every 1s\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := start(t, w.env, w.bin, "run", "--config", w.config, "--listen", "127.0.0.1:0")
	address := daemon.await(t, `listening on (127\.0\.0\.1:\d+)`)[1]
	rules := renderRules(t, `alerts.keepFiringFor=`)
	for _, g := range rules.Groups {
		for i := range g.Rules {
			g.Rules[i].For = ""
		}
	}
	w.prometheus = startPrometheus(t, address, rules)
	return w
}

// run runs a command of the program as an operator would.
func (w *world) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.bin, append(args, "--config", w.config)...)
	cmd.Env = append(os.Environ(), w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 3 { // a user needs a person: that is what is shown
		t.Fatalf("keyrotator %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fill puts values in for the dashboard's variables.
func fill(query string) string {
	return strings.NewReplacer("$namespace", "keyrotator", "$job", "keyrotator", "$account", ".*", "$__rate_interval", "10s").Replace(query)
}

func TestADaemonUnderLoadFillsTheDashboardAndFiresTheAlerts(t *testing.T) {
	w := newWorld(t)
	// One user is to be halted in the middle of its cycle.
	until(t, "a cycle can be broken off", func() bool {
		status := w.run(t, "status", "prod/ci-deployer", "-o", "json")
		if strings.Contains(status, `"phase": "idle"`) { // it was through before we looked, or has not begun
			w.run(t, "rotate", "prod/ci-deployer", "--why", "the cycle was missed")
		}
		return strings.Contains(status, `"phase": "overlap"`) || strings.Contains(status, `"phase": "trial"`)
	})
	w.run(t, "rollback", "prod/ci-deployer", "--yes", "--why", "the vendor pins key ids")
	t.Run("no query of the dashboard is empty", w.dashboardIsFull)
	t.Run("every query of the runbook can be asked", w.runbookCanBeAsked)
	t.Run("an alert fires and ends", w.alertFiresAndEnds)
	t.Run("every rule is evaluated without an error", w.rulesAreHealthy)
}

// dashboardIsFull asks every query until it had an answer. One that is never
// empty, because it says zero then, has to say something else once.
func (w *world) dashboardIsFull(t *testing.T) {
	empty := map[string]string{} // by query, where it is
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			empty[strings.ReplaceAll(fill(q.Expr), " or vector(0)", "")] = fmt.Sprintf("%q %s", p.Title, q.Ref)
		}
	}
	if len(empty) < 30 {
		t.Fatalf("the dashboard has but %d queries", len(empty))
	}
	t.Cleanup(func() {
		for query, where := range empty {
			t.Errorf("%s is empty: %s", where, query)
		}
	})
	until(t, "every query has an answer", func() bool {
		for query, where := range empty {
			n, err := w.prometheus.query(t, query)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if n > 0 {
				delete(empty, query)
			}
		}
		return len(empty) == 0
	})
}

func (w *world) runbookCanBeAsked(t *testing.T) {
	all := queries(readAll(t, root+"/docs/runbook.md"))
	if len(all) < len(shipped(t)) {
		t.Fatalf("only %d queries were found", len(all))
	}
	for _, query := range all {
		if _, err := w.prometheus.query(t, query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func (w *world) alertFiresAndEnds(t *testing.T) {
	var description string
	firing := func() bool {
		alerts := w.prometheus.rules(t)["KeyrotatorUserHalted"].Alerts
		i := slices.IndexFunc(alerts, func(a struct {
			State               string
			Labels, Annotations map[string]string
		},
		) bool {
			return a.State == "firing" && a.Labels["user"] == "ci-deployer" && a.Labels["reason"] == "rolled-back"
		})
		if i >= 0 {
			description = alerts[i].Annotations["description"]
		}
		return i >= 0
	}
	until(t, "the halted user is told", firing)
	if !strings.Contains(description, "keyrotator status prod/ci-deployer") {
		t.Errorf("the description is %q", description)
	}
	// What the runbook has one type.
	if status := w.run(t, "status", "prod/ci-deployer"); !strings.Contains(status, "keyrotator resume prod/ci-deployer") {
		t.Errorf("status does not say what to type:\n%s", status)
	}
	w.run(t, "resume", "prod/ci-deployer", "--why", "the vendor was told")
	until(t, "the alert ends", func() bool { return !firing() })
}

func (w *world) rulesAreHealthy(t *testing.T) {
	live := w.prometheus.rules(t)
	for alert := range shipped(t) {
		r := live[alert]
		if r.Health != "ok" || r.LastError != "" {
			t.Errorf("%s: health %q, %s", alert, r.Health, r.LastError)
		}
		if _, err := w.prometheus.query(t, r.Query); err != nil {
			t.Errorf("%s: %v", alert, err)
		}
	}
	for _, silent := range []string{"KeyrotatorDown", "KeyrotatorStateMissing", "KeyrotatorJournalFailing", "KeyrotatorConfigReloadFailed", "KeyrotatorBreakerOpen"} {
		if state := live[silent].State; state != "inactive" {
			t.Errorf("%s is %s", silent, state)
		}
	}
}
