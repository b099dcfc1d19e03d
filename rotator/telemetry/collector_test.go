package telemetry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

func TestTheCollectorExportsWhatTheJournalKnows(t *testing.T) {
	idle := rotator.Progress{Schema: rotator.Schema, Current: oldID, Created: noon, Phase: rotator.PhaseIdle, Since: noon}
	with := func(change func(*rotator.Row)) rotator.Row {
		row := trial()
		change(&row)
		return row
	}
	tests := []struct {
		name string
		row  rotator.Row
		want []string
		not  []string // parts of no line
	}{
		{
			"a user nobody has seen yet has a phase and nothing else",
			rotator.Row{User: ci},
			[]string{`keyrotator_rotation_phase{account="prod",phase="unseen",user="ci"} 1`, `keyrotator_paused{account="prod",user="ci"} 0`},
			[]string{"key_created", "deadline", "in_sync", "active_access_keys", "entered", "halted", "waiting"},
		},
		{
			"an idle user has one key, a deadline by the configured policy, and its stores in sync",
			rotator.Row{User: ci, Progress: idle, Waiting: rotator.ReasonNotDue},
			[]string{
				`keyrotator_rotation_phase{account="prod",phase="idle",user="ci"} 1`,
				`keyrotator_access_key_created_timestamp_seconds{account="prod",key="MOLD",user="ci"} 1.7953488e+09`,
				`keyrotator_access_key_deadline_timestamp_seconds{account="prod",user="ci"} 1.7954352e+09`,
				`keyrotator_active_access_keys{account="prod",user="ci"} 1`,
				`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:a",user="ci"} 1`,
				`keyrotator_rotation_phase_entered_timestamp_seconds{account="prod",user="ci"} 1.7953488e+09`,
				`keyrotator_waiting{account="prod",reason="not-due",user="ci"} 1`,
			},
			[]string{"last_used", "halted"},
		},
		{
			"in a trial both keys are told, the old one's last use, and the deadline by the pinned policy",
			trial(),
			[]string{
				`keyrotator_access_key_created_timestamp_seconds{account="prod",key="MOLD",user="ci"} 1.7875728e+09`,
				`keyrotator_access_key_created_timestamp_seconds{account="prod",key="MNEW",user="ci"} 1.7953452e+09`,
				`keyrotator_access_key_last_used_timestamp_seconds{account="prod",key="MOLD",user="ci"} 1.7952624e+09`,
				`keyrotator_access_key_deadline_timestamp_seconds{account="prod",user="ci"} 1.7962128e+09`,
				`keyrotator_active_access_keys{account="prod",user="ci"} 1`,
				`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:a",user="ci"} 1`,
				`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:b",user="ci"} 0`,
			},
			nil,
		},
		{
			"in the overlap both keys are active, and the journal knows of no last use",
			with(func(r *rotator.Row) {
				r.Progress.Phase, r.Progress.Cycle.Inactive, r.Progress.Cycle.UseAtCut = rotator.PhaseOverlap, time.Time{}, time.Time{}
			}),
			[]string{`keyrotator_active_access_keys{account="prod",user="ci"} 2`},
			[]string{"last_used"},
		},
		{
			"while the new key is proven the stores are in sync with the old one",
			with(func(r *rotator.Row) {
				r.Progress.Phase, r.Progress.Cycle.Inactive, r.Progress.Cycle.Pushed = rotator.PhaseProving, time.Time{}, nil
			}),
			[]string{`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:b",user="ci"} 1`},
			nil,
		},
		{
			"on a way back a store is in sync once it has the old key again",
			with(func(r *rotator.Row) {
				r.Progress.Phase, r.Progress.Cycle.Touched, r.Progress.Cycle.Restored = rotator.PhaseRollingBack, true, []string{"secretsmanager:b"}
			}),
			[]string{
				`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:a",user="ci"} 0`,
				`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:b",user="ci"} 1`,
			},
			nil,
		},
		{
			"a retired stranger leaves the stores with the key in use",
			with(func(r *rotator.Row) {
				r.Progress.Cycle.Purpose, r.Progress.Cycle.Pushed, r.Progress.Cycle.Keep = rotator.PurposeEvict, nil, oldID
				r.Progress.Cycle.Retire = newID
			}),
			[]string{`keyrotator_consumer_in_sync{account="prod",consumer="secretsmanager:a",user="ci"} 1`},
			nil,
		},
		{
			"an idle user tells when its next rotation is due",
			rotator.Row{User: ci, Progress: idle},
			[]string{`keyrotator_rotation_due_timestamp_seconds{account="prod",user="ci"} 1.7954352e+09`},
			[]string{"opened", "expected_end", "found_used", "failures"},
		},
		{
			"an open cycle tells by when its overlap should be over, and the old key gone",
			with(func(r *rotator.Row) {
				r.Progress.Phase, r.Progress.Cycle.Inactive, r.Progress.Cycle.Opened = rotator.PhaseOverlap, time.Time{}, noon
				r.Progress.Cycle.Policy.Overlap, r.Progress.Cycle.Policy.Trial = 3*time.Hour, 7*time.Hour
			}),
			[]string{
				`keyrotator_rotation_opened_timestamp_seconds{account="prod",user="ci"} 1.7953488e+09`,
				`keyrotator_rotation_phase_expected_end_timestamp_seconds{account="prod",user="ci"} 1.7953596e+09`,
				`keyrotator_rotation_expected_end_timestamp_seconds{account="prod",user="ci"} 1.7953848e+09`,
				`keyrotator_consumer_failures{account="prod",consumer="secretsmanager:a",user="ci"} 0`,
			},
			[]string{"rotation_due", "found_used"},
		},
		{
			"an old key that is used after all tells since when that is known, and a store that fails how often",
			with(func(r *rotator.Row) {
				r.Progress.Phase, r.Progress.Cycle.Inactive, r.Progress.Cycle.Healed = rotator.PhasePropagating, time.Time{}, noon
				r.Progress.Cycle.Missed = map[string]int{"secretsmanager:b": 4}
			}),
			[]string{
				`keyrotator_old_access_key_found_used_timestamp_seconds{account="prod",user="ci"} 1.7953488e+09`,
				`keyrotator_consumer_failures{account="prod",consumer="secretsmanager:b",user="ci"} 4`,
			},
			nil,
		},
		{
			"of an old key that is inactive no use is told",
			with(func(r *rotator.Row) { r.Progress.Cycle.Healed = noon }),
			nil,
			[]string{"found_used"},
		},
		{
			"a halted user tells why, and nothing of its stores",
			rotator.Row{User: ci, Waiting: rotator.ReasonHalted, Progress: rotator.Progress{
				Schema: rotator.Schema, Phase: rotator.PhaseIdle, Current: oldID, Halt: &rotator.Halt{Reason: rotator.ReasonSecondKey},
			}},
			[]string{`keyrotator_halted{account="prod",reason="second-key",user="ci"} 1`, `keyrotator_waiting{account="prod",reason="halted",user="ci"} 1`},
			[]string{"in_sync"},
		},
		{
			"a paused user is paused",
			rotator.Row{User: ci, Progress: rotator.Progress{Paused: true}},
			[]string{`keyrotator_paused{account="prod",user="ci"} 1`},
			nil,
		},
		{
			"a row of a newer version is not interpreted",
			rotator.Row{User: ci, Progress: rotator.Progress{Schema: rotator.Schema + 1, Phase: rotator.PhaseIdle, Current: oldID, Created: noon}},
			[]string{`keyrotator_journal_row_unreadable{account="prod",user="ci"} 1`},
			[]string{"rotation_phase", "key_created"},
		},
		{
			"a phase of a newer version is not interpreted",
			rotator.Row{User: ci, Progress: rotator.Progress{Schema: rotator.Schema, Phase: "levitating"}},
			[]string{`keyrotator_journal_row_unreadable{account="prod",user="ci"} 1`},
			[]string{"levitating"},
		},
		{
			"two keys with the same last four characters do not fail the scrape",
			with(func(r *rotator.Row) { r.Progress.Cycle.Keep = "AKIAOTHERBUTSAMEMOLD" }),
			[]string{`keyrotator_access_key_created_timestamp_seconds{account="prod",key="MOLD",user="ci"} 1.7953452e+09`},
			nil,
		},
		{
			"a text that is not UTF-8 does not fail the scrape",
			rotator.Row{User: ci, Waiting: "\xff"},
			[]string{"keyrotator_waiting{account=\"prod\",reason=\"\uFFFD\",user=\"ci\"} 1"},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fleet := fleetOf(rotator.Target{
				User: ci, Policy: rotator.Policy{MaxAge: 24 * time.Hour}, Consumers: []rotator.Consumer{{Store: place("a")}},
			})
			page := scrape(t, telemetry.NewCollector(&journal{rows: []rotator.Row{tt.row}}, telemetry.CollectorOptions{Fleet: fleet}))
			wantLines(t, page, tt.want...)
			for _, not := range tt.not {
				for _, line := range series(page) {
					if strings.Contains(line, not) {
						t.Errorf("there is %s", line)
					}
				}
			}
		})
	}
}

