package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// serviceManager is the socket on which systemd would hear the daemon.
type serviceManager struct {
	address *net.UnixAddr
	heard   chan string
}

// newServiceManager listens until the test ends, and waits for a sign of life
// every 60 ms at least.
func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	socket, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", address.Name)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt((60*time.Millisecond).Microseconds(), 10))
	m := &serviceManager{address, make(chan string, 10000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(m.heard)
		message := make([]byte, 4096)
		for {
			n, err := socket.Read(message)
			if err != nil {
				return
			}
			m.heard <- string(message[:n])
		}
	}()
	t.Cleanup(func() { _ = socket.Close(); <-ended })
	return m
}

// await returns the next message that is no sign of life; it has to begin with
// the state.
func (m *serviceManager) await(t *testing.T, state string) string {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case message := <-m.heard:
			if message == "WATCHDOG=1" && state != message {
				continue
			}
			if first, _, _ := strings.Cut(message, "\n"); first != state {
				t.Fatalf("the service manager heard %q, want %s", message, state)
			}
			return message
		case <-limit:
			t.Fatalf("within %s the service manager did not hear %s", patience, state)
		}
	}
}

// pending are the messages that were sent before and not awaited. A mark in the
// socket tells where they end.
func (m *serviceManager) pending(t *testing.T) []string {
	t.Helper()
	const mark = "that is all"
	socket, err := net.DialUnix("unixgram", nil, m.address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := socket.Write([]byte(mark)); err != nil {
		t.Fatal(err)
	}
	var messages []string
	for message := range m.heard {
		if message == mark {
			break
		}
		messages = append(messages, message)
	}
	return messages
}

// supervised are the options of a daemon that tells systemd how it stands.
func (w *world) supervised(t *testing.T) appOptions {
	t.Helper()
	options := w.options(t)
	options.serviceManager = toSystemd
	return options
}

// muteJournal does not tell who is due while it is mute: it fails or, told to
// hang, does not answer at all.
type muteJournal struct {
	rotator.Journal

	mute  atomic.Bool
	hangs bool
	asked chan struct{} // gets one value at least when it is asked while it is mute
}

func (j *muteJournal) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	if !j.mute.Load() {
		return j.Journal.Due(ctx, now, limit)
	}
	select {
	case j.asked <- struct{}{}:
	default:
	}
	if j.hangs {
		<-ctx.Done()
	}
	return nil, time.Time{}, errors.New("no answer")
}

func newMuteJournal(options *appOptions, hangs bool) *muteJournal {
	m := &muteJournal{hangs: hangs, asked: make(chan struct{}, 1)}
	options.wrapJournal = func(j rotator.Journal) rotator.Journal { m.Journal = j; return m }
	return m
}

func TestTheServiceManagerHearsThatTheDaemonIsReadyAliveAndStopping(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	r := w.run(t, w.supervised(t))
	m.await(t, "READY=1")
	if status, body := get(t, r.app, "/readyz"); status != 200 {
		t.Errorf("the daemon said that it is ready, and /readyz says %s", body)
	}
	for range 3 {
		m.await(t, "WATCHDOG=1")
	}
	r.end()
	m.await(t, "STOPPING=1")
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if more := m.pending(t); len(more) > 0 {
		t.Errorf("after STOPPING=1 the service manager heard %q", more)
	}
}

func TestTheDaemonIsNotReadyBeforeItsLoopKnowsWhoIsDue(t *testing.T) {
	for name, hangs := range map[string]bool{"the journal fails": false, "the loop hangs": true} {
		t.Run(name, func(t *testing.T) {
			w, m := newWorld(t), newServiceManager(t)
			options := w.supervised(t)
			journal := newMuteJournal(&options, hangs)
			journal.mute.Store(true)
			r := w.run(t, options)
			<-journal.asked
			r.end()
			if err := <-r.ended; err != nil {
				t.Fatal(err)
			}
			m.await(t, "STOPPING=1") // and nothing before it
		})
	}
}

// refusal is what the log says each time that the watchdog is not told.
const refusal = "the watchdog is not told that the daemon is alive"

// silent checks that no sign of life comes for three looks. The first look after
// the daemon's death may still tell of the last round that the loop ended.
func (m *serviceManager) silent(t *testing.T, w *world) {
	t.Helper()
	before := strings.Count(w.log.String(), refusal) // a busy daemon is slow, too
	w.log.await(t, refusal, before+2)
	m.pending(t)
	w.log.await(t, refusal, before+5)
	if more := m.pending(t); len(more) > 0 {
		t.Errorf("the service manager heard %q from a daemon that does not answer", more)
	}
}

