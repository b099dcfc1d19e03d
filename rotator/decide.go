package rotator

import (
	"fmt"
	"time"
)

// Decide tells the one next step of a user. It is pure and total: the same
// arguments give the same decision, every state has one, and nothing else in
// the program decides. Now is the local clock, which only ever says when to
// look; whether a grace is over is told by AWS's own dates in the state.
//
// A decision that needs to know more of the world says so with VerbObserve;
// the caller looks and asks again with State.Live set.
func Decide(now time.Time, policy Policy, s State) Decision {
	p := s.Progress
	if p.Schema > Schema || !p.Phase.Known() {
		return halt(ReasonUnconfigured, "the journal row was written by a newer version")
	}
	if d, taken := decideRequest(policy, s); taken {
		return d
	}
	switch {
	case p.Halt != nil:
		return Decision{Verb: VerbWait, Reason: ReasonHalted, Detail: string(p.Halt.Reason)}
	case !s.Configured && p.Cycle != nil:
		return halt(ReasonUnconfigured, "")
	case !s.Configured:
		return Decision{Verb: VerbWait, Reason: ReasonUnmanaged}
	case p.Cycle != nil:
		return decideCycle(now, s)
	case p.Phase == PhaseUnseen:
		return decideFirstSight(now, policy, s)
	default:
		return decideIdle(now, policy, s)
	}
}

func halt(reason Reason, detail string) Decision {
	return Decision{Verb: VerbHalt, Reason: reason, Detail: detail}
}

func waitUntil(at time.Time, reason Reason, detail string) Decision {
	return Decision{Verb: VerbWait, Reason: reason, Detail: detail, Until: at}
}

// retry waits after a failure; the caller turns the attempts into a delay.
func retry(t Trouble) Decision {
	return Decision{Verb: VerbWait, Reason: t.Reason, Detail: t.Detail, Backoff: true}
}

// observe looks at what is needed, and again at whatever this decision has looked
// at before: two parts of it would otherwise take turns to ask for what the other
// has no need of.
func observe(s State, needs Needs, reason Reason) Decision {
	needs.Keys = true
	if s.Live != nil {
		needs = needs.and(s.Live.Needs)
	}
	return Decision{Verb: VerbObserve, Needs: needs, Reason: reason}
}

// look is what every decision on a live state does first: look if that was not
// done, wait if the look failed, and never go on without AWS's date.
func look(s State, needs Needs, reason Reason) (Decision, bool) {
	needs.Keys = true
	switch {
	case !s.saw(needs):
		return observe(s, needs, reason), true
	case !s.Live.Trouble.None():
		return retry(s.Live.Trouble), true
	case s.Live.Date.IsZero():
		return retry(Trouble{ReasonNoDate, "AWS's answer had no Date header"}), true
	default:
		return Decision{}, false
	}
}

// suspect handles a world that contradicts the journal. Lists may be stale for
// seconds, so nothing is believed before it was seen again after settle.
func suspect(now time.Time, settle time.Duration, s State, then Decision) Decision {
	since := s.Progress.Suspect
	switch {
	case since.IsZero():
		return Decision{Verb: VerbSuspect, Reason: then.Reason, Detail: then.Detail}
	case !passed(s.Live.Date, since, settle):
		return waitUntil(untilPassed(now, s.Live.Date, since, settle), ReasonSettling, string(then.Reason))
	default:
		return then
	}
}

// forgetOr answers a contradiction that lasts. The journal may have been
// restored to an older state: when the store of record is marked ours and holds
// a listed, active key, the state is rebuilt from there; otherwise a person decides.
func forgetOr(s State, consumers []Pinned, reason Reason, detail string) Decision {
	rec, ok := record(consumers)
	if !ok {
		return halt(reason, detail)
	}
	view := s.Live.Stores[rec.Name]
	if !view.Trouble.None() { // it may tell once it can be read: no evidence, no halt
		return retry(Trouble{view.Trouble.Reason, rec.Name + ": " + view.Trouble.Detail})
	}
	held, listed := find(s.Live.Keys, view.Held)
	if view.Owner == s.User.String() && listed && held.Status == Active {
		return Decision{Verb: VerbForget, Reason: reason, Detail: detail}
	}
	return halt(reason, detail)
}

// foreignStore finds a readable store that holds a key outside allowed. An
// empty store is allowed.
func foreignStore(s State, consumers []Pinned, allowed ...KeyID) (detail string, found bool) {
	for _, c := range consumers {
		view, ok := s.Live.Stores[c.Name]
		if !ok || !c.Readable || view.Held == "" {
			continue
		}
		known := false
		for _, id := range allowed {
			known = known || view.Held == id && id != ""
		}
		if !known {
			return fmt.Sprintf("%s holds %s", c.Name, view.Held), true
		}
	}
	return "", false
}

// staged reports whether a key waits unseen in the store of record.
func staged(s State, consumers []Pinned, key KeyID) bool {
	rec, ok := record(consumers)
	return ok && key != "" && s.Live.Stores[rec.Name].Staged == key
}

// unreadable finds a readable store that could not be read now.
func unreadable(s State, consumers []Pinned) (Trouble, bool) {
	for _, c := range consumers {
		if view, ok := s.Live.Stores[c.Name]; ok && c.Readable && !view.Trouble.None() {
			return Trouble{view.Trouble.Reason, c.Name + ": " + view.Trouble.Detail}, true
		}
	}
	return Trouble{}, false
}
