package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/postgres"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/seal"
)

// servers has the one PostgreSQL server of these tests.
var servers = sync.OnceValue(func() *postgres.Shared { return &postgres.Shared{} })

// share turns a configuration of a single daemon into one of replicas that
// share a new database.
func (w *world) share(t *testing.T, text string) string {
	t.Helper()
	identity := filepath.Join(w.dir, "identity")
	if _, err := seal.OpenAge(identity, seal.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	dsn := servers().DSN(t)
	text = strings.Replace(text, fmt.Sprintf("journal: sqlite://%s/journal.db", w.dir), "journal: "+dsn+"\nsealing: {identity: "+identity+"}", 1)
	return strings.Replace(text, "limits: {call_timeout: 2s}", "limits: {call_timeout: 2s, shutdown: 2s, lease: 4s, takeover_margin: 1s}", 1)
}

// stepper counts whose steps of which users are under way.
type stepper struct {
	mu      sync.Mutex
	busy    map[rotator.User]string
	stepped map[string]int
	twice   []string
}

// of stands before one replica's journal: a step is under way from its claim
// to the save that gives it up.
func (s *stepper) of(replica string) func(rotator.Journal) rotator.Journal {
	return func(j rotator.Journal) rotator.Journal { return &steppedJournal{j, s, replica} }
}

type steppedJournal struct {
	rotator.Journal

	steps   *stepper
	replica string
}

func (j *steppedJournal) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	row, err := j.Journal.Claim(ctx, user, owner, now, lease)
	if err != nil {
		return row, err
	}
	s := j.steps
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, busy := s.busy[user]; busy {
		s.twice = append(s.twice, fmt.Sprintf("%s by %s and %s", user, other, j.replica))
	}
	s.busy[user] = j.replica
	s.stepped[j.replica]++
	return row, nil
}

func (j *steppedJournal) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	if change.Release { // before the save: the next claim may come before it returns
		j.steps.mu.Lock()
		delete(j.steps.busy, row.User)
		j.steps.mu.Unlock()
	}
	return j.Journal.Save(ctx, row, change)
}

func TestReplicasShareTheUsersAndStepNobodyTwice(t *testing.T) {
	const users = 12
	w := newWorld(t)
	var names []string
	old := map[string]string{}
	for i := range users {
		name := fmt.Sprintf("user%d", i)
		old[name] = w.user(t, name)
		names = append(names, name)
	}
	cfg := w.write(t, w.share(t, w.configText(fastPolicy, names...)))
	steps := &stepper{busy: map[rotator.User]string{}, stepped: map[string]int{}}
	var replicas []*app
	for i := range 3 {
		options := w.options(t)
		options.wrapJournal = steps.of(fmt.Sprintf("replica %d", i))
		replicas = append(replicas, w.start(t, cfg, options))
	}
	for _, name := range names {
		w.seen.await(t, "deletion of the old key of "+name, entry(name, rotator.KindDone, rotator.VerbDelete))
	}
	for name, id := range old {
		keys, err := w.emu.Keys(testAccount, name)
		if err != nil || len(keys) != 1 || keys[0].ID == id {
			t.Errorf("%s has the keys %v, %v; want one that is new", name, keys, err)
		}
	}
	speakers := 0
	for _, a := range replicas {
		_, page := get(t, a, "/metrics")
		speakers += strings.Count(page, `keyrotator_rotation_phase{account="emu",phase="idle",user="user0"} 1`)
	}
	if speakers != 1 {
		t.Errorf("%d replicas speak of a user, want one", speakers)
	}
	steps.mu.Lock()
	defer steps.mu.Unlock()
	if len(steps.twice) > 0 {
		t.Errorf("stepped twice at once: %v", steps.twice)
	}
	for i := range 3 {
		if steps.stepped[fmt.Sprintf("replica %d", i)] == 0 {
			t.Errorf("replica %d did nothing: %v", i, steps.stepped)
		}
	}
}

// TestARequestOfTheCommandLineWakesAReplica: the request itself does, before
// any replica looks for what was overlooked.
func TestARequestOfTheCommandLineWakesAReplica(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	text := w.share(t, w.configText(strings.Replace(fastPolicy, "max_age: 1m", "max_age: 90d", 1), "ci"))
	cfg := w.write(t, text)
	options := w.options(t)
	options.tuning.Poll = time.Hour
	w.start(t, cfg, options)
	w.seen.await(t, "first sight", entry("ci", rotator.KindAdopted, ""))
	db, _, err := openJournal(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Append(t.Context(), rotator.Request{User: rotator.User{Account: "emu", Name: "ci"}, Verb: rotator.RequestRotate}); err != nil {
		t.Fatal(err)
	}
	w.seen.await(t, "rotation", entry("ci", rotator.KindDone, rotator.VerbDelete))
}

// TestAnotherReplicaTakesOver: a replica dies with a user in its hands.
func TestAnotherReplicaTakesOver(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	cfg := w.write(t, w.share(t, w.configText(fastPolicy, "ci")))
	db, err := journal.Open(t.Context(), cfg.Journal, journal.Options{Exclusive: true, Margin: cfg.Limits.TakeoverMargin})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begun := time.Now()
	if _, err := db.Claim(t.Context(), rotator.User{Account: "emu", Name: "ci"}, "the dead", begun, cfg.Limits.Lease); err != nil {
		t.Fatal(err)
	}
	w.start(t, cfg, w.options(t))
	first := w.seen.await(t, "first step", func(e rotator.Event) bool { return e.Kind == rotator.EventEntry && e.User.Name == "ci" })
	if waited := first.At.Sub(begun); waited < cfg.Limits.Lease+cfg.Limits.TakeoverMargin {
		t.Errorf("taken over after %s, before lease and margin were over", waited)
	}
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
}

func TestReplicasNeedTheIdentityOfTheJournal(t *testing.T) {
	w := newWorld(t)
	cfg := w.write(t, w.share(t, w.configText(fastPolicy)))
	w.start(t, cfg, w.options(t))
	if err := os.Remove(cfg.Sealing.Identity); err != nil {
		t.Fatal(err)
	}
	second, err := newApp(cfg, w.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "identity") {
		t.Errorf("a replica without the identity: %v", err)
		stop(t, second)
	}
	if _, err := os.Stat(cfg.Sealing.Identity); err == nil {
		t.Error("the replica made an identity of its own")
	}
}
