package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator/window"
)

// Policy says how old keys may get and how long each grace lasts.
type Policy struct {
	MaxAge      time.Duration `yaml:"max_age" jsonschema:"default=90d" check:"positive" doc:"The age by which the old key is gone. A rotation starts earlier by its lead: settle + verify.over + push_limit + the limits of reloads, probes, acknowledgements and soaks + the longer of overlap and refreshes + quiet + last_used_lag + trial + three times the longest gap between windows."`
	Overlap     time.Duration `yaml:"overlap" jsonschema:"default=24h" doc:"How long both keys stay active once every consumer has the new one."`
	Quiet       time.Duration `yaml:"quiet" jsonschema:"default=24h" doc:"How long the old key must be known to be unused before it is deactivated."`
	Trial       time.Duration `yaml:"trial" jsonschema:"default=7d" doc:"How long the old key stays inactive before it is deleted."`
	Settle      time.Duration `yaml:"settle" jsonschema:"default=10m" doc:"How long AWS's lists may lie after an ambiguous create."`
	Jitter      time.Duration `yaml:"jitter" jsonschema:"default=6h" doc:"Spreads the starts of many users; it only ever starts one earlier."`
	PushLimit   time.Duration `yaml:"push_limit" jsonschema:"default=15m" check:"positive" doc:"How long writing to every store may take before a person is asked."`
	LastUsedLag time.Duration `yaml:"last_used_lag" jsonschema:"default=5h" doc:"How late AWS may report a key's last use. Shorten it only against an emulator."`
	Adoption    bool          `yaml:"adoption" doc:"Let the overlap last until AWS has seen the new key used by somebody else than keyrotator. A consumer that uses its key rarely holds the old one for as long."`
	Drift       string        `yaml:"drift" jsonschema:"default=repair,enum=repair,enum=report" doc:"What a sweep does about a readable store of ours that does not hold the key in use while no rotation is under way: write it again, or only report it until the next rotation is due."`
	Verify      Verify        `yaml:"verify" doc:"What proves that a new key works. One success is not enough: about one new key in ten fails again after its first."`
	Windows     []Window      `yaml:"windows" doc:"When keys may be created, deactivated and deleted; any time when empty. Writing to stores, repair and rollback are never held back."`
	Freezes     []Freeze      `yaml:"freezes" doc:"Spans in which no key is created, deactivated or deleted; they outrank the windows."`
}

// What a sweep does about a store that has drifted.
const (
	DriftRepair = "repair"
	DriftReport = "report"
)

// Verify is the quorum that proves a new key.
type Verify struct {
	Successes int           `yaml:"successes" jsonschema:"default=3,minimum=1,maximum=100" doc:"How many sign-ins in a row must succeed."`
	Over      time.Duration `yaml:"over" jsonschema:"default=1m" doc:"The least time from the first of them to the last."`
	Limit     time.Duration `yaml:"limit" jsonschema:"default=15m" check:"positive" doc:"How long a new key may take to pass before a person is asked."`
	Regions   []string      `yaml:"regions" doc:"Regions whose sign-in endpoints must all agree; the account's own when empty."`
}

// Window is a recurring span in which keys may be created and cut.
type Window struct {
	Cron     string        `yaml:"cron" jsonschema:"required" doc:"When it opens: minute, hour, day of month, month, day of week, on the wall clock of timezone. A time that a clock change skips opens at the change."`
	Timezone string        `yaml:"timezone" jsonschema:"default=UTC" doc:"An IANA time zone name, such as Europe/Berlin."`
	Duration time.Duration `yaml:"duration" jsonschema:"required" doc:"How long it stays open: a second to a week."`
}

// Freeze is a span in which no key is created or cut.
type Freeze struct {
	From     string `yaml:"from" jsonschema:"required" doc:"Its first day (2026-12-20), or an RFC 3339 instant."`
	To       string `yaml:"to" jsonschema:"required" doc:"Its last day, included, or an RFC 3339 instant, excluded."`
	Timezone string `yaml:"timezone" jsonschema:"default=UTC" doc:"The IANA time zone whose days are meant."`
}

// Calendar returns the policy's windows and freezes as one value. It fails only
// for a Policy that Parse did not make.
func (p Policy) Calendar() (window.Calendar, error) {
	windows := make([]window.Window, 0, len(p.Windows))
	for _, w := range p.Windows {
		parsed, err := window.Parse(w.Cron, w.Timezone, w.Duration)
		if err != nil {
			return window.Calendar{}, fmt.Errorf("read window: %w", err)
		}
		windows = append(windows, parsed)
	}
	freezes := make([]window.Freeze, 0, len(p.Freezes))
	for _, f := range p.Freezes {
		parsed, err := window.ParseFreeze(f.From, f.To, f.Timezone)
		if err != nil {
			return window.Calendar{}, fmt.Errorf("read freeze: %w", err)
		}
		freezes = append(freezes, parsed)
	}
	return window.NewCalendar(windows, freezes), nil
}

// Addend is one part of a lead.
type Addend struct {
	Name     string
	Duration time.Duration
}

// Lead is how long before max_age a rotation has to start so that, with its
// consumers in sync, the old key is gone in time.
type Lead []Addend

// Total returns the sum.
func (l Lead) Total() time.Duration {
	var total time.Duration
	for _, a := range l {
		total += a.Duration
	}
	return total
}

// String names every addend and its duration.
func (l Lead) String() string {
	parts := make([]string, len(l))
	for i, a := range l {
		parts[i] = a.Name + " " + FormatDuration(a.Duration)
	}
	return strings.Join(parts, " + ")
}

// Lead returns the parts of the policy's lead for consumers of that pace. It
// fails only for a Policy that Parse did not make.
func (p Policy) Lead(pace Pace) (Lead, error) {
	calendar, err := p.Calendar()
	if err != nil {
		return nil, err
	}
	return p.leadWith(calendar.LongestGap(), pace), nil
}

// leadWith is Lead for a longest gap that is known already: finding it walks
// through years of openings.
func (p Policy) leadWith(gap time.Duration, pace Pace) Lead {
	both := Addend{"overlap", p.Overlap}
	if pace.Refreshes > p.Overlap {
		both = Addend{"refreshes", pace.Refreshes}
	}
	lead := Lead{{"settle", p.Settle}, {"verify.over", p.Verify.Over}, {"push_limit", p.PushLimit}}
	if pace.Serving > 0 {
		lead = append(lead, Addend{"reloads, probes, acknowledgements and soaks", pace.Serving})
	}
	return append(lead, Lead{
		both,
		{"quiet", p.Quiet},
		{"last_used_lag", p.LastUsedLag},
		{"trial", p.Trial},
		{"3 × longest gap between windows", 3 * gap}, // create, cut and delete may each wait for one
	}...)
}
