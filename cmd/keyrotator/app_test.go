package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func TestADaemonRotatesAUserThroughTheWholeCycle(t *testing.T) {
	w := newWorld(t)
	old := w.user(t, "ci")
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.options(t))
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := get(t, a, path); status != http.StatusOK {
			t.Errorf("GET %s = %d %s", path, status, body)
		}
	}
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	keys, err := w.emu.Keys(testAccount, "ci")
	if err != nil || len(keys) != 1 || keys[0].ID == old || keys[0].Status != awsemu.Active {
		t.Fatalf("keys = %v, %v; want one that is new and active", keys, err)
	}
	value, _, err := w.emu.Secret(testAccount, "us-east-1", "ci", "")
	if err != nil || !strings.Contains(value, keys[0].ID) {
		t.Errorf("the secret does not hold the new key: %v", err)
	}
	calls := map[string]int{}
	for c, n := range w.emu.Counts() {
		calls[c.Service] += n
	}
	const firstSight, cycle = 2, 10
	if calls["iam"] > firstSight+cycle {
		t.Errorf("first sight and a cycle without faults took %d calls of IAM, want %d at most: %v", calls["iam"], firstSight+cycle, w.emu.Counts())
	}
	_, page := get(t, a, "/metrics")
	for _, want := range []string{
		`keyrotator_rotations_total{account="emu",result="closed"} 1`,
		`keyrotator_rotation_phase{account="emu",phase="idle",user="ci"} 1`,
		`keyrotator_active_access_keys{account="emu",user="ci"} 1`,
		`keyrotator_consumer_in_sync{account="emu",consumer="secret-of-ci",user="ci"} 1`,
		`keyrotator_consumer_pushes_total{kind="secretsmanager",result="ok"} 1`,
		`keyrotator_aws_requests_total{code="ok",operation="CreateAccessKey",service="iam"} 1`,
		`keyrotator_config_last_reload_successful 1`,
		`keyrotator_journal_up 1`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(page, old) || strings.Contains(page, keys[0].ID) {
		t.Error("/metrics has a whole key id")
	}
}

func TestASweepLooksAtEveryUserAndIsCounted(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")+"schedule: {sweep: \"@every 1s\"}\n"), w.options(t))
	swept := w.seen.await(t, "sweep without an error", func(e rotator.Event) bool {
		return e.Kind == rotator.EventSwept && e.Err == nil
	})
	if swept.User.Account != "emu" {
		t.Errorf("account = %q", swept.User.Account)
	}
	_, page := get(t, a, "/metrics")
	if !strings.Contains(page, `keyrotator_sweep_last_success_timestamp_seconds{account="emu"} `) {
		t.Error("/metrics does not tell of the sweep")
	}
}
