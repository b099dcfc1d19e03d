package rotator_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
	"github.com/keyrotator/keyrotator/store"
)

// These tests run in bubbles of testing/synctest: a day passes in milliseconds,
// and a goroutine that is left behind fails the test.

// tooMany is more calls than any of these tests needs; a loop that spins stops
// the clock of its bubble and would never end.
const tooMany = 20_000

// alive moves a world's clock with the bubble's and counts its calls.
type alive struct {
	rotator.Keyring
	rotator.Witness

	w      *rotatortest.World
	lists  atomic.Int64
	fails  atomic.Bool
	create func() // called before a key is made, in the middle of the effect
	hand   sync.Mutex
}

// byHand changes the world between two steps.
func (a *alive) byHand(change func(*rotatortest.World)) {
	a.hand.Lock()
	defer a.hand.Unlock()
	change(a.w)
}

// OwnKey is what every look asks first.
func (a *alive) OwnKey(ctx context.Context) (rotator.KeyID, error) {
	a.hand.Lock()
	defer a.hand.Unlock()
	return a.Witness.OwnKey(ctx)
}

func (a *alive) List(ctx context.Context, u rotator.User) (rotator.Listing, error) {
	if a.lists.Add(1) > tooMany {
		panic("the loop spins")
	}
	a.w.AdvanceTo(time.Now())
	if a.fails.Load() {
		return rotator.Listing{}, rotator.ErrThrottled
	}
	return a.Keyring.List(ctx, u)
}

func (a *alive) Create(ctx context.Context, u rotator.User) (rotator.Created, error) {
	if a.create != nil {
		a.create()
	}
	a.w.AdvanceTo(time.Now())
	return a.Keyring.Create(ctx, u)
}

func (a *alive) SignIn(ctx context.Context, c store.Credential, regions []string) (rotator.Identity, error) {
	a.w.AdvanceTo(time.Now())
	return a.Witness.SignIn(ctx, c, regions)
}

// daemon is a rotator with its loop over worlds, one a user.
type daemon struct {
	t       *testing.T
	journal *journal.Memory
	ledger  rotator.Journal // what the rotator sees; the journal unless a test changes it
	fleet   *rotator.Fleet
	worlds  map[string]*alive
	cancel  context.CancelFunc
	ended   chan error
}

// deploy makes a world for each user, whose keys are so old.
func deploy(t *testing.T, age time.Duration, users ...string) *daemon {
	t.Helper()
	d := &daemon{
		t: t, journal: journal.NewMemory(), worlds: map[string]*alive{},
		fleet: &rotator.Fleet{Targets: map[rotator.User]rotator.Target{}},
	}
	d.ledger = d.journal
	for _, name := range users {
		w := rotatortest.New(searchPolicy(), places("both")...)
		w.Now = time.Now()
		w.Keys[0].Created = w.Now.Add(-age)
		w.Journal = d.journal
		a := &alive{w: w}
		target := w.Target()
		target.User = rotator.User{Account: "acct", Name: name}
		a.Keyring, a.Witness = target.Keyring, target.Witness
		target.Keyring, target.Witness = a, a
		d.fleet.Targets[target.User], d.worlds[name] = target, a
		if err := d.journal.Register(t.Context(), target.User, w.Now); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *daemon) start(sweep rotator.Schedule, opts rotator.Options) {
	d.t.Helper()
	opts.Owner = "owner"
	r, err := rotator.New(rotator.Deps{Journal: d.ledger, Roster: d.journal, Sealer: rotatortest.Sealer{}}, d.fleet, opts)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel, d.ended = cancel, make(chan error, 1)
	go func() { d.ended <- rotator.NewLoop(r, sweep).Run(ctx) }()
}

func (d *daemon) stop() {
	d.t.Helper()
	d.cancel()
	if err := <-d.ended; !errors.Is(err, context.Canceled) {
		d.t.Errorf("the loop ended with %v", err)
	}
}

func (d *daemon) row(name string) rotator.Row {
	d.t.Helper()
	row, err := d.journal.Row(d.t.Context(), rotator.User{Account: "acct", Name: name})
	if err != nil {
		d.t.Fatal(err)
	}
	return row
}

func (d *daemon) ask(r rotator.Request) {
	d.t.Helper()
	r.At = time.Now()
	if _, err := d.journal.Append(d.t.Context(), r); err != nil {
		d.t.Fatal(err)
	}
}

// pass lets time pass in the bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const quarter = 90 * 24 * time.Hour

var robot = rotatortest.User

func TestTheLoopTakesADueUserThroughItsCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, quarter, "robot")
		w := d.worlds["robot"].w
		d.ledger = rotatortest.Ledger{World: w}
		d.start(nil, rotator.Options{})
		pass(24 * time.Hour)
		d.stop()
		if p := d.row("robot").Progress; p.Current != newKey || p.Phase != rotator.PhaseIdle || len(w.Keys) != 1 {
			t.Errorf("after a day: %s in phase %s, %d keys", p.Current, p.Phase, len(w.Keys))
		}
		if len(w.Violated) > 0 {
			t.Errorf("violated: %v", w.Violated)
		}
	})
}

