package rotator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Inspector reads one account's credential report: two calls tell of every
// user, so that an account at rest costs no call a user.
type Inspector interface {
	// Inspect returns the newest report. AWS makes at most one in four hours,
	// so it may be that old.
	Inspect(ctx context.Context) (Report, error)
}

// Report is what an account's credential report says of its users' keys. It
// has no key ids (IAM user guide, "Getting credential reports").
type Report struct {
	// Made is when AWS made the report.
	Made time.Time
	// Users are the key slots of each user, by name. A user without an entry
	// does not exist.
	Users map[string][2]Slot
}

// Slot is one of a user's two key slots.
type Slot struct {
	Active bool
	// Rotated is when an Active key was made; zero for none.
	Rotated time.Time
	// Used is when the key was used last; zero for never.
	Used time.Time
}

// reportSlack is how far apart the clocks behind a report and behind a list
// may be, and how coarse a report is.
const reportSlack = time.Minute

// Deviates reports whether a user's key slots are not what the journal expects,
// which is a reason to look at the user and nothing more. A user that changed
// since the report was made is not judged by it.
func (p Progress) Deviates(report Report, name string) bool {
	if p.Halt != nil || p.Phase == PhaseUnseen || p.Since.Add(reportSlack).After(report.Made) {
		return false
	}
	slots, exists := report.Users[name]
	active := 0
	for _, slot := range slots {
		if slot.Active {
			active++
		}
	}
	switch {
	case !exists:
		return true
	case p.Phase == PhaseIdle:
		same := func(s Slot) bool { return s.Active && s.Rotated.Sub(p.Created).Abs() <= reportSlack }
		return active != 1 || !slices.ContainsFunc(slots[:], same)
	case p.Phase == PhaseOverlap:
		return active != 2
	case p.Phase == PhaseTrial:
		used := func(s Slot) bool { return !s.Active && s.Used.After(p.Cycle.UseAtCut.Add(reportSlack)) }
		return active != 1 || slices.ContainsFunc(slots[:], used)
	default:
		return false // under way: the cycle looks by itself
	}
}

// Sweep finds, account by account, the users that deviate from the journal and
// calls look for each: they are to be stepped with a look at the world. A
// rotator without a roster sweeps nothing. An account that cannot be inspected
// is told to the observer and left out.
func (r *Rotator) Sweep(ctx context.Context, look func(User)) {
	if r.deps.Roster == nil {
		return
	}
	accounts := map[string]bool{}
	for user := range r.Fleet().Targets {
		accounts[user.Account] = true
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		users, err := r.deviants(ctx, account)
		for _, user := range users {
			look(user)
		}
		r.deps.Observer.Observe(ctx, Event{Kind: EventSwept, At: r.now(), User: User{Account: account}, Err: err})
	}
}

// drifted reports whether a readable store of the user does not hold the key
// that the journal says it should. What cannot be read is no reason to look.
func (r *Rotator) drifted(ctx context.Context, target Target, row Row) bool {
	p := row.Progress
	want := p.Current
	switch {
	case p.Halt != nil:
		return false
	case p.Phase == PhaseOverlap || p.Phase == PhaseTrial:
		want = p.Cycle.Keep
	case p.Phase != PhaseIdle:
		return false
	}
	for _, c := range target.Consumers {
		reader, ok := c.Store.(store.Reader)
		if !ok {
			continue
		}
		held, err := reader.Get(ctx)
		if errors.Is(err, store.ErrEmpty) {
			err = nil
		}
		if err == nil && KeyID(held.Credential.KeyID()) != want && (p.Wrote(c.Name()) || !held.Credential.IsZero()) {
			return true
		}
	}
	return false
}

// deviants lists the configured users of an account that a sweep must look at.
// Where the report may not be read, all users at rest are looked at one by one.
func (r *Rotator) deviants(ctx context.Context, account string) ([]User, error) {
	fleet := r.fleet.load()
	report, inspectErr := Report{}, error(nil)
	inspector := fleet.Inspectors[account]
	if inspector != nil {
		report, inspectErr = inspector.Inspect(ctx)
		if inspectErr != nil && !errors.Is(inspectErr, ErrDenied) {
			return nil, fmt.Errorf("inspect account %s: %w", account, inspectErr)
		}
	}
	rows, err := r.deps.Roster.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the journal's users: %w", err)
	}
	global, err := r.deps.Journal.Global(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask what holds for all users: %w", err)
	}
	var users []User
	for _, row := range rows {
		if _, configured := fleet.Targets[row.User]; !configured || row.User.Account != account {
			continue
		}
		blind := inspector == nil || inspectErr != nil
		// Nobody else wakes those whom a pause or the breaker held, once all are resumed.
		held := row.Waiting == ReasonPausedAll && !global.Paused || row.Waiting == ReasonBreaker && !global.Tripped
		drifted := r.drifted(ctx, fleet.Targets[row.User], row)
		if held || drifted || blind && row.Progress.Phase == PhaseIdle || !blind && row.Progress.Deviates(report, row.User.Name) {
			users = append(users, row.User)
		}
	}
	return users, nil
}
