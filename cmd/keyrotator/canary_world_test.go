package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// canaryWorld is a world whose users have every kind of store and trouble.
type canaryWorld struct {
	*world
	canary *canary
	wire   *wiretap
	names  []string
}

func newCanaryWorld(t *testing.T) *canaryWorld {
	t.Helper()
	w := &canaryWorld{world: newWorld(t), names: []string{"ci", "mail", "box", "late", "torn", "tornfile"}}
	w.canary = &canary{dir: w.dir, sinks: map[string][]byte{}, seen: map[string]bool{}}
	w.wire = &wiretap{next: w.emu.Transport()}
	admin, err := w.key.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.canary.secrets = append(w.canary.secrets, admin.SecretAccessKey)
	for _, name := range w.names {
		w.furnish(t, name)
	}
	for _, f := range []awsemu.Fault{
		{Kind: awsemu.Throttle, Service: "iam", Count: 2},
		{Kind: awsemu.Refuse, Service: "iam", Operation: "CreateAccessKey", User: "box", Count: 1},
		{Kind: awsemu.ServerErrorAfter, Service: "iam", Operation: "CreateAccessKey", User: "late", Count: 1},
		{Kind: awsemu.LoseAnswer, Service: "secretsmanager", Operation: "PutSecretValue", Count: 1},
		{Kind: awsemu.Refuse, Service: "secretsmanager", Operation: "UpdateSecretVersionStage", Count: 1},
		{Kind: awsemu.ServerError, Service: "sts", Count: 2},
		{Kind: awsemu.FlapNewKey, User: "ci", Count: 1},
	} {
		w.emu.Inject(f)
	}
	return w
}

// furnish makes one user with an old key and its store.
func (w *canaryWorld) furnish(t *testing.T, name string) {
	t.Helper()
	id := w.user(t, name)
	value, _, err := w.emu.Secret(testAccount, "us-east-1", name, "")
	if err != nil {
		t.Fatal(err)
	}
	var held struct {
		Secret string `json:"AWS_SECRET_ACCESS_KEY"` //nolint:tagliatelle // the names that the AWS SDKs read
	}
	if err := json.Unmarshal([]byte(value), &held); err != nil {
		t.Fatal(err)
	}
	w.canary.secrets = append(w.canary.secrets, held.Secret)
	path := filepath.Join(w.dir, name+".credentials")
	switch name {
	case "box":
		err = writeCredentials(path, id, held.Secret)
	case "torn": // a document that ends in the middle
		_, err = w.emu.PutSecret(testAccount, "us-east-1", name, strings.TrimSuffix(value, `"}`))
	case "tornfile": // a line that is no setting, and one without a profile
		err = os.WriteFile(path, fmt.Appendf(nil, "aws_secret_access_key = %s\n[default\n%s\n", held.Secret, held.Secret), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *canaryWorld) canaryConfig() string {
	var b strings.Builder
	b.WriteString(w.configText(strings.Replace(fastPolicy, "settle: 0s", "settle: 1s", 1)) + "users:\n")
	for _, name := range w.names {
		store := fmt.Sprintf("secretsmanager: {secret: %s, adopt: true}", name)
		switch name {
		case "box", "tornfile":
			store = fmt.Sprintf("file: {path: %s, adopt: true}", filepath.Join(w.dir, name+".credentials"))
		case "mail":
			store = "secretsmanager: {secret: mail, adopt: true, ses_region: eu-west-1, fields: {key_id: AWS_ACCESS_KEY_ID, secret: AWS_SECRET_ACCESS_KEY}}"
		}
		fmt.Fprintf(&b, "  - {user: emu/%s, consumers: [{store: {%s}}]}\n", name, store)
	}
	return b.String()
}

// wiretap notes every request's line and headers, every secret that an answer
// or a request to a store carries, and cuts some answers off in the middle.
type wiretap struct {
	next http.RoundTripper

	mu    sync.Mutex
	log   bytes.Buffer
	found []string
	torn  map[string]bool
}

// secretTexts are how secrets look on the wire: the answer to CreateAccessKey,
// and the SES password that is put into a secret.
var secretTexts = []*regexp.Regexp{
	regexp.MustCompile(`<SecretAccessKey>([^<]+)<`),
	regexp.MustCompile(`SMTP_PASSWORD\\?":\s*\\?"([^"\\]+)`),
}

// RoundTrip implements http.RoundTripper.
func (w *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	w.note(fmt.Sprintf("%s %s %v\n", r.Method, r.URL, r.Header), sent)
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	w.note("", got)
	got = w.tear(got)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(got)), int64(len(got))
	return answer, nil
}

func (w *wiretap) note(line string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.WriteString(line)
	for _, text := range secretTexts {
		for _, match := range text.FindAllSubmatch(body, -1) {
			if secret := string(match[1]); !slices.Contains(w.found, secret) {
				w.found = append(w.found, secret)
			}
		}
	}
}

// tear cuts the first answer of each kind that carries a secret off, right
// behind a part of it.
func (w *wiretap) tear(body []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, mark := range []string{"<SecretAccessKey>", "AWS_SECRET_ACCESS_KEY"} {
		at := bytes.Index(body, []byte(mark))
		if at < 0 || w.torn[mark] {
			continue
		}
		if w.torn == nil {
			w.torn = map[string]bool{}
		}
		w.torn[mark] = true
		return body[:at+len(mark)+35]
	}
	return body
}

func (w *wiretap) requests() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *wiretap) secrets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.found)
}
