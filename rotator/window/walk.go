package window

import "time"

// walk yields the occurrences of a schedule in order. It goes from one change of
// the zone's offset to the next: between two changes the wall clock is the
// instant plus a constant, so the library's own arithmetic is exact there.
type walk struct {
	schedule
	last time.Time // the instant the latest occurrence was looked for from
	span time.Time // an instant within the present span of constant offset
	end  time.Time // the end of that span; zero when it has none
	from time.Time // the wall-clock reading after which to look, carried as UTC
}

// after returns a walk over the occurrences after t.
func (s schedule) after(t time.Time) *walk {
	w := &walk{schedule: s, last: t}
	w.enter(t.In(s.loc))
	w.from = later(w.from, wall(w.span, w.span))
	return w
}

// enter makes the span around t the present one.
func (w *walk) enter(t time.Time) {
	w.span = t
	var start time.Time
	start, w.end = t.ZoneBounds()
	if !w.end.IsZero() && !w.end.After(t) {
		// Where the zone's file has a rule in place of every single change, as that
		// in the program has, the library takes each year for 365 days: on the last
		// day of a leap year the span ends before it began. The rule changes nothing
		// on that day.
		w.end = t.Add(24 * time.Hour)
	}
	w.from = time.Time{}
	if !start.IsZero() && !w.followsElapsedTime() {
		// Up to here this span only repeats what the one before it showed.
		repeated := wall(start, start.Add(-time.Second).In(w.loc))
		w.from = repeated.Add(-time.Second)
	}
}

// next returns the next occurrence; false when none is within searchYears.
func (w *walk) next() (time.Time, bool) {
	for limit := w.last.AddDate(searchYears, 0, 0); !w.span.After(limit); {
		if n := w.nextReading(w.from); !n.IsZero() {
			if at := instant(n, w.span); w.end.IsZero() || at.Before(w.end) {
				w.last, w.from = at, n
				return at, true
			}
		}
		if w.end.IsZero() {
			break
		}
		end := w.end.In(w.loc)
		skipped := w.skippedAt(w.span, end)
		w.enter(end)
		if skipped {
			w.last, w.from = end, later(w.from, wall(end, end))
			return end, true
		}
		w.from = later(w.from, wall(end, end).Add(-time.Second))
	}
	return time.Time{}, false
}

// skippedAt reports whether the change of offset at end jumps over an occurrence.
func (s schedule) skippedAt(before, end time.Time) bool {
	if s.followsElapsedTime() {
		return false
	}
	first, resume := wall(end, before), wall(end, end)
	n := s.nextReading(first.Add(-time.Second))
	return !n.IsZero() && n.Before(resume)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
