package main

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

const servingConfig = `accounts: {emu: {id: "111122223333", region: us-east-1}}
journal: sqlite:///tmp/none.db
users:
  - user: emu/ci
    consumers:
      - name: first
        canary: true
        store: {file: {path: /tmp/first}}
        reload: {exec: {command: [/bin/true]}, limit: 7m}
        probe: {http: {url: "http://127.0.0.1:1/health"}, successes: 3, every: 2m}
      - record: true
        store: {secretsmanager: {secret: ci}}
        refreshes: 3h
      - {wave: 2, soak: 1h, store: {file: {path: /tmp/second}}, ack: {within: 5h}}
`

func TestHowAConsumerIsServedIsWhatTheConfigurationSays(t *testing.T) {
	cfg, err := config.Parse("keyrotator.yaml", []byte(servingConfig), config.OSEnv())
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := buildFleet(t.Context(), cfg, reach{})
	if err != nil {
		t.Fatal(err)
	}
	target := fleet.Targets[rotator.User{Account: "emu", Name: "ci"}]
	first, record, last := target.Consumers[0], target.Consumers[1], target.Consumers[2]
	if first.Wave != -1 || first.Soak != time.Hour || first.Reloader == nil || first.ReloadLimit != 7*time.Minute ||
		first.Prober == nil || first.Probes != 3 || first.ProbeEvery != 2*time.Minute {
		t.Errorf("the canary is %+v", first)
	}
	if record.Wave != 0 || !record.Record || record.Reloader != nil || record.Acked {
		t.Errorf("the store of record is %+v", record)
	}
	if last.Wave != 2 || last.Soak != time.Hour || !last.Acked || last.AckWithin != 5*time.Hour {
		t.Errorf("the last is %+v", last)
	}
}

// TestTheConfigurationAndTheCoreAgreeOnTheLead holds the two accounts of how
// early a rotation starts against each other: the one that refuses a
// configuration, and the one that acts.
func TestTheConfigurationAndTheCoreAgreeOnTheLead(t *testing.T) {
	cfg, err := config.Parse("keyrotator.yaml", []byte(servingConfig), config.OSEnv())
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := buildFleet(t.Context(), cfg, reach{})
	if err != nil {
		t.Fatal(err)
	}
	u := cfg.Users[0]
	want, err := cfg.PolicyOf(u).Lead(u.Pace())
	if err != nil {
		t.Fatal(err)
	}
	target := fleet.Targets[rotator.User{Account: "emu", Name: "ci"}]
	if have := target.Policy.Lead(target.Pinned()); have != want.Total() {
		t.Errorf("the core starts %s before the maximum age, the configuration says %s = %s", have, want.Total(), want)
	}
}
