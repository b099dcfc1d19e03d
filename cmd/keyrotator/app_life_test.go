package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/seal"
)

// eventually waits for what leaves no event; it fails when it does not become
// true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(patience); !holds(); {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("within %s it did not become true that %s", patience, what)
		}
	}
}

// running is a daemon under Run.
type running struct {
	*app
	end   context.CancelFunc
	ended chan error
}

func (w *world) run(t *testing.T, options appOptions) *running {
	t.Helper()
	cfg := w.write(t, w.configText(fastPolicy, "ci"))
	a, err := newApp(cfg, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{a, cancel, make(chan error, 1)}
	go func() { r.ended <- a.Run(ctx, nil) }()
	return r
}

func TestAnEffectThatWasBegunIsFinishedAndJournaledOnShutdown(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	begun, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.emu.OnCall(func(c awsemu.Call, stage awsemu.Stage) {
		if c.Operation == "CreateAccessKey" && stage == awsemu.Before {
			once.Do(func() { close(begun); <-finish })
		}
	})
	r := w.run(t, w.options(t))
	<-begun
	r.end()
	w.log.await(t, "stopping: no new step begins", 1)
	eventually(t, "the daemon is not ready", func() bool {
		status, _ := get(t, r.app, "/readyz")
		return status == http.StatusServiceUnavailable
	})
	if status, _ := get(t, r.app, "/livez"); status != http.StatusOK {
		t.Error("the daemon is not alive while it finishes")
	}
	select {
	case err := <-r.ended:
		t.Fatalf("Run ended before the effect did: %v", err)
	default:
	}
	close(finish)
	if err := <-r.ended; err != nil {
		t.Fatalf("Run = %v", err)
	}
	made := w.seen.await(t, "journaled create", entry("ci", rotator.KindDone, rotator.VerbCreate))
	row := w.row(t, "ci")
	if _, sealed := row.Sealed[made.Entry.Key]; !sealed || row.Progress.Cycle == nil || row.Progress.Cycle.Keep != made.Entry.Key {
		t.Errorf("the journal does not keep the key that was made: %+v", row.Progress)
	}
	if !row.LeaseUntil.IsZero() {
		t.Error("the user is still claimed")
	}
}

// row reads a user's row beside whoever runs.
func (w *world) row(t *testing.T, name string) rotator.Row {
	t.Helper()
	db, err := journal.Open(t.Context(), "sqlite://"+filepath.Join(w.dir, "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	row, err := db.Row(t.Context(), rotator.User{Account: "emu", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestAShutdownThatTakesTooLongEndsWithAnError(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	begun, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.emu.OnCall(func(c awsemu.Call, stage awsemu.Stage) {
		if c.Operation == "CreateAccessKey" && stage == awsemu.Before {
			once.Do(func() { close(begun); <-finish })
		}
	})
	options := w.options(t)
	options.shutdownLimit = 50 * time.Millisecond
	r := w.run(t, options)
	<-begun
	r.end()
	if err := <-r.ended; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stop the loop: a step is still under way") {
		t.Errorf("Run = %v", err)
	}
	close(finish)
}

func TestASecondDaemonOnTheSameJournalIsRefused(t *testing.T) {
	w := newWorld(t)
	cfg := w.write(t, w.configText(fastPolicy))
	first := w.start(t, cfg, w.options(t))
	second, err := newApp(cfg, w.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); !errors.Is(err, journal.ErrHeld) {
		t.Fatalf("Start = %v, want ErrHeld", err)
	}
	if status, body := get(t, first, "/readyz"); status != http.StatusOK {
		t.Errorf("the first daemon is not ready any more: %s", body)
	}
}

func TestAStartThatFailsUndoesWhatItDid(t *testing.T) {
	w := newWorld(t)
	cfg := w.write(t, w.configText(fastPolicy))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	options := w.options(t)
	options.listen = taken.Addr().String()
	a, err := newApp(cfg, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "start the server") {
		t.Fatalf("Start = %v", err)
	}
	w.start(t, cfg, w.options(t)) // the journal is free again
}

func TestAnIdentityThatIsNotTheJournalsIsRefused(t *testing.T) {
	w := newWorld(t)
	cfg := w.write(t, w.configText(fastPolicy))
	stop(t, w.start(t, cfg, w.options(t)))
	identity := cfg.Sealing.Identity
	if err := os.Remove(identity); err != nil {
		t.Fatal(err)
	}
	start := func() error {
		a, err := newApp(cfg, w.options(t))
		if err != nil {
			t.Fatal(err)
		}
		return a.Start(t.Context())
	}
	if err := start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start without the identity = %v, want fs.ErrNotExist: a new one would open nothing", err)
	}
	if _, err := seal.OpenAge(identity, seal.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, seal.ErrWrongIdentity) {
		t.Errorf("Start with another identity = %v, want ErrWrongIdentity", err)
	}
}

// switchable is a network that can be pulled.
type switchable struct {
	next http.RoundTripper
	down atomic.Bool
}

func (s *switchable) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.down.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return s.next.RoundTrip(r)
}

func TestADaemonOutlivesAnAWSThatCannotBeReached(t *testing.T) {
	w := newWorld(t)
	old := w.user(t, "ci")
	options := w.options(t)
	network := &switchable{next: w.emu.Transport()}
	network.down.Store(true)
	options.reach.transport = network
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), options)
	w.seen.await(t, "wait for AWS", func(e rotator.Event) bool {
		return e.Kind == rotator.EventWaiting && e.Decision.Backoff
	})
	if status, body := get(t, a, "/readyz"); status != http.StatusOK {
		t.Errorf("the daemon is not ready without AWS, and would be restarted for it: %s", body)
	}
	if keys, _ := w.emu.Keys(testAccount, "ci"); len(keys) != 1 || keys[0].ID != old {
		t.Errorf("keys = %v", keys)
	}
	network.down.Store(false)
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
}

func TestNothingIsLeftAfterStop(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	cfg := w.write(t, w.configText(fastPolicy, "ci"))
	options := w.options(t)
	server, err := w.emu.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	options.reach.transport = nil // the real one, with its connections
	cycle := func() {
		a := w.start(t, cfg, options)
		get(t, a, "/metrics")
		w.seen.await(t, "adoption", entry("ci", rotator.KindAdopted, ""))
		stop(t, a)
	}
	cycle() // whatever is made once in a process is made now
	files := openFiles(t)
	for range 3 {
		cycle()
	}
	// The embedded AWS has goroutines of its own, and connections end when they
	// like: what the daemon starts is known by name.
	for _, ours := range []string{"main.(*app)", "keyrotator.(*app)", "rotator.(*loop)", "fsnotify.", "database/sql.(*DB)", "modernc.org/sqlite"} {
		eventually(t, "no goroutine is left in "+ours, func() bool { return !strings.Contains(stacks(), ours) })
	}
	eventually(t, "the files are closed", func() bool { return len(openFiles(t)) <= len(files) })
	for _, f := range openFiles(t) {
		if strings.HasPrefix(f, w.dir) {
			t.Errorf("%s is still open", f)
		}
	}
}

// stacks are those of all goroutines.
func stacks() string {
	text := make([]byte, 8<<20)
	return string(text[:runtime.Stack(text, true)])
}

// openFiles are the targets of this process's descriptors.
func openFiles(t *testing.T) []string {
	t.Helper()
	const descriptors = "/proc/self/fd"
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(descriptors, e.Name())); err == nil && !strings.HasSuffix(target, "/fd") {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}
