package rotator

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options tune a Rotator. The zero value of each field takes its default.
type Options struct {
	// Owner is this process's random name in the journal.
	Owner string
	// Lease is how long a claimed user is ours; default two minutes.
	Lease time.Duration
	// EffectLimit bounds one effect with its outcome, also after a shutdown
	// began; default 45 seconds. It must be well below Lease.
	EffectLimit time.Duration
	// BackoffBase and BackoffMax bound the delay after failures; defaults one
	// second and fifteen minutes.
	BackoffBase, BackoffMax time.Duration
	// Poll is how often the journal is asked for requests; default one second.
	Poll time.Duration
	// Workers is how many steps run at once; default 16.
	Workers int
	// Now is the local clock; it is a field only so that a simulator can skew
	// replicas apart.
	Now func() time.Time
}

// Deps are what a Rotator works with.
type Deps struct {
	Journal Journal
	// Roster lets sweeps find the users that deviate; nil means no sweeps.
	Roster   Roster
	Sealer   Sealer
	Observer Observer
}

// Rotator performs steps.
type Rotator struct {
	deps  Deps
	opts  Options
	fleet fleetBox
}

// New returns a Rotator for the fleet. It opens nothing and starts nothing.
func New(deps Deps, fleet *Fleet, opts Options) (*Rotator, error) {
	if deps.Journal == nil || deps.Sealer == nil || opts.Owner == "" {
		return nil, errors.New("make a rotator: journal, sealer and owner are required")
	}
	if deps.Observer == nil {
		deps.Observer = Observers{}
	}
	or := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	or(&opts.Lease, 2*time.Minute)
	or(&opts.EffectLimit, 45*time.Second)
	or(&opts.BackoffBase, time.Second)
	or(&opts.BackoffMax, 15*time.Minute)
	or(&opts.Poll, time.Second)
	if opts.Workers <= 0 {
		opts.Workers = 16
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.EffectLimit >= opts.Lease {
		return nil, fmt.Errorf("make a rotator: the effect limit %s must be below the lease %s", opts.EffectLimit, opts.Lease)
	}
	r := &Rotator{deps: deps, opts: opts}
	r.Reload(fleet)
	return r, nil
}

// Reload swaps the configuration; steps under way end with the old one.
func (r *Rotator) Reload(fleet *Fleet) { r.fleet.p.Store(fleet) }

// Fleet returns the present configuration.
func (r *Rotator) Fleet() *Fleet { return r.fleet.load() }

func (r *Rotator) now() time.Time { return r.opts.Now() }

// Step performs the one next step of a user: claim, observe, decide, execute.
// It returns the decision that was carried out, and tells the observer of an
// error. With look it looks at the world even if nothing is due. ErrClaimed
// means that somebody else is at it, and ErrUnreadable that a newer version is:
// both are nobody's failure.
func (r *Rotator) Step(ctx context.Context, user User, look bool) (Decision, error) {
	s, err := r.begin(ctx, user, look)
	if err != nil {
		if !errors.Is(err, ErrClaimed) && !errors.Is(err, ErrUnreadable) && ctx.Err() == nil {
			r.deps.Observer.Observe(ctx, Event{Kind: EventStepFailed, At: r.now(), User: user, Err: err})
		}
		return Decision{}, err
	}
	d := s.decide(ctx)
	if ctx.Err() != nil { // a shutdown began: leave without starting anything
		return Decision{}, errors.Join(ctx.Err(), s.save(ctx, Change{Release: true}))
	}
	if err := s.execute(ctx, d); err != nil {
		r.deps.Observer.Observe(ctx, Event{
			Kind: EventStepFailed, At: r.now(), User: user, Progress: s.row.Progress, Decision: d, Err: err,
		})
		return d, fmt.Errorf("step %s: %w", user, err)
	}
	if d.Verb == VerbWait && r.fleet.p.Load() != s.fleet {
		// Whoever swapped the configuration may have woken the user before this wait
		// was saved, which would now last until the former one wanted it to end.
		return r.Step(ctx, user, true)
	}
	return d, nil
}

// Plan tells the step that would be taken now, from a live look, and changes
// nothing.
func (r *Rotator) Plan(ctx context.Context, row Row, global Global) (Decision, State) {
	s := r.newStep(row, row.User, global, true)
	d := s.decide(ctx)
	return d, s.state
}

// begin claims the user and gathers what the journal knows.
func (r *Rotator) begin(ctx context.Context, user User, look bool) (*step, error) {
	began := r.now() // the lease counts from before the claim
	row, err := r.deps.Journal.Claim(ctx, user, r.opts.Owner, began, r.opts.Lease)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", user, err)
	}
	global, err := r.deps.Journal.Global(ctx)
	s := r.newStep(row, user, global, look)
	s.claimed = began
	if err != nil {
		// Nothing was done yet, so that the next try need not wait for the lease.
		return nil, fmt.Errorf("claim %s: %w", user, errors.Join(err, s.save(ctx, Change{Release: true})))
	}
	return s, nil
}

func (r *Rotator) newStep(row Row, user User, global Global, look bool) *step {
	fleet := r.fleet.p.Load()
	target, configured := r.fleet.load().Targets[user]
	s := &step{r: r, fleet: fleet, user: user, row: row, target: target, tally: &Tally{}}
	s.modes = Modes{
		ObserveOnly: target.ObserveOnly, NoDelete: target.NoDelete, Calendar: target.Calendar,
		PausedAll: global.Paused, Tripped: global.Tripped,
	}
	s.state = State{
		User: user, Configured: configured, Bootstrap: target.Bootstrap, Consumers: target.Pinned(),
		Progress: row.Progress, Requests: row.Requests, Custody: map[KeyID]bool{},
		Attempts: row.Attempts, Waiting: row.Waiting, Look: look,
	}
	for key := range row.Sealed {
		s.state.Custody[key] = true
	}
	return s
}
