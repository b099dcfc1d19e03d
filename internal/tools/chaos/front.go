package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// front stands before the embedded AWS and sees what the replicas send: who
// changes which user, for how long, and every secret that leaves AWS.
type front struct {
	aws   *awsemu.Server
	fail  failing
	wake  *wake
	names map[string]string // who signs, by key id; not changed while serving

	mu      sync.Mutex
	flying  map[string]string // the replica that is changing a user right now, by the user's name
	secrets map[string]bool
	calls   map[string]int // by operation
	changes int
	shared  map[string]map[string]bool // the replicas that changed a user, by the user's name
}

func newFront(aws *awsemu.Server, wake *wake, fail failing) *front {
	return &front{
		aws: aws, fail: fail, wake: wake, names: map[string]string{}, flying: map[string]string{},
		secrets: map[string]bool{}, calls: map[string]int{}, shared: map[string]map[string]bool{},
	}
}

var (
	signer      = regexp.MustCompile(`Credential=([A-Z0-9]+)/`)
	secretInXML = regexp.MustCompile(`<SecretAccessKey>([^<]+)<`)
)

// ServeHTTP lets a call through and notes it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	operation, user := read(r, body)
	who := "nobody"
	if m := signer.FindStringSubmatch(r.Header.Get("Authorization")); len(m) == 2 && f.names[m[1]] != "" {
		who = f.names[m[1]]
	}
	f.mu.Lock()
	f.calls[operation]++
	f.mu.Unlock()
	f.wake.seen(user)
	if changing(operation) {
		done := f.change(who, operation, user)
		defer done()
	}
	if operation != "CreateAccessKey" {
		f.aws.ServeHTTP(w, r)
		return
	}
	tee := &tee{ResponseWriter: w}
	f.aws.ServeHTTP(tee, r)
	if m := secretInXML.FindSubmatch(tee.body.Bytes()); m != nil {
		f.learn(string(m[1]))
	}
}

// changing tells the calls with an effect that the program makes for a user.
func changing(operation string) bool {
	switch operation {
	case "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "PutSecretValue", "UpdateSecretVersionStage":
		return true
	default:
		return false
	}
}

// read finds out what a call asks for and for whom; a user's secret has the
// user's name.
func read(r *http.Request, body []byte) (operation, user string) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, operation, _ = strings.Cut(target, ".")
		var of struct {
			SecretID string `json:"SecretId"` //nolint:tagliatelle // the name that Secrets Manager reads
		}
		if json.Unmarshal(body, &of) != nil {
			return operation, ""
		}
		return operation, of.SecretID
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", ""
	}
	return form.Get("Action"), form.Get("UserName")
}

// change notes that a replica changes a user, until the function it returns is
// called. Two at once are what leases exist to prevent.
func (f *front) change(who, operation, user string) (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
	if other := f.flying[user]; other != "" {
		f.fail(doubleRotation, "%s sends %s for %s while %s is under way", who, operation, user, other)
	}
	f.flying[user] = who + "'s " + operation
	if f.shared[user] == nil {
		f.shared[user] = map[string]bool{}
	}
	f.shared[user][who] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.flying, user)
	}
}

// learn adds a secret to those that no output may show.
func (f *front) learn(secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets[secret] = true
}

// leaks looks for every secret in a text; it names the line, never the secret.
func (f *front) leaks(name string, text []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	length := 0 // of the run of such letters as secrets are made of
	for i, letter := range text {
		if !secretLetter(letter) {
			length = 0
			continue
		}
		length++
		if length >= secretLength && f.secrets[string(text[i+1-secretLength:i+1])] {
			return fmt.Errorf("%s shows a secret in line %d", name, 1+bytes.Count(text[:i], []byte("\n")))
		}
	}
	return nil
}

func secretLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '+'
}

// secretLength is how long every secret access key is.
const secretLength = 40

// tee keeps a copy of an answer.
type tee struct {
	http.ResponseWriter

	body bytes.Buffer
}

// Write implements http.ResponseWriter.
func (t *tee) Write(b []byte) (int, error) {
	t.body.Write(b)
	return t.ResponseWriter.Write(b)
}

// know tells the front who signs with a key.
func (f *front) know(id, name, secret string) {
	f.names[id] = name
	f.learn(secret)
}