func TestAUserWhoIsNotConfiguredIsExportedOnlyWhileACycleIsOpen(t *testing.T) {
	gone := rotator.User{Account: "prod", Name: "gone"}
	idle := rotator.Row{User: gone, Progress: rotator.Progress{Schema: rotator.Schema, Phase: rotator.PhaseIdle, Current: oldID, Created: noon}}
	page := scrape(t, telemetry.NewCollector(&journal{rows: []rotator.Row{idle, trial()}}, telemetry.CollectorOptions{Fleet: fleetOf()}))
	if strings.Contains(page, `user="gone"`) {
		t.Errorf("an idle user who is not configured is exported:\n%s", page)
	}
	wantLines(t, page, `keyrotator_rotation_phase{account="prod",phase="trial",user="ci"} 1`)
}

func TestAConsumerIsCalledWhatTheConfigurationCallsIt(t *testing.T) {
	page := scrape(t, telemetry.NewCollector(&journal{rows: []rotator.Row{trial()}}, telemetry.CollectorOptions{
		Consumer: func(_ rotator.User, consumer string) string {
			return strings.ReplaceAll(consumer, "secretsmanager:a", "runner")
		},
	}))
	wantLines(t, page, `keyrotator_consumer_in_sync{account="prod",consumer="runner",user="ci"} 1`)
}

