package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// kindsOf calls do with a section of each of its kinds: a struct whose pointers
// are nil but for one.
func kindsOf[Section any](t *testing.T, do func(t *testing.T, kind string, section Section)) {
	t.Helper()
	kinds := 0
	section := reflect.TypeFor[Section]()
	for field := range section.Fields() {
		if field.Type.Kind() != reflect.Pointer {
			continue
		}
		kinds++
		t.Run(field.Tag.Get("yaml"), func(t *testing.T) {
			var made Section
			reflect.ValueOf(&made).Elem().FieldByIndex(field.Index).Set(reflect.New(field.Type.Elem()))
			do(t, field.Tag.Get("yaml"), made)
		})
	}
	if kinds < 2 {
		t.Errorf("%s has %d kinds: the test looks at the wrong fields", section, kinds)
	}
}

func TestEveryKindOfReloadIsWired(t *testing.T) {
	kindsOf(t, func(t *testing.T, kind string, r config.Reload) {
		if r.Kind() != kind {
			t.Errorf("config calls it %q", r.Kind())
		}
		if _, err := (storeBuilder{web: webClients{}}).reloader(ci, "runner", r); errors.Is(err, errNoReload) {
			t.Errorf("%v", err)
		}
	})
	if _, err := (storeBuilder{}).reloader(ci, "runner", config.Reload{}); !errors.Is(err, errNoReload) {
		t.Errorf("a reload of no kind: %v", err)
	}
}

func TestAReloadIsWhatTheConfigurationSays(t *testing.T) {
	var heard []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard = append(heard, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("consumer")+string(body))
	}))
	defer server.Close()
	b := storeBuilder{web: webClients{}}
	receiver, err := b.reloader(ci, "runner", config.Reload{Webhook: &config.ReloadWebhook{
		Hook:      config.Hook{URL: server.URL + "/reload", SigningKey: config.NewSecret(strings.Repeat("k", 32)), SigningKeyID: "7", CAFile: certificateOf(t, server), Timeout: time.Minute},
		StatusURL: server.URL + "/status", CheckURL: server.URL + "/check",
	}})
	if err != nil {
		t.Fatal(err)
	}
	run, err := b.reloader(ci, "runner", config.Reload{Exec: &config.ReloadExec{
		Program: config.Program{Command: []string{scriptOf(t, `echo "$1 $2 $KEYROTATOR_USER $KEYROTATOR_CONSUMER"; [ "$1" != reloaded ] || exit 16`), "now"}, Timeout: time.Minute},
		Waits:   true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []rotator.Reloader{receiver, run} {
		if err := errors.Join(r.(interface {
			Check(ctx context.Context) error
		}).Check(t.Context()), r.Reload(t.Context(), "AKIA1")); err != nil {
			t.Fatal(err)
		}
	}
	if done, _, err := receiver.Reloaded(t.Context(), "AKIA1"); !done || err != nil {
		t.Errorf("the receiver: %t, %v", done, err)
	}
	if done, detail, err := run.Reloaded(t.Context(), "AKIA1"); done || err != nil || detail != "reloaded now prod/ci runner" {
		t.Errorf("the program: %t, %q, %v", done, detail, err)
	}
	want := `GET /check runner
POST /reload {"consumer":"runner","event":"consumer.reload","key_id":"AKIA1","signing_key_id":"7","user":"prod/ci"}
GET /status runner`
	if got := strings.Join(heard, "\n"); got != want {
		t.Errorf("heard\n%s\nwant\n%s", got, want)
	}
}
