package window

import (
	"fmt"
	"time"
)

const (
	// MinDuration and MaxDuration bound how long one opening of a window lasts.
	// A window longer than a week is better written as its opposite, a freeze.
	MinDuration = time.Second
	// MaxDuration is the longest.
	MaxDuration = 7 * 24 * time.Hour
)

// Window is a recurring span in which the program may act: it opens whenever
// its cron expression fires and closes a fixed, elapsed time later. The zero
// Window never opens; make one with Parse.
type Window struct {
	expr     string
	schedule schedule
	duration time.Duration
}

// Parse makes a Window. expr is a five-field cron expression or a descriptor
// such as @daily, read on the wall clock of the IANA zone timezone (empty means
// UTC); duration is between MinDuration and MaxDuration. It refuses intervals
// (@every), which have no place in the day, and wraps ErrNeverFires for an
// expression that matches no date.
func Parse(expr, timezone string, duration time.Duration) (Window, error) {
	loc, err := loadZone(timezone)
	if err != nil {
		return Window{}, err
	}
	s, err := parseSchedule(expr, loc)
	if err != nil {
		return Window{}, err
	}
	if err := CheckDuration(duration); err != nil {
		return Window{}, err
	}
	return Window{expr: expr, schedule: s, duration: duration}, nil
}

// CheckCron reports what is wrong with a window's cron expression alone.
func CheckCron(expr string) error {
	_, err := parseSchedule(expr, time.UTC)
	return err
}

// CheckZone reports what is wrong with a time zone name alone.
func CheckZone(timezone string) error {
	_, err := loadZone(timezone)
	return err
}

// CheckDuration reports what is wrong with a window's duration alone.
func CheckDuration(duration time.Duration) error {
	switch {
	case duration < MinDuration:
		return fmt.Errorf("check window duration: %v is shorter than %v", duration, MinDuration)
	case duration > MaxDuration:
		return fmt.Errorf("check window duration: %v is longer than a week", duration)
	}
	return nil
}

// Cron returns the expression the window was made of.
func (w Window) Cron() string { return w.expr }

// Duration returns how long one opening lasts.
func (w Window) Duration() time.Duration { return w.duration }

// Timezone returns the name of the zone whose wall clock the window follows.
func (w Window) Timezone() string {
	if w.schedule.loc == nil {
		return time.UTC.String()
	}
	return w.schedule.loc.String()
}

// opening returns the first opening after t.
func (w Window) opening(t time.Time) (time.Time, bool) {
	if w.schedule.spec == nil {
		return time.Time{}, false
	}
	return w.schedule.next(t)
}

// open reports whether t lies in [opening, opening+duration).
func (w Window) open(t time.Time) bool {
	at, ok := w.opening(t.Add(-w.duration))
	return ok && !at.After(t)
}
