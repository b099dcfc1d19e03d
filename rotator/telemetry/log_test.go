package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
	"github.com/keyrotator/keyrotator/store"
)

// logged is the one line that an event leaves, without its time; nil for none.
func logged(t *testing.T, level string, e rotator.Event) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, level, telemetry.FormatJSON)
	if err != nil {
		t.Fatal(err)
	}
	telemetry.NewLog(log).Observe(t.Context(), e)
	if out.Len() == 0 {
		return nil
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["time"])); err != nil {
		t.Errorf("time: %v", err)
	}
	delete(line, "time")
	return line
}

func TestEveryEventLeavesItsLine(t *testing.T) {
	inTrial := trial().Progress
	tests := []struct {
		name  string
		event rotator.Event
		want  map[string]any
	}{
		{
			"an entry",
			rotator.Event{Kind: rotator.EventEntry, User: ci, Progress: inTrial, Entry: rotator.Entry{
				Kind: rotator.KindDone, Verb: rotator.VerbDeactivate, Key: oldID, Reason: rotator.ReasonVerified, Request: 7, Cycle: 3,
			}},
			map[string]any{
				"level": "info", "message": "done deactivate", "user": "prod/ci", "cycle": 3.0, "phase": "trial", "verb": "deactivate",
				"key": string(oldID), "reason": "verified", "request": 7.0,
			},
		},
		{
			"an intent",
			rotator.Event{Kind: rotator.EventEntry, User: ci, Entry: rotator.Entry{Kind: rotator.KindIntent, Verb: rotator.VerbCreate}},
			map[string]any{"level": "debug", "message": "intent create", "user": "prod/ci", "verb": "create"},
		},
		{
			"a halt",
			rotator.Event{Kind: rotator.EventEntry, User: ci, Entry: rotator.Entry{Kind: rotator.KindHalted, Verb: rotator.VerbHalt, Reason: rotator.ReasonSecondKey, Detail: "two keys"}},
			map[string]any{"level": "error", "message": "halted", "user": "prod/ci", "verb": "halt", "reason": "second-key", "detail": "two keys"},
		},
		{
			"an effect",
			rotator.Event{Kind: rotator.EventEffect, User: ci, Took: 1500 * time.Millisecond, Entry: rotator.Entry{Verb: rotator.VerbPush, Consumer: "file:/a"}},
			map[string]any{"level": "debug", "message": "push succeeded", "user": "prod/ci", "verb": "push", "consumer": "file:/a", "took": "1.5s"},
		},
		{
			"an effect that failed",
			rotator.Event{Kind: rotator.EventEffect, User: ci, Err: errors.New("the disk is full"), Entry: rotator.Entry{Verb: rotator.VerbPush}},
			map[string]any{"level": "warn", "message": "push did not succeed", "user": "prod/ci", "verb": "push", "took": "0s", "err": "the disk is full"},
		},
		{
			"a new key that does not sign in yet",
			rotator.Event{Kind: rotator.EventEffect, User: ci, Err: errors.New("refused"), Entry: rotator.Entry{Verb: rotator.VerbProve}},
			map[string]any{"level": "info", "message": "prove did not succeed", "user": "prod/ci", "verb": "prove", "took": "0s", "err": "refused"},
		},
		{
			"a wait that the policy wants",
			rotator.Event{Kind: rotator.EventWaiting, User: ci, Decision: rotator.Decision{Verb: rotator.VerbWait, Reason: rotator.ReasonOverlap, Until: noon}},
			map[string]any{"level": "debug", "message": "waiting", "user": "prod/ci", "verb": "wait", "reason": "overlap", "until": "2026-11-22T12:00:00Z"},
		},
		{
			"a wait that a person may want to know of",
			rotator.Event{Kind: rotator.EventWaiting, User: ci, Decision: rotator.Decision{Verb: rotator.VerbWait, Reason: rotator.ReasonInUse}},
			map[string]any{"level": "info", "message": "waiting", "user": "prod/ci", "verb": "wait", "reason": "old-key-in-use"},
		},
		{
			"a wait after a failure",
			rotator.Event{Kind: rotator.EventWaiting, User: ci, Decision: rotator.Decision{Verb: rotator.VerbWait, Reason: rotator.ReasonThrottled, Backoff: true}},
			map[string]any{"level": "warn", "message": "waiting", "user": "prod/ci", "verb": "wait", "reason": "throttled"},
		},
		{
			"a step that failed",
			rotator.Event{Kind: rotator.EventStepFailed, Err: errors.New("the journal is gone")},
			map[string]any{"level": "error", "message": "the step failed", "err": "the journal is gone"},
		},
		{
			"a step that lost the race",
			rotator.Event{Kind: rotator.EventStepFailed, User: ci, Err: fmt.Errorf("save: %w", rotator.ErrConflict)},
			map[string]any{"level": "warn", "message": "the step failed", "user": "prod/ci", "err": "save: " + rotator.ErrConflict.Error()},
		},
		{
			"a sweep",
			rotator.Event{Kind: rotator.EventSwept, User: rotator.User{Account: "prod"}},
			map[string]any{"level": "info", "message": "looked at every user of the account", "account": "prod"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := logged(t, "debug", tt.event); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("line = %v\nwant   %v", got, tt.want)
			}
		})
	}
}

