package rotator

import "time"

// Modes are the safety modes in force at a moment.
type Modes struct {
	// ObserveOnly lets nothing but the record of what was seen happen.
	ObserveOnly bool
	// NoDelete keeps retired keys Inactive for ever.
	NoDelete bool
	// PausedAll and Tripped hold for all users.
	PausedAll bool
	Tripped   bool
	// Calendar holds windows and freezes; nil means always open.
	Calendar Calendar
}

// guards are the filters in the order in which they are asked; the first that
// objects gives the reason that people see.
func guards() []func(time.Time, Modes, State, Decision) (Decision, bool) {
	return []func(time.Time, Modes, State, Decision) (Decision, bool){
		guardObserveOnly, guardPause, guardBreaker, guardNoDelete, guardCalendar,
	}
}

// Guard passes a decision through the safety modes. Each is a pure filter: it
// lets the decision stand or turns it into a wait, and never into another act.
func Guard(now time.Time, modes Modes, s State, d Decision) Decision {
	for _, guard := range guards() {
		if held, objects := guard(now, modes, s, d); objects {
			return held
		}
	}
	return d
}

func guardObserveOnly(_ time.Time, m Modes, _ State, d Decision) (Decision, bool) {
	starts := d.Verb.Effect() || d.Verb == VerbOpen
	return waitUntil(time.Time{}, ReasonObserveOnly, string(d.Verb)), m.ObserveOnly && starts
}

// guardPause holds every effect but the way back to a working key.
func guardPause(_ time.Time, m Modes, s State, d Decision) (Decision, bool) {
	if !d.Verb.Effect() || d.Verb == VerbReactivate || d.Verb == VerbRestore {
		return d, false
	}
	if s.Progress.Paused {
		return waitUntil(time.Time{}, ReasonPaused, string(d.Verb)), true
	}
	return waitUntil(time.Time{}, ReasonPausedAll, string(d.Verb)), m.PausedAll
}

// deferrable are the acts that may always wait without harm.
func deferrable(v Verb) bool {
	return v == VerbCreate || v == VerbDeactivate || v == VerbDelete
}

func guardBreaker(_ time.Time, m Modes, _ State, d Decision) (Decision, bool) {
	return waitUntil(time.Time{}, ReasonBreaker, string(d.Verb)), m.Tripped && deferrable(d.Verb)
}

func guardNoDelete(_ time.Time, m Modes, _ State, d Decision) (Decision, bool) {
	return waitUntil(time.Time{}, ReasonNoDelete, string(d.Key)), m.NoDelete && (d.Verb == VerbDelete || d.Verb == VerbDiscard)
}

// guardCalendar holds deferrable acts outside windows and in freezes. An
// emergency is an operator's decision and does not wait.
func guardCalendar(now time.Time, m Modes, s State, d Decision) (Decision, bool) {
	emergency := d.Opening != nil && d.Opening.Emergency || s.Progress.Cycle != nil && s.Progress.Cycle.Emergency
	if m.Calendar == nil || !deferrable(d.Verb) || emergency || m.Calendar.Open(now) {
		return d, false
	}
	reason := ReasonOutsideWindow
	if m.Calendar.Frozen(now) {
		reason = ReasonFrozen
	}
	next, _ := m.Calendar.NextOpen(now)
	return waitUntil(next, reason, string(d.Verb)), true
}
