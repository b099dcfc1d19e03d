package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

const (
	testAccount = "111122223333"
	// patience bounds every wait of these tests; a cycle takes about ten seconds.
	patience = time.Minute
)

// world is an embedded AWS with one account, and a folder for a daemon.
type world struct {
	emu  *awsemu.Server
	dir  string
	file string // the configuration
	key  aws.CredentialsProvider
	log  *safeBuffer
	seen *recorder
}

// fastPolicy has every grace as short as it can be.
const fastPolicy = `{max_age: 1m, overlap: 0s, quiet: 0s, trial: 0s, settle: 0s, jitter: 0s, push_limit: 1s, last_used_lag: 0s, verify: {successes: 1, over: 0s, limit: 30s}}`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		emu: awsemu.New(awsemu.Options{LastUsedGranularity: -1}), dir: t.TempDir(),
		log: &safeBuffer{}, seen: newRecorder(),
	}
	w.file = filepath.Join(w.dir, "keyrotator.yaml")
	if err := w.emu.CreateAccount(testAccount); err != nil {
		t.Fatal(err)
	}
	id, secret, err := w.emu.Admin(testAccount)
	if err != nil {
		t.Fatal(err)
	}
	w.key = credentials.NewStaticCredentialsProvider(id, secret, "")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", w.log)
		}
	})
	return w
}

// user adds a user with one key, an hour old, which a secret of its name holds.
func (w *world) user(t *testing.T, name string) (keyID string) {
	t.Helper()
	if _, err := w.emu.CreateUser(testAccount, name); err != nil {
		t.Fatal(err)
	}
	id, secret, err := w.emu.CreateAccessKey(testAccount, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.emu.SetKeyCreated(id, w.emu.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	value := fmt.Sprintf(`{"AWS_ACCESS_KEY_ID":%q,"AWS_SECRET_ACCESS_KEY":%q}`, id, secret)
	if _, err := w.emu.PutSecret(testAccount, "us-east-1", name, value); err != nil {
		t.Fatal(err)
	}
	return id
}

// configText names the users, each with a secret of its name.
func (w *world) configText(policy string, users ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "accounts: {emu: {id: %q, region: us-east-1}}\njournal: sqlite://%s/journal.db\nlimits: {call_timeout: 2s}\npolicies: {default: %s}\n",
		testAccount, w.dir, policy)
	if len(users) == 0 {
		return b.String()
	}
	b.WriteString("users:\n")
	for _, u := range users {
		fmt.Fprintf(&b, "  - {user: emu/%s, consumers: [{name: secret-of-%s, store: {secretsmanager: {secret: %s, adopt: true}}}]}\n", u, u, u)
	}
	return b.String()
}

// write puts the configuration where a daemon reads it, whole or not at all.
func (w *world) write(t *testing.T, text string) *config.Config {
	t.Helper()
	w.writeRaw(t, text)
	cfg, err := config.Load(w.file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (w *world) writeRaw(t *testing.T, text string) {
	t.Helper()
	draft := w.file + ".draft"
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, w.file); err != nil {
		t.Fatal(err)
	}
}

// options are those of a daemon in this world, on a port of its own.
func (w *world) options(t *testing.T) appOptions {
	t.Helper()
	log, err := telemetry.NewLogger(w.log, "debug", "console")
	if err != nil {
		t.Fatal(err)
	}
	return appOptions{
		configPath: w.file, listen: "127.0.0.1:0", log: log,
		reach:     reach{transport: w.emu.Transport(), credentials: func(string) aws.CredentialsProvider { return w.key }},
		observers: []rotator.Observer{w.seen},
		tuning:    rotator.Options{Poll: 20 * time.Millisecond, BackoffBase: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond},
		settled:   20 * time.Millisecond,
	}
}

// start runs a daemon until the test ends or stop is called.
func (w *world) start(t *testing.T, cfg *config.Config, options appOptions) *app {
	t.Helper()
	a, err := newApp(cfg, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t *testing.T, a *app) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// get reads a page of the daemon.
func get(t *testing.T, a *app, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + a.address() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode, string(text)
}

// recorder keeps every event and wakes whoever waits for one.
type recorder struct {
	mu     sync.Mutex
	events []rotator.Event
	more   chan struct{} // closed and replaced by every event
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{})} }

func (r *recorder) Observe(_ context.Context, e rotator.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.more)
	r.more = make(chan struct{})
}

// await returns the first event, from the beginning on, that is wanted.
func (r *recorder) await(t *testing.T, what string, wanted func(rotator.Event) bool) rotator.Event {
	t.Helper()
	limit := time.After(patience)
	for from := 0; ; {
		r.mu.Lock()
		events, more := r.events, r.more
		r.mu.Unlock()
		for ; from < len(events); from++ {
			if wanted(events[from]) {
				return events[from]
			}
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("within %s there was no %s", patience, what)
		}
	}
}

// entry wants a history entry of a user.
func entry(user string, kind rotator.Kind, verb rotator.Verb) func(rotator.Event) bool {
	return func(e rotator.Event) bool {
		return e.Kind == rotator.EventEntry && e.User.Name == user && e.Entry.Kind == kind && (verb == "" || e.Entry.Verb == verb)
	}
}

// safeBuffer is a log that can be read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the log has so many lines with a text.
func (b *safeBuffer) await(t *testing.T, text string, times int) {
	t.Helper()
	limit := time.After(patience)
	for {
		b.mu.Lock()
		if strings.Count(b.text.String(), text) >= times {
			b.mu.Unlock()
			return
		}
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		select {
		case <-more:
		case <-limit:
			t.Fatalf("within %s the log did not say %q %d times", patience, text, times)
		}
	}
}