func TestALevelKeepsLowerLinesOut(t *testing.T) {
	if got := logged(t, "info", rotator.Event{Kind: rotator.EventEffect, User: ci, Entry: rotator.Entry{Verb: rotator.VerbPush}}); got != nil {
		t.Errorf("a debug line under info: %v", got)
	}
}

func TestUnknownLevelsAndFormatsAreRefused(t *testing.T) {
	for _, args := range [][2]string{{"loud", "json"}, {"", "json"}, {"fatal", "json"}, {"info", "xml"}, {"info", ""}} {
		if _, err := telemetry.NewLogger(&bytes.Buffer{}, args[0], args[1]); err == nil {
			t.Errorf("NewLogger(%q, %q) is no error", args[0], args[1])
		}
	}
}

// A logger is handed whatever is at hand; a credential must not show in any of
// the ways that zap prints a value.
func TestNoLogLineShowsTheSecretOfACredential(t *testing.T) {
	const canary = "CANARYwJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE"
	credential := store.NewCredential(string(newID), canary)
	type holder struct {
		Credential store.Credential
		Pointer    *store.Credential
		hidden     store.Credential
	}
	held := holder{credential, &credential, credential}
	fields := []zap.Field{
		zap.Any("any", credential), zap.Any("pointer", &credential), zap.Any("slice", []store.Credential{credential}),
		zap.Any("map", map[string]store.Credential{"a": credential}), zap.Any("struct", held), zap.Any("structs", []holder{held}),
		zap.Reflect("reflect", credential), zap.Reflect("reflected", held), zap.Stringer("stringer", credential),
		zap.String("verb", fmt.Sprintf("%v %+v %#v %s %q %x %d", credential, held, held, credential, credential, credential, credential)),
		zap.Error(fmt.Errorf("put %v: %v", credential, held)),
	}
	for _, format := range []string{telemetry.FormatJSON, telemetry.FormatConsole} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(&out, "debug", format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("canary", fields...)
		log.Sugar().Infow("canary", "credential", credential, "held", held)
		log.Sugar().Infof("canary %v %+v", credential, held)
		telemetry.NewLog(log).Observe(t.Context(), rotator.Event{Kind: rotator.EventEffect, User: ci, Err: fmt.Errorf("put %v", credential), Progress: trial().Progress})
		if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
			t.Errorf("%s: the secret is in\n%s", format, out.String())
		}
		if !strings.Contains(out.String(), string(newID)) {
			t.Errorf("%s: the credential was not logged at all:\n%s", format, out.String())
		}
	}
}
