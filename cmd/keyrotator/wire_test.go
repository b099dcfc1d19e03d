package main

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/store"
)

func TestEveryKindOfStoreIsWired(t *testing.T) {
	kinds := reflect.TypeFor[config.Store]()
	for field := range kinds.Fields() {
		kind := field.Tag.Get("yaml")
		t.Run(kind, func(t *testing.T) {
			var s config.Store
			reflect.ValueOf(&s).Elem().FieldByIndex(field.Index).Set(reflect.New(field.Type.Elem()))
			if s.Kind() != kind {
				t.Errorf("config calls it %q", s.Kind())
			}
			if _, err := (storeBuilder{}).store(rotator.User{}, s); errors.Is(err, errNoKind) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := (storeBuilder{}).store(rotator.User{}, config.Store{}); !errors.Is(err, errNoKind) {
		t.Errorf("a store of no kind: %v", err)
	}
}

func TestEveryFormatIsWired(t *testing.T) {
	shape := config.Shape{Fields: config.Fields{KeyID: "ID", Secret: "SECRET"}, Template: "{{.KeyID}}"}
	for _, kind := range []reflect.Type{reflect.TypeFor[config.SecretsManager](), reflect.TypeFor[config.File](), reflect.TypeFor[config.Variables]()} {
		field, _ := kind.FieldByName("Format")
		formats := 0
		for word := range strings.SplitSeq(field.Tag.Get("jsonschema"), ",") {
			format, ok := strings.CutPrefix(word, "enum=")
			if !ok {
				continue
			}
			formats++
			if _, err := payloadOf(format, "ci", shape); err != nil {
				t.Errorf("%s as %s: %v", kind, format, err)
			}
		}
		if formats == 0 {
			t.Errorf("%s names no format: the test looks at the wrong tag", kind)
		}
	}
	if _, err := payloadOf("xml", "", shape); !errors.Is(err, errNoFormat) {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestAShapeIsWhatTheConfigurationSays(t *testing.T) {
	credential := store.NewCredential("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	fields := config.Fields{KeyID: "ID", Secret: "SECRET"}
	tests := []struct {
		name, format, profile string
		shape                 config.Shape
		want                  string
	}{
		{"json", config.FormatJSON, "", config.Shape{Fields: fields}, `"ID"`},
		{"dotenv", config.FormatDotenv, "", config.Shape{Fields: fields}, "SECRET="},
		{"credentials", config.FormatCredentials, "runner", config.Shape{}, "[runner]"},
		{"template", config.FormatTemplate, "", config.Shape{Template: "id={{.KeyID}}"}, "id=AKIAIOSFODNN7EXAMPLE"},
		{"SES", config.FormatDotenv, "", config.Shape{SESRegion: "eu-west-1", Fields: config.Fields{SMTPUser: "MAIL_USER", SMTPPassword: "MAIL_PASSWORD"}}, "MAIL_PASSWORD=" + store.SMTPPassword(credential.RevealSecret(), "eu-west-1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payload, err := payloadOf(tt.format, tt.profile, tt.shape)
			if err != nil {
				t.Fatal(err)
			}
			text, err := payload.Render(nil, credential)
			if err != nil || !strings.Contains(strings.ReplaceAll(string(text), `"`+"", `"`), tt.want) {
				t.Errorf("%s is not in the document: %v", tt.name, err)
			}
		})
	}
}

func TestEveryFieldOfAPolicyIsWired(t *testing.T) {
	written := config.Policy{
		MaxAge: 1, Overlap: 2, Quiet: 3, Trial: 4, Settle: 5, Jitter: 6, PushLimit: 7, LastUsedLag: 8,
		Adoption: true, Drift: config.DriftReport,
		Verify:  config.Verify{Successes: 9, Over: 10, Limit: 11, Regions: []string{"eu-west-1"}},
		Windows: []config.Window{{Cron: "0 3 * * *", Duration: time.Hour}},
		Freezes: []config.Freeze{{From: "2026-12-20", To: "2027-01-05"}},
	}
	made, err := buildPolicy("quarterly", written)
	if err != nil {
		t.Fatal(err)
	}
	want := rotator.Policy{
		Name: "quarterly", MaxAge: 1, Overlap: 2, Quiet: 3, Trial: 4, Settle: 5, Jitter: 6, PushLimit: 7, LastUsedLag: 8,
		Verify:    rotator.Quorum{Successes: 9, Over: 10, Limit: 11, Regions: []string{"eu-west-1"}},
		WindowGap: 23 * time.Hour, Adoption: true, DriftReport: true,
	}
	if !reflect.DeepEqual(made.policy, want) {
		t.Errorf("policy = %+v\nwant     %+v", made.policy, want)
	}
	for _, v := range []reflect.Value{reflect.ValueOf(want), reflect.ValueOf(want.Verify)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the test says nothing of %s.%s", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
	if !made.calendar.Frozen(time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)) || !made.calendar.Open(time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)) ||
		made.calendar.Open(time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)) {
		t.Error("the calendar is not the configured one")
	}
}

func TestAFleetIsWhatTheConfigurationSays(t *testing.T) {
	w := newWorld(t)
	text := strings.Replace(w.configText(strings.Replace(fastPolicy, "1m", "1d", 1), "a", "b"), "users:\n", `observe_only: true
breaker: {failures: 7, within: 2h}
users:
  - user: emu/c
    bootstrap: true
    no_delete: true
    consumers:
      - {store: {secretsmanager: {secret: c}}, required: false, refreshes: 1h}
      - {store: {file: {path: /tmp/c, mode: "0640"}}, record: true}
`, 1)
	fleet, err := buildFleet(t.Context(), w.write(t, text), w.options(t).reach)
	if err != nil {
		t.Fatal(err)
	}
	if len(fleet.Targets) != 3 || fleet.Breaker != (rotator.Breaker{Failures: 7, Within: 2 * time.Hour}) {
		t.Errorf("fleet = %d targets, breaker %+v", len(fleet.Targets), fleet.Breaker)
	}
	c := fleet.Targets[rotator.User{Account: "emu", Name: "c"}]
	if !c.Bootstrap || !c.NoDelete || !c.ObserveOnly || c.Keyring == nil || c.Witness == nil || c.Calendar == nil || c.User.Name != "c" || c.Policy.Name != "default" {
		t.Errorf("target = %+v", c)
	}
	if got := c.Consumers[0]; got.Required || got.Record || got.Refreshes != time.Hour || got.Name() != "secretsmanager:us-east-1/c" {
		t.Errorf("first consumer = %+v", got)
	}
	if got := c.Consumers[1]; !got.Required || !got.Record || got.Refreshes != 0 || !strings.HasPrefix(got.Name(), "file:/tmp/c#") {
		t.Errorf("second consumer = %+v", got)
	}
	if a := fleet.Targets[rotator.User{Account: "emu", Name: "a"}]; a.NoDelete || a.Bootstrap || !a.ObserveOnly {
		t.Errorf("target a = %+v", a)
	}
}

func TestTwoConsumersThatTheJournalCannotTellApartAreRefused(t *testing.T) {
	secret := func(account string) config.Consumer {
		return config.Consumer{Store: config.Store{SecretsManager: &config.SecretsManager{
			Secret: "ci", Region: "us-east-1", Account: account, Format: config.FormatJSON, Shape: config.Shape{Fields: config.Fields{KeyID: "I", Secret: "S"}},
		}}}
	}
	prepared, err := account.New(t.Context(), account.Options{Name: "a", Region: "us-east-1", Credentials: newWorld(t).key})
	if err != nil {
		t.Fatal(err)
	}
	b := storeBuilder{accounts: map[string]*account.Account{"a": prepared, "b": prepared}}
	_, err = b.consumers(rotator.User{Account: "a", Name: "ci"}, config.User{Consumers: []config.Consumer{secret("a"), secret("b")}})
	if err == nil || !strings.Contains(err.Error(), "cannot tell secretsmanager:us-east-1/ci from that of consumer 1") {
		t.Errorf("err = %v", err)
	}
	if _, err := b.consumers(rotator.User{Account: "a", Name: "ci"}, config.User{Consumers: []config.Consumer{secret("nowhere")}}); err == nil {
		t.Error("a secret of an account that is not configured is no error")
	}
}
