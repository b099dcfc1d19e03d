package alerts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// faults of the demo's AWS: they make calls that are throttled, and a store that
// fails for half a minute.
const faults = "throttle iam:ListAccessKeys x3; throttle secretsmanager:PutSecretValue x12"

// world is the demo's AWS with its users, a daemon that rotates their keys, and
// a Prometheus that scrapes it and evaluates the rules without their graces.
type world struct {
	bin, config string
	env         []string
	prometheus  *prometheus
	begun       time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{bin: buildProgram(t), begun: time.Now()}
	demo := start(t, nil, w.bin, "demo", "--serve", "--users", "4", "--fault", faults)
	made := demo.await(t, `keyrotator run --config (\S+)`)[1]
	demo.await(t, "Ctrl-C ends it all")
	w.env = exports(demo.output())
	// The demo's users are swept as often as they are scraped.
	w.config = filepath.Join(t.TempDir(), "keyrotator.yaml")
	if err := os.WriteFile(w.config, []byte(readAll(t, made)+"schedule: {sweep: \"@every 1s\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rules := renderRules(t, "testdata/live/values.yaml")
	for _, g := range rules.Groups {
		for i := range g.Rules {
			g.Rules[i].For = ""
		}
	}
	// It scrapes before there is anything, and so misses nothing.
	address := freeAddress(t)
	w.prometheus = startPrometheus(t, address, rules)
	start(t, w.env, w.bin, "run", "--config", w.config, "--listen", address).await(t, `listening on `+address)
	return w
}

// Exit codes that are no failure here: a user needs a person, and a request that
// came too late is refused.
const (
	exitFindings = 3
	exitRefused  = 6
)

// run runs a command of the program as an operator would.
func (w *world) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.bin, append(args, "--config", w.config)...)
	cmd.Env = append(os.Environ(), w.env...)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != exitFindings && code != exitRefused {
		t.Fatalf("keyrotator %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// halt has a user halted in the middle of its cycle.
func (w *world) halt(t *testing.T, user string) {
	t.Helper()
	until(t, user+" is halted", func() bool {
		status := w.run(t, "status", user, "-o", "json")
		in := func(phase string) bool { return strings.Contains(status, `"phase": "`+phase+`"`) }
		switch {
		case strings.Contains(status, `"reason": "rolled-back"`):
			return true
		case in("overlap"), in("trial"):
			w.run(t, "rollback", user, "--yes", "--why", "the vendor pins key ids")
		case in("idle"): // its cycle was through before we looked, or has not begun
			w.run(t, "rotate", user, "--why", "its cycle was missed")
		}
		return false
	})
}

// fill puts values in for the dashboard's variables.
func fill(query string) string {
	return strings.NewReplacer("$namespace", "keyrotator", "$job", "keyrotator", "$account", ".*", "$__rate_interval", "10s").Replace(query)
}

func TestADaemonUnderLoadFillsTheDashboardAndFiresTheAlerts(t *testing.T) {
	w := newWorld(t)
	w.halt(t, "prod/ci-deployer")
	t.Run("no query of the dashboard is empty", w.dashboardIsFull)
	t.Run("every query of the runbook can be asked", w.runbookCanBeAsked)
	t.Run("an alert fires and ends", w.alertFiresAndEnds)
	t.Run("a refused configuration is told until it is mended", w.refusedIsTold)
	t.Run("what happened was told", w.happenedWasTold)
	t.Run("every rule is evaluated without an error", w.rulesAreHealthy)
}

// dashboardIsFull asks every query until it has an answer, for some second since
// the beginning. One that is never empty, because it says zero then, has to say
// something else once.
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
			n, err := w.prometheus.since(t, w.begun, query)
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
		if err := w.prometheus.query(t, query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func (w *world) alertFiresAndEnds(t *testing.T) {
	var description string
	firing := func() bool {
		for _, a := range w.prometheus.rules(t)["KeyrotatorUserHalted"].Alerts {
			if a.State == "firing" && a.Labels["user"] == "ci-deployer" && a.Labels["reason"] == "rolled-back" {
				description = a.Annotations["description"]
				return true
			}
		}
		return false
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

func (w *world) refusedIsTold(t *testing.T) {
	state := func() string { return w.prometheus.rules(t)["KeyrotatorConfigReloadFailed"].State }
	good := readAll(t, w.config)
	if err := os.WriteFile(w.config, []byte(good+"acounts: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the refused configuration is told", func() bool { return state() == "firing" })
	if err := os.WriteFile(w.config, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the mended one is taken", func() bool { return state() == "inactive" })
}

// happenedWasTold looks for the alerts that this history must have had. Some of
// their thresholds are of seconds.
func (w *world) happenedWasTold(t *testing.T) {
	for _, alert := range []string{
		"KeyrotatorDeadlinePassed", "KeyrotatorNewKeyUnverified", "KeyrotatorUserHalted", "KeyrotatorConsumerOutOfSync",
		"KeyrotatorPushFailing", "KeyrotatorConfigReloadFailed", "KeyrotatorAWSThrottling", "KeyrotatorTwoKeysTooLong", "KeyrotatorDown",
	} {
		n, err := w.prometheus.since(t, w.begun, fmt.Sprintf(`ALERTS{alertname=%q, alertstate="firing", namespace="keyrotator"}`, alert))
		if err != nil || n == 0 {
			t.Errorf("%s never fired: %v", alert, err)
		}
	}
	for _, alert := range []string{"KeyrotatorBreakerOpen", "KeyrotatorAllPaused", "KeyrotatorJournalFailing", "KeyrotatorStateMissing", "KeyrotatorStepsFailing", "KeyrotatorRowUnreadable", "KeyrotatorRestarting"} {
		n, err := w.prometheus.since(t, w.begun, fmt.Sprintf(`ALERTS{alertname=%q, alertstate="firing"}`, alert))
		if err != nil || n > 0 {
			t.Errorf("%s fired: %v", alert, err)
		}
	}
}

func (w *world) rulesAreHealthy(t *testing.T) {
	live := w.prometheus.rules(t)
	for alert := range shipped(t) {
		r := live[alert]
		if r.Health != "ok" || r.LastError != "" {
			t.Errorf("%s: health %q, %s", alert, r.Health, r.LastError)
		}
		if err := w.prometheus.query(t, r.Query); err != nil {
			t.Errorf("%s: %v", alert, err)
		}
	}
}
