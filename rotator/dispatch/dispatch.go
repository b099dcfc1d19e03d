package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/keyrotator/keyrotator/rotator"
)

// Options tune a Dispatcher. Zero values take the defaults.
type Options struct {
	// Workers is how many steps run at once in this replica; default 16.
	Workers int
	// Poll is how often this replica looks for users whose wake-up was lost;
	// default two seconds.
	Poll time.Duration
	// Lease is how long a claim of the rotator lasts: a wake-up is not taken for
	// stuck before. Default two minutes.
	Lease time.Duration
	// Attend is called at each of these looks, if it is given.
	Attend func(ctx context.Context)
	// Sweep tells when the accounts are swept, by one replica for all; nil
	// means never.
	Sweep rotator.Schedule
	// Log gets what River has to say; nil means nobody.
	Log *slog.Logger
}

// Dispatcher has River wake users. Make it with New, then call Run once.
type Dispatcher struct {
	rotator *rotator.Rotator
	journal rotator.Journal
	pool    *pgxpool.Pool
	wakes   *Wakes
	client  *river.Client[pgx.Tx]
	options Options
	sights  map[rotator.User]sighting // of Run's goroutine
}

var _ rotator.Dispatcher = (*Dispatcher)(nil)

// New returns a dispatcher over the rotator's users. The journal must be in
// the database of the pool and have wakes.Follow in its options. It starts
// nothing.
func New(r *rotator.Rotator, journal rotator.Journal, pool *pgxpool.Pool, wakes *Wakes, options Options) (*Dispatcher, error) {
	if options.Workers <= 0 {
		options.Workers = 16
	}
	if options.Poll <= 0 {
		options.Poll = 2 * time.Second
	}
	if options.Lease <= 0 {
		options.Lease = 2 * time.Minute
	}
	if options.Log == nil {
		options.Log = silent()
	}
	d := &Dispatcher{rotator: r, journal: journal, pool: pool, wakes: wakes, options: options, sights: map[rotator.User]sighting{}}
	config, err := d.config()
	if err != nil {
		return nil, fmt.Errorf("make the dispatcher: %w", err)
	}
	if d.client, err = river.NewClient(riverpgxv5.New(pool), config); err != nil {
		return nil, fmt.Errorf("make the dispatcher: %w", err)
	}
	return d, nil
}

// stepLimit bounds one step, and rescueAfter is when River takes a wake-up whose
// worker is silent away from it. A longer lease makes both longer: as long as a
// claim may live, its wake-up does.
const (
	stepLimit   = 2 * time.Minute
	rescueAfter = 5 * time.Minute
)

func (d *Dispatcher) config() (*river.Config, error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{d: d, rest: map[rotator.User]time.Time{}}); err != nil {
		return nil, err
	}
	limit := max(stepLimit, d.options.Lease)
	config := &river.Config{
		Queues:               map[string]river.QueueConfig{queue: {MaxWorkers: d.options.Workers}},
		Workers:              workers,
		JobTimeout:           limit,
		RescueStuckJobsAfter: limit + rescueAfter - stepLimit,
		FetchCooldown:        20 * time.Millisecond,
		// A completed wake-up tells nothing that the history does not.
		CompletedJobRetentionPeriod: 10 * time.Minute,
		Logger:                      d.options.Log,
	}
	if d.options.Sweep != nil {
		everyone := rotator.AllUsers()
		config.PeriodicJobs = []*river.PeriodicJob{river.NewPeriodicJob(d.options.Sweep, func() (river.JobArgs, *river.InsertOpts) {
			return wake{Account: everyone.Account, Name: everyone.Name}, nil
		}, nil)}
	}
	return config, nil
}

// Run implements rotator.Dispatcher.
func (d *Dispatcher) Run(ctx context.Context) error {
	// The end of the context does not tear a step off; the stop below tells it to leave.
	if err := d.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	for ctx.Err() == nil {
		timer := time.NewTimer(d.pause(d.look(ctx)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	// Steps that have begun no effect give their claims up; an effect is finished
	// within its own limit, and whoever runs us bounds the whole.
	if err := d.client.StopAndCancel(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stop the queue: %w", err)
	}
	return context.Cause(ctx)
}

// overdueLimit bounds how many users one look for lost wake-ups wakes.
const overdueLimit = 1000

// lookTime bounds a look: a database that does not answer must not keep the next
// look away.
const lookTime = 30 * time.Second

// leastPause keeps looks apart.
const leastPause = 200 * time.Millisecond

// pause is how long until the next look: no longer than until the next user is
// due, because River itself looks only every few seconds for whom it should wake.
func (d *Dispatcher) pause(next time.Time) time.Duration {
	if next.IsZero() {
		return d.options.Poll
	}
	return min(d.options.Poll, max(leastPause, next.Sub(d.wakes.now())))
}

// look returns when the next user is due, zero if none is known.
func (d *Dispatcher) look(ctx context.Context) (next time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if d.options.Attend != nil {
		d.options.Attend(ctx)
	}
	return d.wakeOverdue(ctx)
}

// wakeOverdue wakes users that are due and whom nothing wakes: an operator's
// request, a claim that ran out, a database that was restored.
func (d *Dispatcher) wakeOverdue(ctx context.Context) (next time.Time) {
	users, next, err := d.overlooked(ctx)
	if err == nil {
		err = d.wakeAll(ctx, users, false)
	}
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		d.options.Log.WarnContext(ctx, "overdue users could not be woken, the next look will", "error", err)
	}
	return next
}

// overlooked lists users that are due, without those whose wake-up is about to
// be worked or is being worked, and says when the next one is.
func (d *Dispatcher) overlooked(ctx context.Context) (users []rotator.User, next time.Time, err error) {
	if err := d.wakes.measure(ctx, d.pool); err != nil {
		return nil, next, err
	}
	users, next, err = d.journal.Due(ctx, d.wakes.now(), overdueLimit)
	if err != nil {
		return nil, next, err
	}
	maps.DeleteFunc(d.sights, func(u rotator.User, _ sighting) bool { return !slices.Contains(users, u) })
	if len(users) == 0 {
		return nil, next, nil
	}
	awake := map[rotator.User]bool{}
	params := river.NewJobListParams().Kinds(wake{}.Kind()).First(10*overdueLimit).States(rivertype.JobStateAvailable, rivertype.JobStateRunning)
	list, err := d.client.JobList(ctx, params)
	if err != nil {
		return nil, next, fmt.Errorf("list the wake-ups: %w", err)
	}
	for _, job := range list.Jobs {
		var args wake
		if json.Unmarshal(job.EncodedArgs, &args) != nil { // a newer version's wakes nobody here
			continue
		}
		user := args.user()
		awake[user] = true
		if slices.Contains(users, user) && d.stuck(user, job) {
			if err := d.free(ctx, user, job); err != nil {
				return nil, next, err
			}
		}
	}
	return slices.DeleteFunc(users, func(u rotator.User) bool { return awake[u] }), next, nil
}

func (d *Dispatcher) wakeAll(ctx context.Context, users []rotator.User, look bool) error {
	for _, user := range users {
		args := wake{Account: user.Account, Name: user.Name, Look: look}
		err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
			return d.wakes.place(ctx, tx, args, time.Time{})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweep wakes the users that deviate from the journal.
func (d *Dispatcher) sweep(ctx context.Context) error {
	var users []rotator.User
	d.rotator.Sweep(ctx, func(user rotator.User) { users = append(users, user) })
	return d.wakeAll(ctx, users, true)
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }
