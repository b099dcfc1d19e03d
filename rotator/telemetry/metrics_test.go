package telemetry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
	"github.com/keyrotator/keyrotator/store"
)

func TestTheEndOfACycleCountsUnderItsResult(t *testing.T) {
	open := rotator.Progress{Cycle: &rotator.Cycle{Number: 1}}
	closed := rotator.Progress{}
	tests := []struct {
		name  string
		entry rotator.Entry
		after rotator.Progress
		want  string // empty: nothing is counted
	}{
		{"the old key was deleted", rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbDelete, Cycle: 1}, closed, "closed"},
		{"the old key was found deleted", rotator.Entry{Kind: rotator.KindNoted, Verb: rotator.VerbClose, Cycle: 1}, closed, "closed"},
		{"the first key was pushed everywhere", rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbPush, Cycle: 1}, closed, "closed"},
		{"the first key was probed everywhere", rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbProbe, Cycle: 1}, closed, "closed"},
		{"one of several pushes", rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbPush, Cycle: 1}, open, ""},
		{"our own new key was discarded", rotator.Entry{Kind: rotator.KindDone, Verb: rotator.VerbDiscard, Cycle: 1}, closed, "abandoned"},
		{"no key was made", rotator.Entry{Kind: rotator.KindNoted, Verb: rotator.VerbAbandon, Cycle: 1}, closed, "abandoned"},
		{"no key was made after the old one was cut", rotator.Entry{Kind: rotator.KindNoted, Verb: rotator.VerbAbandon, Cycle: 1}, open, ""},
		{"the journal was rebuilt", rotator.Entry{Kind: rotator.KindNoted, Verb: rotator.VerbForget, Cycle: 1}, closed, "rebuilt"},
		{"the journal was rebuilt outside a cycle", rotator.Entry{Kind: rotator.KindNoted, Verb: rotator.VerbForget}, closed, ""},
		{"an operator gave the cycle up", rotator.Entry{Kind: rotator.KindAdopted, Cycle: 1}, closed, "adopted"},
		{"first sight", rotator.Entry{Kind: rotator.KindAdopted}, closed, ""},
		{"a person is asked", rotator.Entry{Kind: rotator.KindHalted, Reason: rotator.ReasonNeverProven, Cycle: 1}, open, "halted"},
		{"the way back is over", rotator.Entry{Kind: rotator.KindHalted, Reason: rotator.ReasonRolledBack, Cycle: 1}, open, "rolled-back"},
		{"a person is asked outside a cycle", rotator.Entry{Kind: rotator.KindHalted, Reason: rotator.ReasonSecondKey}, closed, ""},
		{"an intent", rotator.Entry{Kind: rotator.KindIntent, Verb: rotator.VerbDelete, Cycle: 1}, open, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := telemetry.NewMetrics(telemetry.Build{})
			m.Observe(t.Context(), rotator.Event{Kind: rotator.EventEntry, User: ci, Entry: tt.entry, Progress: tt.after})
			page := scrape(t, m)
			if tt.want == "" {
				if strings.Contains(page, "rotations_total{") {
					t.Errorf("something is counted:\n%s", page)
				}
				return
			}
			wantLines(t, page, fmt.Sprintf(`keyrotator_rotations_total{account="prod",result=%q} 1`, tt.want))
		})
	}
}

func TestAPushCountsUnderItsKindAndResult(t *testing.T) {
	tests := map[string]error{
		"ok":        nil,
		"foreign":   fmt.Errorf("put: %w", store.ErrForeign),
		"denied":    fmt.Errorf("put: %w", store.ErrDenied),
		"throttled": fmt.Errorf("put: %w", store.ErrThrottled),
		"conflict":  fmt.Errorf("put: %w", store.ErrConflict),
		"ambiguous": fmt.Errorf("put: %w", store.ErrAmbiguous),
		"fenced":    fmt.Errorf("put: %w: %w", rotator.ErrFenced, store.ErrAmbiguous),
		"failed":    errors.New("the disk is full"),
	}
	for want, err := range tests {
		t.Run(want, func(t *testing.T) {
			m := telemetry.NewMetrics(telemetry.Build{})
			for _, verb := range []rotator.Verb{rotator.VerbPush, rotator.VerbRestore, rotator.VerbCreate} {
				m.Observe(t.Context(), rotator.Event{
					Kind: rotator.EventEffect, User: ci, Err: err, Took: time.Second,
					Entry: rotator.Entry{Verb: verb, Consumer: "file:/a:b"},
				})
			}
			wantLines(t, scrape(t, m),
				fmt.Sprintf(`keyrotator_consumer_pushes_total{kind="file",result=%q} 2`, want),
				`keyrotator_rotation_step_duration_seconds_count{step="create"} 1`,
				`keyrotator_rotation_step_duration_seconds_sum{step="push"} 1`)
		})
	}
}

func TestEverythingElseThatIsCounted(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Build{Version: "v1.2.3", Commit: "abc", GoVersion: "go1.26"})
	m.Request("iam", "ListAccessKeys", "ok", time.Second)
	m.Request("iam", "ListAccessKeys", "ok", time.Second)
	m.Request("sts", "GetCallerIdentity", "unanswered", time.Second)
	m.Observe(t.Context(), rotator.Event{Kind: rotator.EventStepFailed, User: ci, Err: errors.New("no")})
	m.Observe(t.Context(), rotator.Event{Kind: rotator.EventSwept, User: rotator.User{Account: "prod"}, At: noon})
	m.Observe(t.Context(), rotator.Event{Kind: rotator.EventSwept, User: rotator.User{Account: "lab"}, At: noon, Err: errors.New("no")})
	m.Observe(t.Context(), rotator.Event{Kind: rotator.EventWaiting, User: ci})
	m.Reloaded(noon, nil)
	m.Reloaded(noon.Add(time.Hour), errors.New("refused"))
	page := scrape(t, m)
	wantLines(t, page,
		`keyrotator_build_info{commit="abc",goversion="go1.26",version="v1.2.3"} 1`,
		`keyrotator_aws_requests_total{code="ok",operation="ListAccessKeys",service="iam"} 2`,
		`keyrotator_aws_requests_total{code="unanswered",operation="GetCallerIdentity",service="sts"} 1`,
		`keyrotator_steps_failed_total{account="prod"} 1`,
		`keyrotator_sweep_last_success_timestamp_seconds{account="prod"} 1.7953488e+09`,
		`keyrotator_config_reloads_total{result="applied"} 1`,
		`keyrotator_config_reloads_total{result="refused"} 1`,
		`keyrotator_config_last_reload_successful 0`,
		`keyrotator_config_last_reload_success_timestamp_seconds 1.7953488e+09`)
	if strings.Contains(page, `account="lab"`) {
		t.Error("a sweep that failed counts as a success")
	}
}

func TestCountingIsSafeForManyGoroutines(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Build{})
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 100 {
				m.Observe(t.Context(), rotator.Event{Kind: rotator.EventStepFailed, User: ci})
			}
		}()
	}
	for range 8 {
		<-done
	}
	wantLines(t, scrape(t, m), `keyrotator_steps_failed_total{account="prod"} 800`)
}

func TestWhatIsExpectedStandsAtZeroBeforeItHappens(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Build{})
	m.Expect(fleetOf(rotator.Target{User: ci, Consumers: []rotator.Consumer{{Store: place("a")}}})())
	before := scrape(t, m)
	wantLines(t, before,
		`keyrotator_rotations_total{account="prod",result="closed"} 0`,
		`keyrotator_rotations_total{account="prod",result="halted"} 0`,
		`keyrotator_consumer_pushes_total{kind="secretsmanager",result="ok"} 0`,
		`keyrotator_consumer_pushes_total{kind="secretsmanager",result="failed"} 0`,
		`keyrotator_steps_failed_total{account="prod"} 0`,
		`keyrotator_rotation_step_duration_seconds_count{step="create"} 0`,
		`keyrotator_rotation_step_duration_seconds_count{step="reload"} 0`,
		`keyrotator_steps_failed_total{account=""} 0`,
	)

	for _, err := range []error{
		nil, store.ErrForeign, store.ErrDenied, store.ErrThrottled, store.ErrConflict, store.ErrAmbiguous, rotator.ErrFenced, errors.New("other"),
	} {
		m.Observe(t.Context(), rotator.Event{Kind: rotator.EventEffect, User: ci, Entry: rotator.Entry{Verb: rotator.VerbPush, Consumer: "secretsmanager:a"}, Err: err})
	}
	m.Expect(fleetOf(rotator.Target{User: ci, Consumers: []rotator.Consumer{{Store: place("a")}}})())
	after := scrape(t, m)
	wantLines(t, after, `keyrotator_consumer_pushes_total{kind="secretsmanager",result="ok"} 1`)
	pushes := func(page string) int { return strings.Count(page, "keyrotator_consumer_pushes_total{") }
	if pushes(after) != pushes(before) {
		t.Errorf("a push made a series that was not expected:\n%s", after)
	}
}
