package window

import (
	"fmt"
	"strings"
	"time"
)

const (
	minInterval = time.Second
	maxInterval = 366 * 24 * time.Hour
)

// Tick is a schedule that wakes the program: either an interval or a cron
// expression in UTC. Its Next makes it a robfig/cron Schedule as it is. The
// zero Tick never fires; make one with ParseTick.
type Tick struct {
	expr     string
	interval time.Duration
	schedule schedule
}

// ParseTick makes a Tick from "@every 1h" (whole seconds, between a second and
// 366 days) or from a cron expression, which is read in UTC. It wraps
// ErrNeverFires for an expression that matches no date.
func ParseTick(expr string) (Tick, error) {
	if err := checkExpression(expr); err != nil {
		return Tick{}, err
	}
	if text, ok := strings.CutPrefix(strings.TrimSpace(expr), "@every"); ok {
		interval, err := parseInterval(text)
		if err != nil {
			return Tick{}, fmt.Errorf("parse schedule %q: %w", expr, err)
		}
		return Tick{expr: expr, interval: interval}, nil
	}
	s, err := parseSchedule(expr, time.UTC)
	if err != nil {
		return Tick{}, err
	}
	return Tick{expr: expr, schedule: s}, nil
}

// parseInterval is stricter than the library, which takes negative intervals
// and cuts fractions of a second off.
func parseInterval(text string) (time.Duration, error) {
	interval, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 1h30m", strings.TrimSpace(text))
	case interval < minInterval:
		return 0, fmt.Errorf("an interval is at least %v", minInterval)
	case interval > maxInterval:
		return 0, fmt.Errorf("an interval is at most %d days", int(maxInterval/(24*time.Hour)))
	case interval%time.Second != 0:
		return 0, fmt.Errorf("an interval is a whole number of seconds")
	}
	return interval, nil
}

// String returns the expression the Tick was made of.
func (t Tick) String() string { return t.expr }

// Next returns the first tick after the instant from; the zero time when there
// is none. An interval counts from that instant.
func (t Tick) Next(from time.Time) time.Time {
	switch {
	case t.interval > 0:
		return from.Add(t.interval)
	case t.schedule.spec != nil:
		next, _ := t.schedule.next(from)
		return next
	}
	return time.Time{}
}
