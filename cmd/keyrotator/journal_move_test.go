package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// command runs a command line in the world, and returns its exit code and what
// it said on stderr.
func (w *world) command(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = newCLI(nil, &stdout, &stderr).execute(t.Context(), append(args, "--config", w.file))
	return code, stderr.String()
}

// TestACycleBegunOnSQLiteEndsOnPostgreSQL moves the journal at the moment when
// it alone has the new key's secret: the store refuses to take it.
func TestACycleBegunOnSQLiteEndsOnPostgreSQL(t *testing.T) {
	w := newWorld(t)
	old := w.user(t, "ci")
	single := w.configText(fastPolicy, "ci")
	cfg := w.write(t, single)
	accept := w.emu.Inject(awsemu.Fault{Kind: awsemu.Refuse, Service: "secretsmanager", Operation: "PutSecretValue"})
	first := w.start(t, cfg, w.options(t))
	created := w.seen.await(t, "creation of the new key", entry("ci", rotator.KindDone, rotator.VerbCreate)).Entry.Key
	w.seen.await(t, "failure of the push", entry("ci", rotator.KindUnclear, rotator.VerbPush))
	file := filepath.Join(t.TempDir(), "moved.jsonl")
	if code, said := w.command(t, "journal", "export", file); code != exitRefused || !strings.Contains(said, "held by another process") {
		t.Errorf("export beside the daemon: %d, %s", code, said)
	}
	stop(t, first)
	if code, said := w.command(t, "journal", "export", file); code != exitOK {
		t.Fatalf("export: %d, %s", code, said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export has %v, %v", info, err)
	}
	refused, err := newApp(cfg, w.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.Start(t.Context()); !errors.Is(err, journal.ErrMoved) {
		t.Errorf("a daemon on the journal that was moved: %v", err)
	}
	identity := cfg.Sealing.Identity
	text := w.share(t, single)
	cfg = w.write(t, text)
	carry(t, identity, cfg.Sealing.Identity)
	if code, said := w.command(t, "journal", "import", file); code != exitOK {
		t.Fatalf("import: %d, %s", code, said)
	}
	accept()
	w.start(t, cfg, w.options(t))
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	keys, err := w.emu.Keys(testAccount, "ci")
	if err != nil || len(keys) != 1 || keys[0].ID != string(created) {
		t.Errorf("at the end there are the keys %v, %v; want %s, which took the place of %s", keys, err, created, old)
	}
	if code, said := w.command(t, "journal", "verify"); code != exitOK {
		t.Errorf("verify: %d, %s", code, said)
	}
}

func carry(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