func TestWhatHoldsForAllUsersIsExported(t *testing.T) {
	page := scrape(t, telemetry.NewCollector(&journal{global: rotator.Global{Paused: true, Tripped: true}}, telemetry.CollectorOptions{}))
	wantLines(t, page, "keyrotator_all_paused 1", "keyrotator_breaker_open 1", "keyrotator_journal_up 1")
}

func TestOneScrapeReadsTheRowsOnce(t *testing.T) {
	j := &journal{rows: []rotator.Row{trial(), {User: rotator.User{Account: "prod", Name: "b"}}}}
	scrape(t, telemetry.NewCollector(j, telemetry.CollectorOptions{}))
	if j.calls != 1 {
		t.Errorf("Rows was called %d times", j.calls)
	}
}

func TestAJournalThatCannotBeReadSaysNothingElse(t *testing.T) {
	broken := errors.New("the disk is gone")
	var told error
	page := scrape(t, telemetry.NewCollector(&journal{rows: []rotator.Row{trial()}, err: broken}, telemetry.CollectorOptions{
		Failed: func(err error) { told = err },
	}))
	if got := series(page); len(got) != 1 || got[0] != "keyrotator_journal_up 0" {
		t.Errorf("series = %q", got)
	}
	if !errors.Is(told, broken) {
		t.Errorf("told = %v", told)
	}
}

// stuck is a journal that answers only when it is given up.
type stuck struct{ journal }

func (*stuck) Rows(ctx context.Context) ([]rotator.Row, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAScrapeDoesNotWaitForAStuckJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		page := scrape(t, telemetry.NewCollector(&stuck{}, telemetry.CollectorOptions{Limit: 3 * time.Second}))
		wantLines(t, page, "keyrotator_journal_up 0")
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("the scrape took %s", took)
		}
	})
}

func TestOneReplicaSpeaksOfUsers(t *testing.T) {
	for _, speaks := range []bool{true, false} {
		text := scrape(t, telemetry.NewCollector(&journal{rows: []rotator.Row{trial()}}, telemetry.CollectorOptions{
			Speaks: func(context.Context) (bool, error) { return speaks, nil },
		}))
		want := "keyrotator_journal_speaker 0"
		if speaks {
			want = "keyrotator_journal_speaker 1"
		}
		if !strings.Contains(text, want) || !strings.Contains(text, "keyrotator_journal_up 1") {
			t.Errorf("the page lacks %s or that the journal is up:\n%s", want, text)
		}
		if strings.Contains(text, "keyrotator_rotation_phase{") != speaks {
			t.Errorf("speaks of users is not %v:\n%s", speaks, text)
		}
	}
}
