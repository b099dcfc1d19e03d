package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyrotator/keyrotator/rotator"
)

const callbackKey = "canary-callback-key-of-32-bytes!"

// call posts a callback, signed with a key as of a time.
func call(t *testing.T, a *app, key string, at time.Time, body string) (status int, said string) {
	t.Helper()
	hook, err := standardwebhooks.NewWebhookRaw([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign("msg_1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.address()+"/v1/callbacks", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Webhook-Id", "msg_1")
	r.Header.Set("Webhook-Timestamp", fmt.Sprint(at.Unix()))
	r.Header.Set("Webhook-Signature", signature)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read whole
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// waitingFor is a world whose daemon waits for its consumer's word.
func waitingFor(t *testing.T) (*world, *app, string) {
	t.Helper()
	w := newWorld(t)
	w.user(t, "ci")
	text := strings.Replace(w.configText(fastPolicy, "ci"), "users:\n", "callbacks: {key: "+callbackKey+"}\nusers:\n", 1)
	text = strings.Replace(text, "name: secret-of-ci", "name: secret-of-ci, ack: {within: 40s}", 1)
	a := w.start(t, w.write(t, text), w.options(t))
	w.seen.await(t, "wait for the acknowledgement", func(e rotator.Event) bool {
		return e.Kind == rotator.EventWaiting && e.Decision.Reason == rotator.ReasonAwaitingAck
	})
	rows, err := a.journal.Rows(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	return w, a, string(rows[0].Progress.Cycle.Keep)
}

func TestAConsumerAcknowledgesByASignedCall(t *testing.T) {
	w, a, key := waitingFor(t)
	body := fmt.Sprintf(`{"type": "ack", "user": "emu/ci", "consumer": "secret-of-ci", "key": %q, "why": "deployed"}`, key)
	if status, said := call(t, a, callbackKey, time.Now(), body); status != http.StatusAccepted || !strings.HasPrefix(said, "request ") {
		t.Fatalf("%d %s", status, said)
	}
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
}

func TestAnAlarmByASignedCallHaltsTheUser(t *testing.T) {
	w, a, key := waitingFor(t)
	other := fmt.Sprintf(`{"type": "alarm", "user": "emu/ci", "key": %q}`, "AKIAIOSFODNN7EXAMPLE")
	if status, said := call(t, a, callbackKey, time.Now(), other); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	w.seen.await(t, "refusal of an alarm about another key", func(e rotator.Event) bool {
		return e.Kind == rotator.EventEntry && e.Entry.Verb == rotator.VerbReject
	})
	if status, said := call(t, a, callbackKey, time.Now(), fmt.Sprintf(`{"type": "alarm", "user": "emu/ci", "key": %q}`, key)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	w.seen.await(t, "halt", func(e rotator.Event) bool {
		return e.Kind == rotator.EventEntry && e.Entry.Kind == rotator.KindHalted && e.Entry.Reason == rotator.ReasonAlarm
	})
}

func TestACallThatIsNotRightIsRefusedAndWrittenNowhere(t *testing.T) {
	_, a, key := waitingFor(t)
	ack := fmt.Sprintf(`{"type": "ack", "user": "emu/ci", "consumer": "secret-of-ci", "key": %q}`, key)
	for _, x := range []struct {
		name, key, body string
		late            time.Duration
		want            int
	}{
		{"another key signed", strings.Repeat("x", 32), ack, 0, http.StatusUnauthorized},
		{"the signature is old", callbackKey, ack, time.Hour, http.StatusUnauthorized},
		{"it is no JSON", callbackKey, "ack", 0, http.StatusBadRequest},
		{"it is nothing that can be said", callbackKey, strings.Replace(ack, `"ack"`, `"rotate"`, 1), 0, http.StatusBadRequest},
		{"the user is unknown", callbackKey, strings.Replace(ack, "emu/ci", "emu/other", 1), 0, http.StatusNotFound},
		{"the consumer is unknown", callbackKey, strings.Replace(ack, "secret-of-ci", "other", 1), 0, http.StatusNotFound},
		{"it names no key", callbackKey, strings.Replace(ack, key, "", 1), 0, http.StatusBadRequest},
		{"it is huge", callbackKey, strings.Repeat(" ", 20<<10) + ack, 0, http.StatusRequestEntityTooLarge},
	} {
		t.Run(x.name, func(t *testing.T) {
			status, said := call(t, a, x.key, time.Now().Add(-x.late), x.body)
			if status != x.want || strings.Contains(said, "canary") {
				t.Errorf("%d %s, want %d", status, said, x.want)
			}
		})
	}
	rows, err := a.journal.Rows(t.Context())
	if err != nil || len(rows[0].Requests) != 0 {
		t.Errorf("requests were written: %v, %v", rows, err)
	}
}

func TestWithoutAKeyNobodyMayCall(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.options(t))
	if status, said := call(t, a, callbackKey, time.Now(), "{}"); status != http.StatusNotFound {
		t.Errorf("%d %s", status, said)
	}
}
