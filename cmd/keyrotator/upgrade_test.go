//go:build upgrade

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// previousVariable names the program of a version before this one, which
// `make upgrade` builds.
const previousVariable = "KEYROTATOR_PREVIOUS"

// listening is newWorld with an AWS that other processes reach, too.
func listening(t *testing.T) (w *world, config func(users ...string) string) {
	t.Helper()
	w = newWorld(t)
	listener, err := w.emu.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return w, func(users ...string) string {
		return strings.Replace(w.configText(fastPolicy, users...), "region: us-east-1}", fmt.Sprintf("region: us-east-1, endpoint: %q}", listener.URL()), 1)
	}
}

// previous runs the former version with the world's configuration.
func (w *world) previous(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program := os.Getenv(previousVariable)
	if program == "" {
		t.Fatalf("%s does not name the previous version's program: make upgrade builds it", previousVariable)
	}
	key, err := w.key.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "--config", w.file)...)
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID="+key.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+key.SecretAccessKey)
	return cmd
}

// daemon is the former version's daemon and what it logs, which goes to the
// world's log, too.
func (w *world) daemon(t *testing.T) (log *safeBuffer, stop func(syscall.Signal)) {
	t.Helper()
	log = &safeBuffer{}
	cmd := w.previous(t, "run", "--listen", "127.0.0.1:0", "--log-level", "debug")
	cmd.Stderr = io.MultiWriter(log, w.log)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the previous version's log:\n%s", log)
		}
	})
	var once sync.Once
	stop = func(how syscall.Signal) {
		once.Do(func() {
			_ = cmd.Process.Signal(how)
			if err := cmd.Wait(); err != nil && how == syscall.SIGTERM {
				t.Errorf("the previous version ended with %v", err)
			}
		})
	}
	t.Cleanup(func() { stop(syscall.SIGTERM) })
	return log, stop
}

// TestThisVersionEndsWhatThePreviousOneBegan: at the moment of the upgrade the
// journal alone has the new key's secret.
func TestThisVersionEndsWhatThePreviousOneBegan(t *testing.T) {
	w, config := listening(t)
	w.user(t, "ci")
	cfg := w.write(t, config("ci"))
	accept := w.emu.Inject(awsemu.Fault{Kind: awsemu.Refuse, Service: "secretsmanager", Operation: "PutSecretValue"})
	log, stop := w.daemon(t)
	log.await(t, "unclear push", 1)
	stop(syscall.SIGKILL)
	keys, err := w.emu.Keys(testAccount, "ci")
	if err != nil || len(keys) != 2 {
		t.Fatalf("in the middle of the cycle there are the keys %v, %v", keys, err)
	}
	accept()
	w.start(t, cfg, w.options(t))
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	left, err := w.emu.Keys(testAccount, "ci")
	if err != nil || len(left) != 1 || left[0].ID != keys[1].ID {
		t.Errorf("at the end there are the keys %v, %v; want the one that the previous version made of %v", left, err, keys)
	}
}

// rotated is what the log says of the end of a user's cycle.
func rotated(name string, cycle int) string {
	return fmt.Sprintf("done delete\t{\"user\": \"emu/%s\", \"cycle\": %d,", name, cycle)
}

// TestThePreviousVersionWorksBesideThisOneForAWholeCycle: both step the same
// users, in any order, and each takes up what the other's command line asks for.
func TestThePreviousVersionWorksBesideThisOneForAWholeCycle(t *testing.T) {
	const users = 8
	w, config := listening(t)
	old := map[string]string{}
	var names []string
	for i := range users {
		name := fmt.Sprintf("user%d", i)
		old[name], names = w.user(t, name), append(names, name)
	}
	cfg := w.write(t, w.share(t, config(names...)))
	log, stop := w.daemon(t)
	log.await(t, "listening", 1)
	w.start(t, cfg, w.options(t))
	for _, name := range names {
		w.log.await(t, rotated(name, 1), 1)
	}
	if out, err := w.previous(t, "rotate", "emu/user0").CombinedOutput(); err != nil {
		t.Fatalf("the previous version's command: %v: %s", err, out)
	}
	if code, said := w.command(t, "rotate", "emu/user1"); code != exitOK {
		t.Fatalf("this version's command: %d, %s", code, said)
	}
	w.log.await(t, rotated("user0", 2), 1)
	w.log.await(t, rotated("user1", 2), 1)
	stop(syscall.SIGTERM)
	if code, said := w.command(t, "journal", "verify"); code != exitOK {
		t.Errorf("verify: %d, %s", code, said)
	}
	theirs := strings.Count(log.String(), " succeeded")
	ours := strings.Count(w.log.String(), " succeeded") - theirs
	t.Logf("the previous version did %d steps with an effect, this one %d", theirs, ours)
	if theirs == 0 || ours == 0 {
		t.Error("one of the two did nothing")
	}
	if i := strings.Index(w.log.String(), "halted"); i >= 0 {
		t.Errorf("halted: %.300s", w.log.String()[i:])
	}
	for name, id := range old {
		if keys, err := w.emu.Keys(testAccount, name); err != nil || len(keys) == 0 || keys[0].ID == id {
			t.Errorf("%s has the keys %v, %v", name, keys, err)
		}
	}
}
