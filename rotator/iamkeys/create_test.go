package iamkeys_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func TestCreateIsOneCallOnTheWireWhateverHappens(t *testing.T) {
	isolate(t)
	cases := map[string]struct {
		fault awsemu.Kind
		want  error
		keys  int // of the user, afterwards
	}{
		"a server error, nothing done":       {awsemu.ServerError, rotator.ErrAmbiguous, 1},
		"a server error after the effect":    {awsemu.ServerErrorAfter, rotator.ErrAmbiguous, 2},
		"the answer is lost":                 {awsemu.LoseAnswer, rotator.ErrAmbiguous, 2},
		"the connection drops, nothing done": {awsemu.DropBefore, rotator.ErrAmbiguous, 1},
		"the connection drops, done later":   {awsemu.LateEffect, rotator.ErrAmbiguous, 2},
		"throttled":                          {awsemu.Throttle, rotator.ErrThrottled, 1},
		"denied":                             {awsemu.Refuse, rotator.ErrDenied, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aws := newCloud(t, awsemu.Options{})
				aws.Inject(awsemu.Fault{Kind: c.fault, Operation: "CreateAccessKey"})
				_, err := aws.keys.Create(t.Context(), alice())
				wantOnly(t, err, c.want)
				must(t, aws.Wait(t.Context()))
				if got := aws.sent(); !slices.Equal(got, []string{"CreateAccessKey"}) {
					t.Errorf("sent %v, want one CreateAccessKey", got)
				}
				keys, err := aws.Keys(prodID, "alice")
				must(t, err)
				if len(keys) != c.keys {
					t.Errorf("the user has %d keys, want %d", len(keys), c.keys)
				}
			})
		})
	}
}

func TestCreateOverASocketIsOneCallWhenTheConnectionBreaks(t *testing.T) {
	cases := map[string]func(http.ResponseWriter){
		"reset before any answer": func(w http.ResponseWriter) {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			if tcp, ok := connection.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, not an orderly end
			}
			_ = connection.Close()
		},
		"cut in the middle of the answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, created("alice")[:200])
		},
		"an empty success": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"an ill proxy":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			var calls atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.URL.Path == "/warm" {
					return
				}
				calls.Add(1)
				answer(w)
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			defer server.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			o := options(transport)
			o.Endpoint = server.URL
			keys := keyring(t, o)
			// net/http repeats a request by itself when an idle connection breaks.
			warm, err := (&http.Client{Transport: transport}).Get(server.URL + "/warm")
			must(t, err)
			must(t, warm.Body.Close())

			_, err = keys.Create(t.Context(), alice())
			wantOnly(t, err, rotator.ErrAmbiguous)
			if calls.Load() != 1 {
				t.Errorf("%d calls on the wire, want 1", calls.Load())
			}
		})
	}
}

func TestCreateThatTakesTooLongIsAmbiguous(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		aws := newCloud(t, awsemu.Options{})
		aws.Inject(awsemu.Fault{Kind: awsemu.Delay, Operation: "CreateAccessKey", For: time.Hour})
		start := time.Now()
		_, err := aws.keys.Create(t.Context(), alice())
		wantOnly(t, err, rotator.ErrAmbiguous)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func TestCreateReturnsTheKeyWithItsDates(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		aws := newCloud(t, awsemu.Options{})
		aws.SetClockSkew(3 * time.Minute)
		got, err := aws.keys.Create(t.Context(), alice())
		must(t, err)
		if got.Credential.KeyID() == "" || got.Credential.RevealSecret() == "" || got.Credential.Equal(aws.old) {
			t.Errorf("credential %v", got.Credential)
		}
		now := aws.Now().Truncate(time.Second).UTC()
		if !got.Date.Equal(now) || !got.At.Equal(now) {
			t.Errorf("made %s, dated %s; want AWS's clock %s", got.At, got.Date, now)
		}
		_, err = aws.keys.Create(t.Context(), alice())
		wantOnly(t, err, rotator.ErrQuota)
		_, err = aws.keys.Create(t.Context(), rotator.User{Account: "prod", Name: "nobody"})
		wantOnly(t, err, rotator.ErrNoSuchEntity)
	})
}

// TestUnreadableAnswerToCreateNeverShowsTheSecret searches the error, and
// every error it wraps, in every form that they may be printed in.
func TestUnreadableAnswerToCreateNeverShowsTheSecret(t *testing.T) {
	whole := created("alice")
	cases := map[string]struct {
		status int
		body   string
	}{
		"cut after the secret":                {200, whole[:strings.Index(whole, canary)+len(canary)]},
		"cut within the secret":               {200, whole[:strings.Index(whole, canary)+len(canary)-4]},
		"the secret as an unknown entity":     {200, strings.Replace(whole, canary, "&"+canary+";", 1)},
		"the secret where a date should be":   {200, strings.Replace(whole, "2026-11-22T10:00:00Z", canary, 1)},
		"the secret as an element's name":     {200, strings.Replace(whole, "</SecretAccessKey>", "</"+canary+">", 1)},
		"another envelope":                    {200, strings.ReplaceAll(whole, "CreateAccessKeyResult>", "Other>")},
		"another user's key":                  {200, created("bob")},
		"no user at all":                      {200, strings.Replace(whole, "<UserName>alice</UserName>", "", 1)},
		"no key id":                           {200, strings.Replace(whole, "<AccessKeyId>AKIANEW</AccessKeyId>", "", 1)},
		"no XML":                              {200, canary},
		"a broken error that quotes it":       {500, "<ErrorResponse><Error><Code>" + canary},
		"a refusal that is not AWS's":         {403, "<html>" + canary + "</html>"},
		"a status that no AWS answer has":     {302, whole},
		"an error's body with a whole answer": {400, whole},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			w := always(c.status, c.body)
			got, err := keyring(t, options(w)).Create(t.Context(), alice())
			wantOnly(t, err, rotator.ErrAmbiguous)
			if !got.Credential.IsZero() {
				t.Error("a credential came with the error")
			}
			if w.count() != 1 {
				t.Errorf("%d calls, want 1", w.count())
			}
			searchChain(t, err)
		})
	}
}

func searchChain(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v|%+v|%#v", err, err, err)
	if snapshot, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		text += string(snapshot.Snapshot)
	}
	if strings.Contains(text, "CANARY") {
		t.Error("the error holds the secret")
	}
	switch wrapped := err.(type) { //nolint:errorlint // each link of the chain is searched by itself
	case interface{ Unwrap() error }:
		searchChain(t, wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wrapped.Unwrap() {
			searchChain(t, one)
		}
	}
}
