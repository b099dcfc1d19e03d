package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// TestAStoreThatFailsHoldsTheOldKeyForAllKindsUntilItHeals has one cycle over
// every kind of store at once. The one that fails is required, so no key is
// touched and the status says which it is and why; once it heals, the cycle goes
// on by itself. Nobody is refused all along, and no secret is anywhere but in the
// bodies of requests.
func TestAStoreThatFailsHoldsTheOldKeyForAllKindsUntilItHeals(t *testing.T) {
	e := newEverywhere(t)
	failing := e.places["terraform"]
	failing.door.shut.Store(true)
	for kind, p := range e.places {
		if err := p.seed(e.oldID, e.oldSecret); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	seen := &canary{dir: e.dir, sinks: map[string][]byte{}, seen: map[string]bool{}}
	cfg := e.write(t, e.adopting(t))
	e.announce(t)
	if found := e.check(t); len(found) > 0 {
		t.Fatalf("check before the cycle finds %+v", found)
	}
	readers := e.startReaders(t)
	options := e.options(t)
	options.log, options.observers = bothForms(t, seen), append(options.observers, seen)
	options.reach.transport = noting{e.keeper, options.reach.transport}
	a := e.start(t, cfg, options)

	// It is tried again and again, which is neither a halt nor a reason to cut.
	cut := entry("ci", rotator.KindDone, rotator.VerbDeactivate)
	e.seen.await(t, "retries of the store that fails", func(ev rotator.Event) bool { return failing.door.refused.Load() >= 4 || cut(ev) })
	readers.awaitKey(t, e, "terraform")
	newID := e.checkHeld(t, cfg)
	failing.door.shut.Store(false)
	e.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))

	readers.stop(t, e, newID)
	e.checkDone(t, newID)
	_, page := get(t, a, "/metrics")
	seen.sink("page /metrics", page)
	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}, {"history", "emu/ci"}, {"plan"}, {"check"}} {
		_, text := e.command(args...)
		seen.sink("output of "+args[0], text)
	}
	stop(t, a)
	e.searchSecrets(t, seen)
}

// adopting is the configuration with a consumer of every kind.
func (e *everywhere) adopting(t *testing.T) string {
	t.Helper()
	var consumers []string
	kindsOf(t, func(t *testing.T, kind string, _ config.Store) {
		p, ok := e.places[kind]
		if !ok {
			t.Fatalf("no place is of the kind %s", kind)
		}
		consumers = append(consumers, fmt.Sprintf("{name: the-%s, store: {%s, adopt: true}}}", kind, p.yaml))
	})
	// The old key is due, and the new one will not be while this test lasts.
	return e.config(strings.Replace(fastPolicy, "max_age: 1m", "max_age: 1h", 1), consumers...)
}