func TestTheLoopWaitsAtNoCostAndHearsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, time.Hour, "robot")
		d.start(nil, rotator.Options{})
		pass(time.Hour)
		before := d.worlds["robot"].lists.Load()
		pass(24 * time.Hour)
		if after := d.worlds["robot"].lists.Load(); after != before {
			t.Errorf("a day at rest cost %d lists", after-before)
		}
		d.ask(rotator.Request{User: robot, Verb: rotator.RequestRotate})
		pass(5 * time.Second)
		if p := d.row("robot").Progress; p.Cycle == nil {
			t.Errorf("the request was not heard: phase %s", p.Phase)
		}
		d.stop()
	})
}

type everyHour struct{}

func (everyHour) Next(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }

func TestASweepFindsWhatNobodyAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, time.Hour, "robot")
		d.start(everyHour{}, rotator.Options{})
		pass(10 * time.Minute)
		d.worlds["robot"].byHand(func(w *rotatortest.World) { w.PersonCreates() })
		pass(90 * time.Minute)
		if p := d.row("robot").Progress; p.Halt == nil || p.Halt.Reason != rotator.ReasonSecondKey {
			t.Errorf("the second key was not found: %+v", p.Halt)
		}
		d.stop()
	})
}

func TestAShutdownWaitsForTheEffectUnderWayAndItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, quarter, "robot")
		begun, answer := make(chan struct{}), make(chan struct{})
		d.worlds["robot"].create = func() { close(begun); <-answer }
		d.start(nil, rotator.Options{})
		<-begun
		d.cancel()
		synctest.Wait()
		select {
		case <-d.ended:
			t.Fatal("the loop ended in the middle of a create")
		default:
		}
		close(answer)
		if err := <-d.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the loop ended with %v", err)
		}
		row := d.row("robot")
		if _, sealed := row.Sealed[newKey]; !sealed || row.Progress.Phase != rotator.PhaseProving {
			t.Errorf("the new key is not in the journal: phase %s", row.Progress.Phase)
		}
		if !row.LeaseUntil.IsZero() {
			t.Error("the user is still claimed")
		}
	})
}

func TestTwoUsersAreSteppedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, quarter, "robot", "other")
		var meet sync.WaitGroup
		meet.Add(2)
		for _, a := range d.worlds {
			a.create = sync.OnceFunc(func() { meet.Done(); meet.Wait() })
		}
		d.start(nil, rotator.Options{Workers: 2})
		pass(time.Minute)
		for name := range d.worlds {
			if p := d.row(name).Progress; p.Cycle == nil || p.Cycle.Keep == "" {
				t.Errorf("%s has no new key: phase %s", name, p.Phase)
			}
		}
		d.stop()
	})
}

func TestAUserClaimedByAnotherReplicaIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploy(t, quarter, "robot")
		if _, err := d.journal.Claim(t.Context(), robot, "another", time.Now(), 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		d.start(everyHour{}, rotator.Options{})
		pass(9 * time.Minute)
		if n := d.worlds["robot"].lists.Load(); n > 0 {
			t.Errorf("the user of another replica was looked at %d times", n)
		}
		pass(2 * time.Minute)
		if n := d.worlds["robot"].lists.Load(); n == 0 {
			t.Error("the user was not taken over when the claim had ended")
		}
		d.stop()
	})
}
