package iamkeys_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/iamkeys"
	"github.com/keyrotator/keyrotator/store"
)

const (
	prodID = "111122223333"
	region = "eu-west-1"
	canary = "wJalrXUtnFEMI/CANARY/bPxRfiCYEXAMPLEKEY"
)

func alice() rotator.User { return rotator.User{Account: "prod", Name: "alice"} }

// isolate takes the machine's own AWS configuration away, and asks the SDK for
// as many retries as it has, so that a test fails where one gets through.
func isolate(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			must(t, os.Unsetenv(name))
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
}

// cloud is an emulated AWS with one account and the user alice, who has one key.
type cloud struct {
	*awsemu.Server
	keys *iamkeys.Keyring
	old  store.Credential
}

func newCloud(t *testing.T, opt awsemu.Options) cloud {
	t.Helper()
	server := awsemu.New(opt)
	must(t, server.CreateAccount(prodID))
	_, err := server.CreateUser(prodID, "alice")
	must(t, err)
	id, secret, err := server.CreateAccessKey(prodID, "alice")
	must(t, err)
	adminID, adminSecret, err := server.Admin(prodID)
	must(t, err)
	o := options(server.Transport())
	o.Credentials = credentials.NewStaticCredentialsProvider(adminID, adminSecret, "")
	return cloud{server, keyring(t, o), store.NewCredential(id, secret)}
}

// sent are the operations that reached the emulator.
func (c cloud) sent() []string {
	var out []string
	for _, call := range c.Calls() {
		out = append(out, call.Operation)
	}
	return out
}

func options(transport http.RoundTripper) account.Options {
	return account.Options{
		Name: "prod", ID: prodID, Region: region, Transport: transport,
		Credentials: credentials.NewStaticCredentialsProvider("AKIADAEMON", "base", ""),
	}
}

func keyring(t *testing.T, o account.Options) *iamkeys.Keyring {
	t.Helper()
	a, err := account.New(t.Context(), o)
	must(t, err)
	return iamkeys.New(a)
}

// wire answers in process and counts what is sent.
type wire struct {
	answer func(body string) (*http.Response, error)

	mu     sync.Mutex
	bodies []string
	scopes []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	w.mu.Lock()
	w.bodies = append(w.bodies, string(body))
	w.scopes = append(w.scopes, r.Header.Get("Authorization"))
	w.mu.Unlock()
	return w.answer(string(body))
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bodies)
}

// always answers every call alike.
func always(status int, body string) *wire {
	return &wire{answer: func(string) (*http.Response, error) { return respond(status, body), nil }}
}

func respond(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

func refusal(code string) string {
	return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>no</Message></Error></ErrorResponse>"
}

func created(user string) string {
	return "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>" + user + "</UserName>" +
		"<AccessKeyId>AKIANEW</AccessKeyId><Status>Active</Status><SecretAccessKey>" + canary + "</SecretAccessKey>" +
		"<CreateDate>2026-11-22T10:00:00Z</CreateDate></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>"
}

func sentinels() []error {
	return []error{
		rotator.ErrThrottled, rotator.ErrDenied, rotator.ErrNoSuchEntity, rotator.ErrQuota,
		rotator.ErrRefused, rotator.ErrAmbiguous, rotator.ErrNotSignedIn, rotator.ErrFenced,
	}
}

// wantOnly checks that err wraps want and no other sentinel.
func wantOnly(t *testing.T, err, want error) {
	t.Helper()
	for _, s := range sentinels() {
		if got := errors.Is(err, s); got != (s == want) {
			t.Errorf("error %q wraps %q: %t, want %t", err, s, got, s == want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
