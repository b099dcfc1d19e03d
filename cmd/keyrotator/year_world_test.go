package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const yearPolicies = `policies:
  quarterly: {max_age: 90d, overlap: 24h, quiet: 24h, trial: 7d, jitter: 6h}
  weekly:    {max_age: 7d, overlap: 6h, quiet: 6h, trial: 12h, jitter: 2h}
  daily:     {max_age: 24h, overlap: 2h, quiet: 1h, trial: 1h, jitter: 1h}
`

// yearWorld is an AWS, its users with their consumers, and a daemon that is
// restarted now and then.
type yearWorld struct {
	t         *testing.T
	plan      yearPlan
	emu       *awsemu.Server
	dir       string
	random    *rand.Rand
	began     time.Time
	config    *config.Config
	users     []yearUser
	consumers sync.WaitGroup

	mu     sync.Mutex
	born   map[string]time.Time     // by key id
	oldest map[string]time.Duration // greatest age of a key at its deletion, by user
	tally  yearTally
}

type yearTally struct {
	faults, journalFaults, signIns, unanswered, failed atomic.Int64
	restarts                                           int
}

type yearUser struct {
	user      rotator.User
	policy    rotator.Policy
	created   time.Time // of the first key
	refreshes time.Duration
	places    []namedPlace
}

// start is when the rotation of a key made at created becomes due.
func (u yearUser) start(created time.Time) time.Time {
	return u.policy.Start(u.user, created, []rotator.Pinned{{Required: true, Refreshes: u.refreshes}})
}

type namedPlace struct {
	name string
	read place
}

func newYear(t *testing.T, plan yearPlan) *yearWorld {
	w := &yearWorld{
		t: t, plan: plan, dir: memoryDir(t), began: time.Now(),
		random: rand.New(rand.NewPCG(plan.seed, 1)),
		emu: awsemu.New(awsemu.Options{
			Seed: plan.seed, CallLog: 16,
			NewKeyDelay:  [2]time.Duration{3 * time.Second, 15 * time.Second},
			DeadKeyGrace: 4 * time.Second, ListLag: 5 * time.Second, LastUsedLag: 4 * time.Hour,
		}),
		born: map[string]time.Time{}, oldest: map[string]time.Duration{},
	}
	if err := w.emu.CreateAccount(testAccount); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "accounts: {emu: {id: %q, region: us-east-1}}\njournal: sqlite://%s/journal.db\nschedule: {sweep: '@every 168h'}\n%susers:\n",
		testAccount, w.dir, yearPolicies)
	for i := range plan.users {
		text.WriteString(w.addUser(i))
	}
	var err error
	if w.config, err = config.Parse("year.yaml", []byte(text.String()), config.Env{}); err != nil {
		t.Fatal(err)
	}
	w.readPolicies()
	w.emu.OnCall(w.watch)
	if plan.faults {
		w.arm()
	}
	return w
}

// memoryDir is a folder in memory where the machine has one: a year is some
// hundred thousand commits, and a disk takes its time for each.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "keyrotator-test-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// share is the policy of the i-th user. What most of a fleet has is the longest;
// the one daily user makes half of the year's rotations.
func share(i int) string {
	switch {
	case i == 4:
		return "daily"
	case i%8 == 1:
		return "weekly"
	default:
		return "quarterly"
	}
}

// addUser makes a user with one key, of an age that its policy allows or a
// little more, and returns its part of the configuration.
func (w *yearWorld) addUser(i int) string {
	share := share(i)
	maxAge := map[string]time.Duration{"quarterly": 90 * day, "weekly": 7 * day, "daily": day}[share]
	u := yearUser{
		user:      rotator.User{Account: "emu", Name: fmt.Sprintf("user-%02d", i)},
		policy:    rotator.Policy{Name: share},
		created:   w.began.Add(-time.Duration(w.random.Int64N(int64(maxAge * 11 / 10)))).Truncate(time.Second),
		refreshes: map[string]time.Duration{"quarterly": day, "weekly": 3 * time.Hour, "daily": time.Hour}[share],
	}
	_, err := w.emu.CreateUser(testAccount, u.user.Name)
	id, secret, err2 := w.emu.CreateAccessKey(testAccount, u.user.Name)
	if err := errors.Join(err, err2, w.emu.SetKeyCreated(id, u.created)); err != nil {
		w.t.Fatal(err)
	}
	text := fmt.Sprintf("  - user: %s\n    policy: %s\n    consumers:\n", u.user, share)
	if i%4 != 0 {
		if _, err := w.emu.PutSecret(testAccount, "us-east-1", u.user.Name, secretValue(id, secret)); err != nil {
			w.t.Fatal(err)
		}
		u.places = append(u.places, namedPlace{"the secret", secretPlace(w.emu, u.user.Name)})
		text += fmt.Sprintf("      - {store: {secretsmanager: {secret: %s, adopt: true}}, refreshes: %s}\n", u.user.Name, u.refreshes)
	}
	if i%4 < 2 {
		path := filepath.Join(w.dir, u.user.Name+".credentials")
		if err := writeCredentials(path, id, secret); err != nil {
			w.t.Fatal(err)
		}
		u.places = append(u.places, namedPlace{"the file", filePlace(path)})
		text += fmt.Sprintf("      - {store: {file: {path: %s, adopt: true}}, refreshes: %s}\n", path, u.refreshes)
	}
	w.users = append(w.users, u)
	return text
}

func (w *yearWorld) readPolicies() {
	for i, u := range w.users {
		made, err := buildPolicy(u.policy.Name, w.config.Policies[u.policy.Name])
		if err != nil {
			w.t.Fatal(err)
		}
		w.users[i].policy = made.policy
	}
}

// startConsumers has every reader of every store sign in right before it reads
// again, with a credential as stale as it promised, and right after.
func (w *yearWorld) startConsumers(ctx context.Context) {
	for _, u := range w.users {
		for _, p := range u.places {
			delay := time.Duration(w.random.Int64N(int64(u.refreshes)))
			w.consumers.Go(func() { w.consume(ctx, u, p, delay) })
		}
	}
}

func (w *yearWorld) consume(ctx context.Context, u yearUser, p namedPlace, delay time.Duration) {
	held, err := p.read()
	if err != nil {
		w.t.Error(err)
		return
	}
	first := time.NewTimer(delay)
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(u.refreshes)
	defer tick.Stop()
	for {
		w.trySignIn(ctx, u, p, held)
		fresh, err := p.read()
		if err != nil {
			w.t.Errorf("%s: read %s: %v", u.user, p.name, err)
			return
		}
		if fresh != held {
			held = fresh
			w.trySignIn(ctx, u, p, held)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *yearWorld) trySignIn(ctx context.Context, u yearUser, p namedPlace, held aws.Credentials) {
	err := signIn(ctx, w.emu.Transport(), stsURL, held)
	if ctx.Err() != nil {
		return
	}
	w.tally.signIns.Add(1)
	switch {
	case errors.Is(err, errKeyRefused):
		w.tally.failed.Add(1)
		w.t.Errorf("%s: %s cannot sign in with %s from %s: %v", time.Now().UTC().Format(time.DateTime), u.user, held.AccessKeyID, p.name, err)
	case err != nil:
		w.tally.unanswered.Add(1)
	}
}
