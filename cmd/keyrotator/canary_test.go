package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

// TestNoSecretReachesAnySink sends every secret that the embedded AWS ever makes
// through a daemon in trouble (throttled, refused, cut off, with answers and
// stores that end in the middle of a secret) and searches whatever it and the
// command line leave behind.
func TestNoSecretReachesAnySink(t *testing.T) {
	w := newCanaryWorld(t)
	c := w.canary
	options := w.options(t)
	options.log = bothForms(t, c)
	options.reach.transport = w.wire
	options.observers = append(options.observers, c)
	a := w.start(t, w.write(t, w.canaryConfig()), options)
	for _, user := range []string{"ci", "mail", "box", "late"} {
		w.seen.await(t, "deletion of the old key of "+user, entry(user, rotator.KindDone, rotator.VerbDelete))
	}
	for _, user := range []string{"torn", "tornfile"} {
		w.seen.await(t, "trouble with what the store of "+user+" holds", func(e rotator.Event) bool {
			return e.User.Name == user && (e.Kind == rotator.EventWaiting || e.Entry.Kind == rotator.KindHalted)
		})
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		_, page := get(t, a, path)
		c.sink("page "+path, page)
	}
	w.runCommands(t)
	c.sink("calls of the AWS", fmt.Sprintf("%+v", w.emu.Calls()))
	c.sink("requests", w.wire.requests())
	stop(t, a)
	c.files(w.dir)
	c.identity(t, filepath.Join(w.dir, "journal.db.identity"))
	c.secrets = append(c.secrets, w.wire.secrets()...)
	c.search(t)
}

// The search must be able to fail, whatever form a secret is in.
func TestTheSearchFindsASecretInEveryForm(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	for name, text := range map[string]string{
		"as it is":       "x" + secret + "x",
		"in JSON":        `{"s":"wJalrXUtnFEMI\/K7MDENG+bPxRfiCYEXAMPLEKEY"}`,
		"in HTML's JSON": `{"s":"wJalrXUtnFEMI/K7MDENG\u002bbPxRfiCYEXAMPLEKEY"}`,
		"in XML":         "<s>wJalrXUtnFEMI/K7MDENG&#43;bPxRfiCYEXAMPLEKEY</s>",
		"in a query":     url.Values{"s": {secret}}.Encode(),
		"in a path":      url.PathEscape(secret),
		"in hex":         hex.EncodeToString([]byte("ab" + secret)),
		"in HEX":         strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"in base64":      base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64 at 1": base64.StdEncoding.EncodeToString([]byte("{" + secret + "}")),
		"in base64 at 2": base64.RawURLEncoding.EncodeToString([]byte("{\"" + secret + "\"}")),
		"cut short":      "unexpected end of " + secret[:20],
	} {
		t.Run(name, func(t *testing.T) {
			if found := findSecret([]byte(text), []byte(secret)); found == "" {
				t.Errorf("the secret was not found in %q", text)
			}
		})
	}
	if found := findSecret([]byte("nothing of the kind"), []byte(secret)); found != "" {
		t.Errorf("something was found in nothing: %s", found)
	}
}

// canary gathers everything that is written anywhere. It is an observer: at
// every event it keeps the event itself and the files of the journal.
type canary struct {
	dir string

	mu      sync.Mutex
	sinks   map[string][]byte
	seen    map[string]bool // versions of files
	secrets []string
}

func (c *canary) sink(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sinks[name] = append(c.sinks[name], text...)
}

func (c *canary) read(name string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sinks[name]
}

// Write makes the canary a place for logs.
func (c *canary) Write(p []byte) (int, error) {
	c.sink("logs", string(p))
	return len(p), nil
}

// Observe implements rotator.Observer.
func (c *canary) Observe(_ context.Context, e rotator.Event) {
	text, err := json.Marshal(e)
	c.sink("events", fmt.Sprintf("%s %v %+v %#v %v\n", text, err, e, e, e.Err))
	c.files(c.dir)
}

// files keeps every version of the files of the journal, the custody's sealed
// secrets included; the identity that opens them is not among them.
func (c *canary) files(dir string) {
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.db-shm", "journal.db-journal", "journal.db.lock"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue // it is not there at the moment
		}
		c.mu.Lock()
		if !c.seen[string(text)] {
			c.seen[string(text)] = true
			c.sinks[name] = append(c.sinks[name], text...)
		}
		c.mu.Unlock()
	}
}

// identity adds what opens the custody to the secrets.
func (c *canary) identity(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte("AGE-SECRET-KEY-1"))
	if at < 0 {
		t.Fatal("the identity file holds no identity")
	}
	line, _, _ := strings.Cut(string(text[at:]), "\n")
	c.secrets = append(c.secrets, strings.TrimSpace(line))
}

