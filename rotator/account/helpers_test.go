package account_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/account"
)

const (
	prodID   = "111122223333"
	prodRole = "arn:aws:iam::111122223333:role/keyrotator"
)

// isolate takes the machine's own AWS configuration away from a test.
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
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// wire is an in-process server that notes every request.
type wire struct {
	answer func(*http.Request, string) (*http.Response, error)

	mu   sync.Mutex
	seen []seen
}

type seen struct {
	host, authorization, body string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
	}
	w.mu.Lock()
	w.seen = append(w.seen, seen{r.URL.Scheme + "://" + r.URL.Host, r.Header.Get("Authorization"), string(body)})
	w.mu.Unlock()
	if w.answer == nil {
		return ok(identityOf("arn:aws:iam::" + prodID + ":user/daemon")), nil
	}
	return w.answer(r, string(body))
}

func (w *wire) requests() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.seen...)
}

func respond(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

func ok(body string) *http.Response { return respond(http.StatusOK, body) }

func failed(status int, code string) *http.Response {
	return respond(status, "<ErrorResponse><Error><Type>Sender</Type><Code>"+code+
		"</Code><Message>no</Message></Error></ErrorResponse>")
}

func identityOf(arn string) string {
	return "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>" + arn +
		"</Arn><UserId>AIDAEXAMPLE</UserId><Account>" + strings.Split(arn, ":")[4] +
		"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
}

func assumed(expires time.Time) string {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte("token"))
	return "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAASSUMED</AccessKeyId>" +
		"<SecretAccessKey>assumed</SecretAccessKey><SessionToken>" + text.String() + "</SessionToken><Expiration>" +
		expires.UTC().Format(time.RFC3339) + "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
}

// options are those of an account that is served by w.
func options(w *wire) account.Options {
	return account.Options{
		Name: "prod", ID: prodID, Region: "eu-west-1", Transport: w,
		Credentials: credentials.NewStaticCredentialsProvider("AKIADAEMON", "base", ""),
	}
}

func open(t *testing.T, o account.Options) *account.Account {
	t.Helper()
	a, err := account.New(t.Context(), o)
	must(t, err)
	return a
}

func signIn(ctx context.Context, a *account.Account) error {
	_, err := sts.NewFromConfig(a.Config("")).GetCallerIdentity(ctx, nil)
	return err //nolint:wrapcheck // a test's shorthand
}

func listUsers(ctx context.Context, a *account.Account) error {
	_, err := iam.NewFromConfig(a.Config("")).ListUsers(ctx, nil)
	return err //nolint:wrapcheck // a test's shorthand
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
