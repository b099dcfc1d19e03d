package dispatch

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// bench is a dispatcher over a journal in PostgreSQL and a world of one user.
type bench struct {
	db     *journal.DB
	pool   *pgxpool.Pool
	events chan rotator.Event
	run    *Dispatcher
}

func newBench(t *testing.T, look func(ctx context.Context)) *bench {
	t.Helper()
	wakes := newWakes(t, nil)
	b := &bench{events: make(chan rotator.Event, 1000)}
	var err error
	b.db, err = journal.Open(t.Context(), servers().DSN(t), journal.Options{Exclusive: true, Follow: wakes.Follow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.db.Close() })
	b.pool = b.db.Pool()
	if _, err := Migrate(t.Context(), b.pool); err != nil {
		t.Fatal(err)
	}
	w := rotatortest.New(rotator.Policy{MaxAge: 90 * 24 * time.Hour, Overlap: time.Hour, Quiet: time.Hour, Trial: time.Hour}, rotatortest.Place{
		Name: "record", Readable: true, Record: true, Owner: rotatortest.User.String(),
	})
	w.Now = time.Now()
	w.Keys[0].Created = w.Now
	target := w.Target()
	target.Keyring = slowRing{target.Keyring, look}
	r, err := rotator.New(rotator.Deps{Journal: b.db, Sealer: rotatortest.Sealer{}, Observer: b},
		&rotator.Fleet{Targets: map[rotator.User]rotator.Target{rotatortest.User: target}}, rotator.Options{Owner: "one", Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	b.run, err = New(r, b.db, b.pool, wakes, Options{Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Observe implements rotator.Observer.
func (b *bench) Observe(_ context.Context, e rotator.Event) { b.events <- e }

// start runs the dispatcher until stop is called, or the test ends.
func (b *bench) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := b.run.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the dispatcher ended with %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func (b *bench) await(t *testing.T, what string, wanted func(rotator.Event) bool) rotator.Event {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case e := <-b.events:
			if wanted(e) {
				return e
			}
		case <-limit:
			t.Fatalf("there was no %s", what)
		}
	}
}

func (b *bench) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := b.pool.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// slowRing calls look in the middle of each step.
type slowRing struct {
	rotator.Keyring

	look func(ctx context.Context)
}

func (r slowRing) List(ctx context.Context, user rotator.User) (rotator.Listing, error) {
	if r.look != nil {
		r.look(ctx)
	}
	if err := ctx.Err(); err != nil {
		return rotator.Listing{}, err
	}
	return r.Keyring.List(ctx, user)
}

func adopted(e rotator.Event) bool {
	return e.Kind == rotator.EventEntry && e.Entry.Kind == rotator.KindAdopted
}

// refuse has the database refuse something to a table, until it is allowed.
func (b *bench) refuse(t *testing.T, what, table string) (allow func()) {
	t.Helper()
	b.exec(t, `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$`)
	b.exec(t, "CREATE TRIGGER refusal BEFORE "+what+" ON "+table+" FOR EACH ROW EXECUTE FUNCTION refuse()")
	return func() { b.exec(t, "DROP TRIGGER refusal ON "+table) }
}

// TestAStepItsWakeUpAndTheNextAreOneTransaction: whichever of the three writes
// fails, none of them happens.
func TestAStepItsWakeUpAndTheNextAreOneTransaction(t *testing.T) {
	for name, refusal := range map[string][2]string{
		"the next wake-up":       {"INSERT", "river_job"},
		"the history":            {"INSERT", "history"},
		"the end of the wake-up": {"UPDATE OF state", "river_job"},
		"the row":                {"UPDATE OF version", "users"},
	} {
		t.Run(name, func(t *testing.T) {
			allow := func() {}
			var b *bench
			armed := false
			b = newBench(t, func(context.Context) {
				if !armed {
					armed, allow = true, b.refuse(t, refusal[0], refusal[1])
				}
			})
			if err := b.db.Register(t.Context(), rotatortest.User, time.Now()); err != nil {
				t.Fatal(err)
			}
			stop := b.start(t)
			failed := b.await(t, "failed step", func(e rotator.Event) bool { return e.Kind == rotator.EventStepFailed })
			if !strings.Contains(failed.Err.Error(), "refused by the test") {
				t.Fatalf("the step failed with %v", failed.Err)
			}
			row, err := b.db.Row(t.Context(), rotatortest.User)
			if err != nil || row.LeaseUntil.IsZero() || row.Progress.Phase != "" {
				t.Errorf("half of a step was saved: %+v, %v", row, err)
			}
			if history, err := b.db.History(t.Context(), rotatortest.User, 0, 0); err != nil || len(history) != 0 {
				t.Errorf("the history has %v, %v", history, err)
			}
			if got := only(t, b.pool); got.State == "completed" {
				t.Errorf("the wake-up of a step that was not saved is %s", got.State)
			}
			allow()
			// As the end of the lease would, only sooner.
			b.exec(t, "UPDATE users SET lease_until = NULL, owner = ''")
			b.await(t, "adoption", adopted)
			stop()
			states := map[string]int{}
			for _, j := range jobs(t, b.pool) {
				states[j.State]++
			}
			if states["completed"] == 0 || states["available"]+states["scheduled"] != 1 || len(states) != 2 {
				t.Errorf("after the step there are the wake-ups %v, want those completed and the next", states)
			}
		})
	}
}

// TestAReplicaThatIsToldToStopGivesItsClaimsUp: others need not wait for the
// lease of a step that had begun nothing.
func TestAReplicaThatIsToldToStopGivesItsClaimsUp(t *testing.T) {
	looking := make(chan struct{}, 1)
	b := newBench(t, func(ctx context.Context) {
		looking <- struct{}{}
		<-ctx.Done()
	})
	if err := b.db.Register(t.Context(), rotatortest.User, time.Now()); err != nil {
		t.Fatal(err)
	}
	stop := b.start(t)
	<-looking
	stop()
	row, err := b.db.Row(t.Context(), rotatortest.User)
	if err != nil || !row.LeaseUntil.IsZero() {
		t.Errorf("the stopped replica keeps the user until %s, %v", row.LeaseUntil, err)
	}
	if i := slices.IndexFunc(jobs(t, b.pool), func(j job) bool { return j.State == "available" }); i < 0 {
		t.Errorf("nothing wakes another replica: %+v", jobs(t, b.pool))
	}
}

// TestARowOfANewerVersionIsLeftToItsReplicas: without a word in the log, which
// would come at every wake-up; a metric tells.
func TestARowOfANewerVersionIsLeftToItsReplicas(t *testing.T) {
	b := newBench(t, nil)
	if err := b.db.Register(t.Context(), rotatortest.User, time.Now()); err != nil {
		t.Fatal(err)
	}
	b.exec(t, "UPDATE users SET phase = 'levitating', schema = 99")
	events, cancel := b.run.client.Subscribe(river.EventKindJobSnoozed, river.EventKindJobFailed)
	defer cancel()
	b.start(t)
	if e := <-events; e.Kind != river.EventKindJobSnoozed {
		t.Errorf("the wake-up ended as %s, %v", e.Kind, e.Job.Errors)
	}
	select {
	case e := <-b.events:
		t.Errorf("told of %s: %v", e.Kind, e.Err)
	default:
	}
	if row, err := b.db.Row(t.Context(), rotatortest.User); err != nil || row.Version != 1 {
		t.Errorf("the row was touched: %+v, %v", row, err)
	}
}

// TestALostWakeUpIsMadeAnew: what the queue holds can be thrown away.
func TestALostWakeUpIsMadeAnew(t *testing.T) {
	b := newBench(t, nil)
	if err := b.db.Register(t.Context(), rotatortest.User, time.Now()); err != nil {
		t.Fatal(err)
	}
	b.exec(t, "TRUNCATE river_job")
	b.start(t)
	b.await(t, "adoption", adopted)
}

func TestWhatRiverIsTold(t *testing.T) {
	o := wake{}.InsertOpts()
	unfinished := []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}
	if !o.UniqueOpts.ByArgs || !slices.Equal(o.UniqueOpts.ByState, unfinished) || o.UniqueOpts.ByPeriod != 0 {
		t.Errorf("wake-ups are unique by %+v, want by user among those not finished", o.UniqueOpts)
	}
	if o.MaxAttempts != math.MaxInt16 {
		t.Errorf("a wake-up is discarded after %d attempts", o.MaxAttempts)
	}
	pool := queued(t)
	for _, c := range []struct{ lease, limit, rescue time.Duration }{
		{0, 2 * time.Minute, 5 * time.Minute},
		{30 * time.Second, 2 * time.Minute, 5 * time.Minute},
		{10 * time.Minute, 10 * time.Minute, 13 * time.Minute},
	} {
		d, err := New(nil, nil, pool, nil, Options{Lease: c.lease})
		if err != nil {
			t.Fatal(err)
		}
		config, err := d.config()
		if err != nil || config.JobTimeout != c.limit || config.RescueStuckJobsAfter != c.rescue {
			t.Errorf("lease %s: steps end after %s and are rescued after %s, %v; want %s and %s",
				c.lease, config.JobTimeout, config.RescueStuckJobsAfter, err, c.limit, c.rescue)
		}
	}
	w := &worker{}
	if limit := w.Timeout(&river.Job[wake]{Args: wake{Account: "*", Name: "*"}}); limit < 10*time.Minute {
		t.Errorf("a sweep of all accounts ends after %s", limit)
	}
	if limit := w.Timeout(&river.Job[wake]{Args: wake{Account: "prod", Name: "alice"}}); limit != 0 {
		t.Errorf("a step has a limit of its own: %s", limit)
	}
}

// TestAWakeUpThatCannotBePlacedIsAnError: a row without one would wait for ever.
func TestAWakeUpThatCannotBePlacedIsAnError(t *testing.T) {
	pool, w := queued(t), newWakes(t, nil)
	follow := func(in time.Duration) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return w.Follow(t.Context(), tx, alice, time.Now().Add(in)) })
	}
	if err := follow(time.Hour); err != nil {
		t.Fatal(err)
	}
	// A wake-up that always comes back, as if another replica were always faster.
	for _, statement := range []string{
		`CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO river_job SELECT OLD.*; RETURN NULL; END $$`,
		`CREATE TRIGGER back AFTER DELETE ON river_job FOR EACH ROW EXECUTE FUNCTION back()`,
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := follow(time.Minute); !errors.Is(err, errSkipped) {
		t.Errorf("got %v", err)
	}
}
