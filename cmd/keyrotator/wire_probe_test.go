package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/store"
)

func TestEveryKindOfProbeIsWired(t *testing.T) {
	kindsOf(t, func(t *testing.T, kind string, p config.Probe) {
		if p.Kind() != kind {
			t.Errorf("config calls it %q", p.Kind())
		}
		if _, err := (storeBuilder{web: webClients{}}).prober(ci, "runner", p); errors.Is(err, errNoProbe) {
			t.Errorf("%v", err)
		}
	})
	if _, err := (storeBuilder{}).prober(ci, "runner", config.Probe{}); !errors.Is(err, errNoProbe) {
		t.Errorf("a probe of no kind: %v", err)
	}
}

// described is what every probe tells of itself.
type described interface{ Describe() string }

func TestAProbeIsWhatTheConfigurationSays(t *testing.T) {
	w := newWorld(t)
	options := w.options(t)
	home, err := account.New(t.Context(), account.Options{Name: "prod", Region: "eu-west-1", Transport: options.reach.transport, Credentials: w.key})
	if err != nil {
		t.Fatal(err)
	}
	b := storeBuilder{accounts: map[string]*account.Account{"prod": home}, web: webClients{}}
	for want, p := range map[string]config.Probe{
		"sts:eu-west-1,us-east-1": {STS: &config.ProbeSTS{Regions: []string{"eu-west-1", "us-east-1"}}},
		"s3:ci/ok":                {S3: &config.ProbeS3{Bucket: "ci", Object: "ok", Region: "eu-west-1"}},
		"smtp:mail.example:465":   {SMTP: &config.ProbeSMTP{Region: "eu-west-1", Host: "mail.example", Port: 465, TLS: config.SMTPImmediate}},
	} {
		made, err := b.prober(ci, "runner", p)
		if err != nil {
			t.Fatal(err)
		}
		if got := made.(described).Describe(); got != want {
			t.Errorf("it is described as %s, want %s", got, want)
		}
	}
	for name, p := range map[string]config.Probe{
		"smtp": {SMTP: &config.ProbeSMTP{Region: "eu-west-1", Host: "mail.example", Port: 465, CAFile: os.DevNull}},
		"http": {HTTP: &config.ProbeHTTP{URL: "http://x", CAFile: os.DevNull}},
	} {
		if _, err := b.prober(ci, "runner", p); !errors.Is(err, errNoCertificate) {
			t.Errorf("%s with an empty ca_file: %v", name, err)
		}
	}
	if _, err := b.prober(rotator.User{Account: "elsewhere", Name: "ci"}, "runner", config.Probe{STS: &config.ProbeSTS{}}); err == nil {
		t.Error("an account that is not configured is no error")
	}
}

func TestAConsumerIsProbedAsTheConfigurationSays(t *testing.T) {
	made, err := (storeBuilder{web: webClients{}}).consumers(ci, config.User{Consumers: []config.Consumer{{
		Store: config.Store{File: &config.File{Path: "/srv/a", Format: config.FormatCredentials, Profile: "ci", Mode: "0600"}},
		Probe: &config.Probe{HTTP: &config.ProbeHTTP{URL: "http://runner/health"}, Successes: 3, Every: 30 * time.Second},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if c := made[0]; c.Prober == nil || c.Probes != 3 || c.ProbeEvery != 30*time.Second {
		t.Errorf("consumer = %+v", c)
	}
}

func TestProbesOfTheConsumerAskWhatTheConfigurationSays(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/health":
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte(`up with AKIA1 {}`))
		case r.URL.Path == "/api/v1/query" && r.PostFormValue("query") == "up == 0" && r.Header.Get("Authorization") == "Bearer t":
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	b, ca := storeBuilder{web: webClients{}}, certificateOf(t, server)
	credential := store.NewCredential("AKIA1", "secret")
	for name, p := range map[string]config.Probe{
		"http":       {HTTP: &config.ProbeHTTP{URL: server.URL + "/health", Status: 202, Contains: "with {key_id}", CAFile: ca, Timeout: time.Minute}},
		"prometheus": {Prometheus: &config.ProbePrometheus{URL: server.URL, Query: "up == 0", Token: config.NewSecret("t"), CAFile: ca, Timeout: time.Minute}},
		"exec": {Exec: &config.ProbeExec{
			Program: config.Program{Command: []string{scriptOf(t, `[ "$1 $2 $KEYROTATOR_CONSUMER $X $(cat)" = "probe now runner y AKIA1" ]`), "now"}, Environment: map[string]string{"X": "y"}, Timeout: time.Minute},
			Format:  config.FormatTemplate, Shape: config.Shape{Template: "{{.KeyID}}"},
		}},
	} {
		made, err := b.prober(ci, "runner", p)
		if err != nil {
			t.Fatal(err)
		}
		if err := made.Probe(t.Context(), credential); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := made.(interface {
			Check(ctx context.Context) error
		}); !ok {
			t.Errorf("%s cannot be checked", name)
		}
	}
	field, err := b.prober(ci, "runner", config.Probe{HTTP: &config.ProbeHTTP{URL: server.URL + "/health", Status: 202, Field: "a", Equals: "b", CAFile: ca, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	if err := field.Probe(t.Context(), credential); err == nil || !strings.Contains(err.Error(), "no JSON") {
		t.Errorf("a field: %v", err)
	}
}
