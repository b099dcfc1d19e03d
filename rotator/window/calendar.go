package window

import (
	"slices"
	"time"
)

// Condition says whether a Calendar allows acting, and if not, what forbids it.
type Condition int

const (
	// Open means that Create, Deactivate and Delete may happen.
	Open Condition = iota
	// ClosedByWindow means that no window is open.
	ClosedByWindow
	// ClosedByFreeze means that a freeze is in force; it outranks the windows.
	ClosedByFreeze
)

// String returns the condition in words for people and logs.
func (c Condition) String() string {
	switch c {
	case Open:
		return "open"
	case ClosedByWindow:
		return "outside the window"
	case ClosedByFreeze:
		return "frozen"
	}
	return "unknown"
}

// State is the answer to "may I act now?".
type State struct {
	Condition Condition
	// Until is when this very condition ends: the next opening of a window, or
	// the end of the freeze (a window may still be closed then). It is zero
	// while Open, and when no end is in sight.
	Until time.Time
}

// Calendar is a set of windows and freezes. It is immutable and safe to share.
// The zero Calendar, like any without windows, is open whenever no freeze is in
// force.
type Calendar struct {
	windows []Window
	freezes []Freeze // sorted, merged, none empty
}

// NewCalendar makes a Calendar of copies of its arguments.
func NewCalendar(windows []Window, freezes []Freeze) Calendar {
	return Calendar{windows: slices.Clone(windows), freezes: mergeFreezes(freezes)}
}

// mergeFreezes sorts and joins freezes that overlap or touch, so that the end
// of one is never inside another.
func mergeFreezes(freezes []Freeze) []Freeze {
	sorted := slices.DeleteFunc(slices.Clone(freezes), func(f Freeze) bool { return !f.To.After(f.From) })
	slices.SortFunc(sorted, func(a, b Freeze) int { return a.From.Compare(b.From) })
	var merged []Freeze
	for _, f := range sorted {
		last := len(merged) - 1
		if last < 0 || f.From.After(merged[last].To) {
			merged = append(merged, f)
			continue
		}
		if f.To.After(merged[last].To) {
			merged[last].To = f.To
		}
	}
	return merged
}

// Open reports whether t lies in a window and in no freeze.
func (c Calendar) Open(t time.Time) bool { return !c.Frozen(t) && c.inWindow(t) }

// Frozen reports whether a freeze is in force at t.
func (c Calendar) Frozen(t time.Time) bool {
	_, frozen := c.freezeAt(t)
	return frozen
}

// State reports what holds at t, and until when.
func (c Calendar) State(t time.Time) State {
	if f, frozen := c.freezeAt(t); frozen {
		return State{Condition: ClosedByFreeze, Until: f.To}
	}
	if c.inWindow(t) {
		return State{Condition: Open}
	}
	until, _ := c.nextOpening(t)
	return State{Condition: ClosedByWindow, Until: until}
}

// NextOpen returns the first instant from t on at which the Calendar is open; t
// itself when it is open now. False means that none is in sight.
func (c Calendar) NextOpen(t time.Time) (time.Time, bool) {
	// Each round either returns or passes one of the finitely many freezes.
	for range len(c.freezes) + 2 {
		if f, frozen := c.freezeAt(t); frozen {
			t = f.To
		}
		if c.inWindow(t) {
			return t, true
		}
		next, ok := c.nextOpening(t)
		if !ok {
			return time.Time{}, false
		}
		t = next
		if !c.Frozen(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// NextFreeze returns the freeze in force at t or the first one after it.
func (c Calendar) NextFreeze(t time.Time) (Freeze, bool) {
	for _, f := range c.freezes {
		if t.Before(f.To) {
			return f, true
		}
	}
	return Freeze{}, false
}

func (c Calendar) freezeAt(t time.Time) (Freeze, bool) {
	f, ok := c.NextFreeze(t)
	return f, ok && f.covers(t)
}

func (c Calendar) inWindow(t time.Time) bool {
	return len(c.windows) == 0 || slices.ContainsFunc(c.windows, func(w Window) bool { return w.open(t) })
}

// nextOpening returns the first opening of any window after t, freezes aside.
func (c Calendar) nextOpening(t time.Time) (time.Time, bool) {
	var first time.Time
	found := false
	for _, w := range c.windows {
		if at, ok := w.opening(t); ok && (!found || at.Before(first)) {
			first, found = at, true
		}
	}
	return first, found
}