func TestTheWatchdogHearsNothingWhileTheLoopLearnsNothing(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	options := w.supervised(t)
	journal := newMuteJournal(&options, false)
	w.start(t, w.write(t, w.configText(fastPolicy, "ci")), options)
	m.await(t, "READY=1")
	m.await(t, "WATCHDOG=1")
	journal.mute.Store(true)
	<-journal.asked // so that no round is under way that began before
	m.silent(t, w)
	journal.mute.Store(false)
	m.await(t, "WATCHDOG=1")
}

func TestTheWatchdogHearsNothingWhileTheLoopHangs(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	options := w.supervised(t)
	journal := newMuteJournal(&options, true)
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), options)
	m.await(t, "READY=1")
	m.await(t, "WATCHDOG=1")
	journal.mute.Store(true)
	<-journal.asked // so that no round is under way that began before
	m.silent(t, w)
	if status, _ := get(t, a, "/readyz"); status != 200 {
		t.Error("it was /readyz that noticed, and not that the loop stands still")
	}
}

func TestTheWatchdogHearsNothingWhileTheJournalIsDead(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	a := w.start(t, w.write(t, w.configText(fastPolicy)), w.supervised(t))
	m.await(t, "READY=1")
	m.await(t, "WATCHDOG=1")
	if err := a.journal.Close(); err != nil {
		t.Fatal(err)
	}
	m.silent(t, w)
}

func TestTheWatchdogHearsNothingWhileTheJournalCannotBeReadNow(t *testing.T) {
	w := newWorld(t)
	a := w.start(t, w.write(t, w.configText(fastPolicy)), w.options(t))
	<-a.pulse.begun
	if err := a.answers(t.Context(), 0); err != nil {
		t.Fatalf("answers = %v", err)
	}
	if err := a.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.answers(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "the journal cannot be read") {
		t.Errorf("answers = %v, want that the journal cannot be read", err)
	}
}

func TestTheServiceManagerHearsOfAReloadAndOfARefusedOne(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	w.start(t, w.write(t, w.configText(fastPolicy)), w.supervised(t))
	m.await(t, "READY=1")
	w.user(t, "ci")
	w.writeRaw(t, w.configText(fastPolicy, "ci"))
	if said := m.await(t, "RELOADING=1"); !strings.Contains(said, "\nMONOTONIC_USEC=") {
		t.Errorf("%q does not say when, which Type=notify-reload needs", said)
	}
	if said := m.await(t, "READY=1"); strings.Contains(said, "refused") {
		t.Errorf("a good configuration: %q", said)
	}
	w.writeRaw(t, "nonsense: 1\n")
	m.await(t, "RELOADING=1")
	if said := m.await(t, "READY=1"); !strings.Contains(said, "the new one was refused") {
		t.Errorf("a bad configuration: %q", said)
	}
}

func TestReplicasTellTheServiceManagerToo(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	w.user(t, "ci")
	w.start(t, w.write(t, w.share(t, w.configText(fastPolicy, "ci"))), w.supervised(t))
	m.await(t, "READY=1")
	m.await(t, "WATCHDOG=1")
}

func TestAServiceManagerWhoseWordsMakeNoSenseIsAnErrorAtTheStart(t *testing.T) {
	w := newWorld(t)
	newServiceManager(t)
	t.Setenv("WATCHDOG_USEC", "soon")
	a, err := newApp(w.write(t, w.configText(fastPolicy)), w.supervised(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("Start = %v, want an error that names WATCHDOG_USEC", err)
	}
}

func TestAServiceManagerThatIsGoneIsNoReasonToStop(t *testing.T) {
	w := newWorld(t)
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	w.user(t, "ci")
	w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.supervised(t))
	w.log.await(t, "the service manager could not be told", 1)
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
}

func TestADaemonThatNobodySupervisesTellsNobody(t *testing.T) {
	w, m := newWorld(t), newServiceManager(t)
	w.user(t, "ci")
	r := w.run(t, w.options(t)) // such as that of the demo
	w.seen.await(t, "adoption", entry("ci", rotator.KindAdopted, ""))
	r.end()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if more := m.pending(t); len(more) > 0 {
		t.Errorf("heard %q", more)
	}
}