func (c *canary) search(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 0
	for _, name := range []string{"logs", "events", "requests", "journal.db", "journal.db-wal", "page /metrics", "calls of the AWS"} {
		if len(c.sinks[name]) == 0 {
			t.Errorf("sink %q is empty: the test proves nothing of it", name)
		}
	}
	for name, text := range c.sinks {
		size += len(text)
		for i, secret := range c.secrets {
			if form := findSecret(text, []byte(secret)); form != "" {
				t.Errorf("secret %d is in %q, %s", i+1, name, form)
			}
		}
	}
	t.Logf("%d secrets, %d sinks, %d bytes", len(c.secrets), len(c.sinks), size)
	if len(c.secrets) < 12 {
		t.Errorf("only %d secrets were made", len(c.secrets))
	}
}

// half is how much of a secret counts as the secret.
const half = 16

// findSecret tells in which form a secret, or one half of it, is in a text.
func findSecret(text, secret []byte) (form string) {
	for _, part := range [][]byte{secret[:half], secret[len(secret)-half:]} {
		if bytes.Contains(text, part) {
			return "as it is"
		}
		for name, encode := range map[string]func(string) string{
			"in JSON":        func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
			"in HTML's JSON": func(s string) string { return strings.ReplaceAll(s, "+", `\u002b`) },
			"in XML":         func(s string) string { return strings.ReplaceAll(s, "+", "&#43;") },
			"in a query":     url.QueryEscape,
			"in a path":      url.PathEscape,
			"in hex":         func(s string) string { return hex.EncodeToString([]byte(s)) },
			"in HEX":         func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		} {
			if bytes.Contains(text, []byte(encode(string(part)))) {
				return name
			}
		}
	}
	// In base64 a text looks different at each of three places; the characters
	// that neighbours have a share in are left out.
	for shift := range 3 {
		body := secret[:len(secret)-(len(secret)+shift)%3]
		coded := base64.StdEncoding.EncodeToString(slices.Concat(make([]byte, shift), body))
		for _, core := range []string{coded[4*min(shift, 1):][:half], coded[len(coded)-half:]} {
			other := strings.NewReplacer("+", "-", "/", "_").Replace(core)
			if bytes.Contains(text, []byte(core)) || bytes.Contains(text, []byte(other)) {
				return "in base64"
			}
		}
	}
	return ""
}

// bothForms logs everything, down to debug, as JSON and for the console.
func bothForms(t *testing.T, c *canary) *zap.Logger {
	t.Helper()
	var cores []zapcore.Core
	for _, form := range []string{telemetry.FormatJSON, telemetry.FormatConsole} {
		log, err := telemetry.NewLogger(c, "debug", form)
		if err != nil {
			t.Fatal(err)
		}
		cores = append(cores, log.Core())
	}
	return zap.New(zapcore.NewTee(cores...))
}

// runCommands runs the command line in process, in every form of output.
func (w *canaryWorld) runCommands(t *testing.T) {
	t.Helper()
	listener, err := w.emu.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	key, err := w.key.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", listener.URL())
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	t.Setenv("HOME", w.dir)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	forms := []string{"table", "json", "yaml", "csv"}
	w.runAll(forms, [][]string{{"check"}, {"status"}, {"plan"}})
	var commands [][]string
	for _, user := range w.names {
		commands = append(commands, []string{"history", "emu/" + user}, []string{"status", "emu/" + user}, []string{"plan", "emu/" + user},
			[]string{"rotate", "emu/" + user, "--dry-run"}, []string{"rollback", "emu/" + user, "--dry-run"})
	}
	w.runAll(forms, commands)
	w.emu.Inject(awsemu.Fault{Kind: awsemu.Refuse})
	w.runAll(forms[:2], [][]string{{"check"}, {"plan"}})
	for _, name := range []string{"check", "status", "plan", "history"} {
		if len(w.canary.read("output of "+name)) == 0 {
			t.Errorf("%s wrote nothing: %s", name, w.canary.read("messages of "+name))
		}
	}
}

func (w *canaryWorld) runAll(forms []string, commands [][]string) {
	for _, args := range commands {
		for _, form := range forms {
			var out, errs bytes.Buffer
			run(append([]string{"--config", w.file, "-o", form, "--log-level", "debug"}, args...), strings.NewReader(""), &out, &errs)
			w.canary.sink("output of "+args[0], out.String())
			w.canary.sink("messages of "+args[0], errs.String())
		}
	}
}
