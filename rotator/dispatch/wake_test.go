package dispatch

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/keyrotator/keyrotator/internal/tools/postgres"
	"github.com/keyrotator/keyrotator/rotator"
)

// servers has the one PostgreSQL server of these tests.
var servers = sync.OnceValue(func() *postgres.Shared { return &postgres.Shared{} })

func TestMain(m *testing.M) { os.Exit(servers().Main(m)) }

var alice = rotator.User{Account: "prod", Name: "alice"}

// queued returns a database with the queue's tables.
func queued(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), servers().DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return pool
}

func newWakes(t *testing.T, now func() time.Time) *Wakes {
	t.Helper()
	w, err := NewWakes(now)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// job is a row of the queue.
type job struct {
	State string
	Args  wake
	In    time.Duration // until it is scheduled, by the database's clock
}

func jobs(t *testing.T, pool *pgxpool.Pool) []job {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT state::text, args, extract(epoch FROM scheduled_at - now())::float8 FROM river_job ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (j job, err error) {
		var seconds float64
		err = row.Scan(&j.State, &j.Args, &seconds)
		j.In = time.Duration(seconds * float64(time.Second))
		return j, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// only returns the one wake-up that there is.
func only(t *testing.T, pool *pgxpool.Pool) job {
	t.Helper()
	all := jobs(t, pool)
	if len(all) != 1 {
		t.Fatalf("there are %d wake-ups, want one: %+v", len(all), all)
	}
	return all[0]
}

func near(got, want time.Duration) bool { return (got - want).Abs() < 10*time.Second }

func TestAUserHasOneWakeUpAndTheEarliestTimeWins(t *testing.T) {
	pool, w := queued(t), newWakes(t, nil)
	for _, at := range []struct {
		in, want time.Duration
		state    string
	}{
		{2 * time.Hour, 2 * time.Hour, "scheduled"},
		{3 * time.Hour, 2 * time.Hour, "scheduled"},
		{time.Hour, time.Hour, "scheduled"},
		{-time.Hour, 0, "available"},
		{time.Hour, 0, "available"},
	} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return w.Follow(t.Context(), tx, alice, time.Now().Add(at.in)) })
		if err != nil {
			t.Fatal(err)
		}
		if j := only(t, pool); j.State != at.state || !near(j.In, at.want) || j.Args.user() != alice {
			t.Errorf("due in %s: the wake-up is %+v, want it %s in %s", at.in, j, at.state, at.want)
		}
	}
}

func TestALookReplacesAWakeUpWithoutOne(t *testing.T) {
	pool, w := queued(t), newWakes(t, nil)
	d := &Dispatcher{pool: pool, wakes: w}
	for _, look := range []bool{false, true} {
		if err := d.wakeAll(t.Context(), []rotator.User{alice}, look); err != nil {
			t.Fatal(err)
		}
		if j := only(t, pool); j.Args.Look != look {
			t.Errorf("the wake-up is %+v, want look %v", j, look)
		}
	}
}

func TestAUserWhoIsBeingSteppedIsNotWokenAgain(t *testing.T) {
	pool, w := queued(t), newWakes(t, nil)
	d := &Dispatcher{pool: pool, wakes: w}
	if err := d.wakeAll(t.Context(), []rotator.User{alice}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE river_job SET state = 'running', attempted_at = now(), attempt = 1"); err != nil {
		t.Fatal(err)
	}
	if err := d.wakeAll(t.Context(), []rotator.User{alice}, true); err != nil {
		t.Fatal(err)
	}
	if j := only(t, pool); j.State != "running" || j.Args.Look {
		t.Errorf("the wake-up under way became %+v", j)
	}
}

func TestAWakeUpGoesWithItsTransaction(t *testing.T) {
	pool, w := queued(t), newWakes(t, nil)
	undone := errors.New("undone")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return errors.Join(w.Follow(t.Context(), tx, alice, time.Now()), undone)
	})
	if !errors.Is(err, undone) || len(jobs(t, pool)) != 0 {
		t.Errorf("%v left %+v", err, jobs(t, pool))
	}
}

// TestADatabaseWhoseClockIsOffWakesInTime: River compares with the database's
// clock, and due times are of ours.
func TestADatabaseWhoseClockIsOffWakesInTime(t *testing.T) {
	for _, off := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		pool := queued(t)
		ours := func() time.Time { return time.Now().Add(off) }
		w := newWakes(t, ours)
		if err := w.measure(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return w.Follow(t.Context(), tx, alice, ours().Add(time.Hour)) })
		if err != nil {
			t.Fatal(err)
		}
		if j := only(t, pool); !near(j.In, time.Hour) {
			t.Errorf("our clock is %s off: woken in %s by the database's clock, want an hour", off, j.In)
		}
	}
}

func TestReplicasThatMigrateAtOnceDoItOnce(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), servers().DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var group sync.WaitGroup
	var mu sync.Mutex
	applied := map[int]int{}
	for range 3 {
		group.Go(func() {
			versions, err := Migrate(t.Context(), pool)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, v := range versions {
				applied[v]++
			}
		})
	}
	group.Wait()
	for version, times := range applied {
		if times != 1 {
			t.Errorf("version %d was applied %d times", version, times)
		}
	}
	if len(applied) == 0 {
		t.Error("nothing was applied")
	}
}