// announce puts the embedded AWS where the command line finds it.
func (e *everywhere) announce(t *testing.T) {
	t.Helper()
	listener, err := e.emu.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // nothing is lost with it
	key, err := e.key.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": listener.URL(), "AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey,
		"HOME": e.dir, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

// command runs keyrotator as a person does, and returns all that it says.
func (e *everywhere) command(args ...string) (code int, text string) {
	var out, errs bytes.Buffer
	code = run(append([]string{"--config", e.file}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String() + errs.String()
}

// checkHeld looks at everything while the store fails, and returns the new key.
func (e *everywhere) checkHeld(t *testing.T, cfg *config.Config) (newID string) {
	t.Helper()
	e.checkUntouched(t)
	code, text := e.command("status")
	if code != exitOK {
		t.Errorf("status ends with %d: a store that fails is tried again and needs no person", code)
	}
	_, form := e.command("status", "-o", "json")
	var all fleetStatus
	if err := json.Unmarshal([]byte(form), &all); err != nil || len(all.Users) != 1 {
		t.Fatalf("status as JSON: %v\n%s", err, form)
	}
	const why = `store denied access: allow the token's team "Read and write variables" in the workspace`
	s, location := all.Users[0], ""
	for _, c := range cfg.Users[0].Consumers {
		if c.Store.Kind() == "terraform" {
			location = c.Store.Location()
		}
	}
	for _, c := range s.Consumers {
		if want := c.Store != location; c.InSync != want {
			t.Errorf("%s: in sync %t (%s), want %t", c.Name, c.InSync, c.Standing, want)
		}
	}
	if !strings.Contains(s.Detail, strings.TrimPrefix(location, "terraform:")) {
		t.Errorf("status as JSON does not tell which store it is: %s", s.Detail)
	}
	if s.Halt != nil || string(s.OldKey) != e.oldID || len(s.Consumers) != len(e.places) || !strings.Contains(s.Detail, why) {
		t.Errorf("status as JSON does not tell why:\n%s", form)
	}
	for _, want := range []string{fmt.Sprintf("%d/%d", len(e.places)-1, len(e.places)), "the-terraform (behind)", "not taken the key", "AWS or a store denied the permission", why} {
		if !strings.Contains(text, want) {
			t.Errorf("status lacks %q:\n%s", want, text)
		}
	}
	e.checkUntouched(t)
	return string(s.NewKey)
}

// checkUntouched wants both keys Active and no call that changes one.
func (e *everywhere) checkUntouched(t *testing.T) {
	t.Helper()
	for _, c := range e.emu.Calls() {
		if c.Operation == "UpdateAccessKey" || c.Operation == "DeleteAccessKey" {
			t.Errorf("%s of %s", c.Operation, c.Target)
		}
	}
	keys, err := e.emu.Keys(testAccount, "ci")
	if err != nil || len(keys) != 2 || keys[0].Status != awsemu.Active || keys[1].Status != awsemu.Active {
		t.Errorf("keys %+v (%v), want two that are Active", keys, err)
	}
}

// checkDone wants the new key everywhere, and no other one.
func (e *everywhere) checkDone(t *testing.T, newID string) {
	t.Helper()
	keys, err := e.emu.Keys(testAccount, "ci")
	if err != nil || len(keys) != 1 || keys[0].ID != newID {
		t.Errorf("keys %+v (%v), want %s alone", keys, err, newID)
	}
	for kind, p := range e.places {
		if held, err := p.credential(); err != nil || held.AccessKeyID != newID {
			t.Errorf("%s holds %s (%v), want %s", kind, held.AccessKeyID, err, newID)
		}
	}
	if code, text := e.command("status"); code != exitOK || !strings.Contains(text, fmt.Sprintf("%d/%d", len(e.places), len(e.places))) {
		t.Errorf("status ends with %d:\n%s", code, text)
	}
}

// searchSecrets searches whatever was left behind.
func (e *everywhere) searchSecrets(t *testing.T, seen *canary) {
	t.Helper()
	admin, err := e.key.Retrieve(t.Context())
	held, err2 := e.places["file"].credential()
	children, err3 := os.ReadFile(filepath.Join(e.dir, "program.processes"))
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
	if !bytes.Contains(children, []byte("KEYROTATOR_KEY_ID="+held.AccessKeyID)) || !bytes.Contains(children, []byte("program")) {
		t.Error("the processes of the program were not seen")
	}
	seen.sink("process list", string(children))
	seen.sink("calls of the AWS", fmt.Sprintf("%+v", e.emu.Calls()))
	seen.sink("requests", e.keeper.requests())
	for kind, p := range e.places {
		if p.door != nil && !strings.Contains(e.keeper.requests(), strings.TrimPrefix(strings.TrimPrefix(p.door.URL, "https://"), "http://")) {
			t.Errorf("no request to %s was written down", kind)
		}
	}
	seen.files(e.dir)
	seen.identity(t, filepath.Join(e.dir, "journal.db.identity"))
	seen.secrets = append(seen.secrets, e.oldSecret, held.SecretAccessKey, admin.SecretAccessKey)
	for _, token := range e.tokens {
		if len(token) >= half {
			seen.secrets = append(seen.secrets, token)
		}
	}
	seen.search(t)
}
