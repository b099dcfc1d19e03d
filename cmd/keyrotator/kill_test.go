package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	// killLead is how long a cycle of secondsPolicy takes at most: settle, quorum,
	// push, overlap, quiet and trial, with the grain of AWS's dates.
	killLead = 12 * time.Second
	// killOrphan is what a create without an answer adds: settle, and the lost
	// key's own quiet time and trial.
	killOrphan = 12 * time.Second
	// killMachine is what a busy machine, the takeover of claims and the back-off
	// may add.
	killMachine = 2 * time.Minute
	// killsAtOnce is how many worlds run at a time: they wait more than they work.
	killsAtOnce = 24
)

// boundary is one place at which the daemon is killed: around its nth call of
// AWS or its nth write to the journal.
type boundary struct {
	write bool
	after bool
	n     int
	what  string
}

func (b boundary) String() string {
	side, kind := "before", "call"
	if b.after {
		side = "after"
	}
	if b.write {
		kind = "write"
	}
	return fmt.Sprintf("%s %s %d (%s)", side, kind, b.n, b.what)
}

// TestADaemonKilledAtAnyPointBreaksNobody kills a real process, with SIGKILL,
// before and after every call of AWS and every write to the journal of one
// cycle, each in a world of its own, and starts it again. A first run without
// any kill counts them.
func TestADaemonKilledAtAnyPointBreaksNobody(t *testing.T) {
	t.Parallel()
	boundaries := countBoundaries(t)
	began := time.Now()
	var worlds sync.WaitGroup
	var mu sync.Mutex
	signIns, missed := 0, []string(nil)
	atOnce := killsAtOnce
	if raceDetector { // it works more than it waits then, and calls time out
		atOnce /= 2
	}
	slots := make(chan struct{}, atOnce)
	for i, b := range boundaries {
		slots <- struct{}{}
		worlds.Go(func() {
			defer func() { <-slots }()
			w, err := runKilledOnce(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(i)), b)
			if err != nil {
				t.Errorf("killed %s: %v", b, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			signIns += w.signIns
			if w.kills == 0 {
				missed = append(missed, b.String())
			}
		})
	}
	worlds.Wait()
	t.Logf("%d boundaries, %d kills, %d sign-ins, 0 failed unless said above, %s; not reached: %v",
		len(boundaries), len(boundaries)-len(missed), signIns, time.Since(began).Round(time.Second), missed)
	// How often a wait is looked at depends on where in a second it began.
	if len(missed) > len(boundaries)/10 {
		t.Errorf("%d of %d boundaries were not reached", len(missed), len(boundaries))
	}
}

// countBoundaries rotates a user without any kill.
func countBoundaries(t *testing.T) []boundary {
	t.Helper()
	dir := t.TempDir()
	w, err := newKillWorld(t.Context(), dir, "10m", 1)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var calls []string
	w.emu.OnCall(func(c awsemu.Call, stage awsemu.Stage) {
		if stage == awsemu.Before && c.Agent != consumerAgent {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, c.Service+":"+c.Operation)
		}
	})
	w.startConsumers()
	log := filepath.Join(dir, "writes")
	err = w.spawn("keyrotator-killed", writesVariable+"="+log)
	ctx, cancel := context.WithTimeout(t.Context(), killLead+killMachine)
	defer cancel()
	began := time.Now()
	err = errors.Join(err, w.awaitRotation(ctx))
	took := time.Since(began)
	if err = errors.Join(err, w.stop(ctx)); err != nil {
		t.Fatalf("without any kill: %v", err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	writes := strings.Split(strings.TrimSpace(string(text)), "\n")
	t.Logf("a cycle without kills takes %s, %d calls and %d writes", took.Round(time.Millisecond), len(calls), len(writes))
	var all []boundary
	for _, after := range []bool{false, true} {
		for i, what := range calls {
			all = append(all, boundary{after: after, n: i + 1, what: what})
		}
		for i, what := range writes {
			all = append(all, boundary{write: true, after: after, n: i + 1, what: what})
		}
	}
	return all
}

// runKilledOnce lives through one cycle with one kill.
func runKilledOnce(ctx context.Context, dir string, b boundary) (*killWorld, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	w, err := newKillWorld(ctx, dir, "10m", 1)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, killLead+killOrphan+killMachine)
	defer cancel()
	w.startConsumers()
	if b.write {
		side, _, _ := strings.Cut(b.String(), " ")
		err = w.spawn("keyrotator-killed", fmt.Sprintf("%s=%s %d", killAtVariable, side, b.n))
	} else {
		w.killAtCall(b)
		err = w.spawn("keyrotator")
	}
	restarted := make(chan struct{})
	over, finish := context.WithCancel(ctx)
	go func() {
		defer close(restarted)
		w.restartOnce(over)
	}()
	if err == nil {
		err = w.awaitRotation(ctx)
	}
	// The last boundaries lie right behind the end of the cycle.
	late := time.NewTimer(2 * time.Second)
	defer late.Stop()
	select {
	case <-restarted:
	case <-late.C:
	}
	finish()
	<-restarted
	if err == nil {
		err = w.awaitRotation(ctx)
	}
	return w, errors.Join(err, w.stop(ctx))
}

// killAtCall kills the daemon around the effect of one of its calls, while the
// call is under way. A call killed before its effect never has it.
func (w *killWorld) killAtCall(b boundary) {
	stage := awsemu.Before
	if b.after {
		stage = awsemu.After
	}
	var mu sync.Mutex
	count := 0
	w.emu.OnCall(func(c awsemu.Call, s awsemu.Stage) {
		if s != stage || c.Agent == consumerAgent {
			return
		}
		mu.Lock()
		count++
		now := count == b.n
		mu.Unlock()
		if !now {
			return
		}
		if stage == awsemu.Before {
			w.emu.Inject(awsemu.Fault{Kind: awsemu.DropBefore, Service: c.Service, Operation: c.Operation, KeyID: c.KeyID, Count: 1})
		}
		w.kill()
	})
}

// restartOnce starts the daemon again after its kill.
func (w *killWorld) restartOnce(ctx context.Context) {
	first := w.current()
	if first == nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-first.dead:
	}
	if first.cmd.ProcessState.Exited() {
		w.failf("the daemon ended by itself: %s\n%s", first.cmd.ProcessState, first.log)
		return
	}
	w.kills++
	if err := w.spawn("keyrotator"); err != nil {
		w.failf("start the daemon again: %w", err)
	}
}

