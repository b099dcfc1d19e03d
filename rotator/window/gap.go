package window

import "time"

const (
	// gapSpan is how much of the calendar is always looked at for the longest
	// gap: a year and a month, so that both clock changes and every month-end
	// are in it.
	gapSpan = 400 * 24 * time.Hour
	// gapSpanRare is looked at when windows open rarely: a leap cycle and more.
	gapSpanRare = 5 * 366 * 24 * time.Hour
	// gapOpenings is how many openings make a calendar not rare.
	gapOpenings = 5000
)

// LongestGap returns the longest time for which all windows are closed in a row,
// freezes aside: what a step that falls due at the worst moment has to wait. It
// is zero without windows, and when the windows cover all time.
//
// It is measured on fixed years, from 1 January 2024 on, so that a configuration
// does not become invalid by the passing of time.
func (c Calendar) LongestGap() time.Duration {
	if len(c.windows) == 0 {
		return 0
	}
	begin := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	next := make([]time.Time, len(c.windows))
	walks := make([]*walk, len(c.windows))
	for i, w := range c.windows {
		if w.schedule.spec != nil {
			// Whatever is open at the beginning opened at most this long before.
			walks[i] = w.schedule.after(begin.Add(-MaxDuration))
			next[i], _ = walks[i].next()
		}
	}
	var longest time.Duration
	var covered time.Time
	for openings := 0; ; openings++ {
		i := earliest(next)
		if i < 0 {
			return max(longest, gapSpanRare)
		}
		at := next[i]
		if at.After(begin) && !covered.IsZero() {
			longest = max(longest, at.Sub(covered))
		}
		if until := at.Add(c.windows[i].duration); until.After(covered) {
			covered = until
		}
		// The gap that reaches over the end of the span has been counted.
		seen := at.Sub(begin)
		if seen > gapSpanRare || seen > gapSpan && openings > gapOpenings {
			return longest
		}
		next[i], _ = walks[i].next()
	}
}

// earliest returns the index of the earliest non-zero time, or -1.
func earliest(times []time.Time) int {
	first := -1
	for i, t := range times {
		if !t.IsZero() && (first < 0 || t.Before(times[first])) {
			first = i
		}
	}
	return first
}
