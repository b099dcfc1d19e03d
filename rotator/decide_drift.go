package rotator

import (
	"fmt"
	"time"
)

// drift meets, while no cycle is open, a store that is ours and does not hold
// the key in use any more. It is written again from the store of record or from
// custody; where the policy only reports, people are told until a rotation is
// due, which such a store holds up.
func drift(policy Policy, s State, start time.Time, due bool) (Decision, bool) {
	p := s.Progress
	current, listed := find(s.Live.Keys, p.Current)
	consumer, drifted := driftedStore(s)
	switch {
	case !drifted && p.Drifted != "":
		return Decision{Verb: VerbClear, Reason: ReasonStaleAnswer, Detail: p.Drifted}, true
	case !drifted, !listed, current.Status != Active, len(s.Live.Keys) != 1:
		return Decision{}, false
	}
	detail := fmt.Sprintf("%s holds %q", consumer.Name, s.Live.Stores[consumer.Name].Held)
	if policy.DriftReport {
		switch {
		case p.Drifted != consumer.Name:
			return Decision{Verb: VerbDrift, Key: p.Current, Consumer: consumer.Name, Reason: ReasonDrift, Detail: detail}, true
		case due:
			return Decision{}, false
		default:
			return waitUntil(start, ReasonDrift, detail), true
		}
	}
	rec, ok := record(s.Consumers)
	if !s.Custody[p.Current] && (!ok || s.Live.Stores[rec.Name].Held != p.Current) {
		return Decision{}, false // its secret is nowhere: a person decides
	}
	if d, ok := look(s, Needs{Identity: true, Stores: true, SignIn: p.Current}, ReasonDrift); ok {
		return d, true
	}
	if !s.Live.SignTrouble.None() {
		return retry(s.Live.SignTrouble), true
	}
	return Decision{Verb: VerbPush, Key: p.Current, Consumer: consumer.Name, Reason: ReasonDrift, Detail: detail}, true
}

// driftedStore finds a readable store that is ours, by its mark or because this
// program filled it, and that does not hold the key in use.
func driftedStore(s State) (Pinned, bool) {
	for _, c := range s.Consumers {
		view, seen := s.Live.Stores[c.Name]
		if !c.Readable || !seen || !view.Trouble.None() || view.Held == s.Progress.Current {
			continue
		}
		if view.Owner == s.User.String() && view.Held != "" || view.Held == "" && s.Progress.Wrote(c.Name) {
			return c, true
		}
	}
	return Pinned{}, false
}