// awaitRotation waits until every user has one key, a new one, which its stores
// hold, and no open cycle.
func (w *killWorld) awaitRotation(ctx context.Context) error {
	return w.await(ctx, "one new key and no open cycle", func(u killUser, p rotator.Progress) bool {
		keys, err := w.emu.Keys(testAccount, u.user.Name)
		return err == nil && len(keys) == 1 && keys[0].ID != u.old && keys[0].Status == awsemu.Active &&
			p.Phase == rotator.PhaseIdle && string(p.Current) == keys[0].ID &&
			!slices.ContainsFunc(u.places, func(place namedPlace) bool {
				held, err := place.read()
				return err != nil || held.AccessKeyID != keys[0].ID
			})
	})
}

// await looks at the journal five times a second until every user is as wanted.
func (w *killWorld) await(ctx context.Context, what string, wanted func(killUser, rotator.Progress) bool) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := w.rows(ctx)
		if err == nil && !slices.ContainsFunc(w.users, func(u killUser) bool { return !wanted(u, all[u.user]) }) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("there never was %s: %w; progress %+v, keys %v", what, errors.Join(ctx.Err(), err), all, w.keys())
		}
	}
}

func (w *killWorld) keys() (all []awsemu.Key) {
	for _, u := range w.users {
		keys, err := w.emu.Keys(testAccount, u.user.Name)
		if err != nil {
			w.failf("%w", err)
		}
		all = append(all, keys...)
	}
	return all
}
