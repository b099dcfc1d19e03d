package rotator

import (
	"slices"
	"strings"
	"time"
)

// decidePush writes the kept key to one store, or stages it there. Before any store is written, in
// this very step: both keys are listed, the new one is Active and signs in, and
// the stores hold nothing but the two. A restored journal would otherwise write
// a dead key.
func decidePush(now time.Time, s State, verb Verb, consumer string, reason Reason) Decision {
	c := s.Progress.Cycle
	push := Decision{Verb: verb, Key: c.Keep, Consumer: consumer, Reason: reason}
	if d, ok := look(s, Needs{Stores: true, SignIn: c.Keep}, reason); ok {
		return d
	}
	if planted(plantNoLiveCheck) {
		return push
	}
	if d, ok := decideThirdKey(now, s); ok {
		return d
	}
	if d, ok := contradiction(now, s); ok {
		return d
	}
	if d, ok := clearSuspicion(s); ok {
		return d
	}
	if t, ok := unreadable(s, c.Consumers); ok {
		return retry(t)
	}
	if !s.Live.SignTrouble.None() && !planted(plantSkipProve) {
		return signTrouble(now, s)
	}
	return push
}

// decideThirdKey meets a key beyond the two, which AWS's leaky quota allows.
// Our own key goes, if no store can hold it; nothing else is ever touched.
func decideThirdKey(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	var strangers []Key
	for _, k := range s.Live.Keys {
		if k.ID != c.Keep && k.ID != c.Retire {
			strangers = append(strangers, k)
		}
	}
	if len(strangers) == 0 || planted(plantNoRecount) {
		return Decision{}, false
	}
	if undistributed(s) {
		return Decision{Verb: VerbDiscard, Key: c.Keep, Reason: ReasonThirdKey, Detail: evidence(strangers)}, true
	}
	return suspect(now, c.Policy.Settle, s, thirdKey(s)), true
}

// thirdKey answers a stranger that stays. If the cycle's own keys are not both
// there, the journal is of another time.
func thirdKey(s State) Decision {
	c := s.Progress.Cycle
	_, keeps := find(s.Live.Keys, c.Keep)
	_, retires := find(s.Live.Keys, c.Retire)
	if !keeps || !retires {
		return forgetOr(s, c.Consumers, ReasonThirdKey, evidence(s.Live.Keys))
	}
	return halt(ReasonThirdKey, evidence(s.Live.Keys))
}

// undistributed reports that surely nobody holds the kept key: this cycle made
// it and never began to push it, and the old key is Active and what every
// readable store holds. The latter tells a journal that was restored to before
// the push from one that was not.
func undistributed(s State) bool {
	c := s.Progress.Cycle
	_, listed := find(s.Live.Keys, c.Keep)
	old, oldListed := find(s.Live.Keys, c.Retire)
	if !listed || !oldListed || old.Status != Active || c.Touched || c.Purpose != PurposeRotation {
		return false
	}
	rec, ok := record(c.Consumers)
	if view := s.Live.Stores[rec.Name]; !ok || view.Held != c.Retire || view.Staged == c.Keep {
		return false
	}
	_, foreign := foreignStore(s, c.Consumers, c.Retire)
	_, blind := unreadable(s, c.Consumers)
	return !foreign && !blind
}

// contradiction finds what must not be: the kept key missing or inactive, the
// old one missing before it was cut, or a store that holds neither.
func contradiction(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	keep, listed := find(s.Live.Keys, c.Keep)
	reason, detail := Reason(""), ""
	switch {
	case !listed:
		reason, detail = ReasonKeyGone, string(c.Keep)
	case keep.Status != Active:
		reason, detail = ReasonKeyInactive, string(c.Keep)
	default:
		allowed := []KeyID{c.Keep, c.Retire}
		if c.Purpose == PurposeOrphan || c.Purpose == PurposeEvict {
			allowed = allowed[:1]
		}
		if found, foreign := foreignStore(s, c.Consumers, allowed...); foreign {
			reason, detail = ReasonForeignKey, found
		}
	}
	if reason == "" && c.Purpose == PurposeRotation && s.Progress.Phase == PhasePropagating {
		if _, ok := find(s.Live.Keys, c.Retire); !ok {
			reason, detail = ReasonOldKeyGone, string(c.Retire)
			if view := s.Live.Stores[recordName(c)]; view.Held == c.Keep || view.Staged == c.Keep {
				// A person deleted the old key early; every store must follow.
				return Decision{}, false
			}
		}
	}
	if reason == "" {
		return Decision{}, false
	}
	if stranded(s) && (reason == ReasonKeyGone || reason == ReasonKeyInactive) {
		return suspect(now, c.Policy.Settle, s, Decision{Verb: VerbTurn, Key: c.Retire, Reason: reason, Detail: detail}), true
	}
	return suspect(now, c.Policy.Settle, s, forgetOr(s, c.Consumers, reason, detail)), true
}

// stranded reports that consumers before the store of record have the kept key,
// and that it still holds the old one, which works: if the kept key is broken
// by somebody else, the way back is the only one that mends them.
func stranded(s State) bool {
	c := s.Progress.Cycle
	rec, ok := record(c.Consumers)
	old, listed := find(s.Live.Keys, c.Retire)
	if !ok || !listed || old.Status != Active || s.Live.Stores[rec.Name].Held != c.Retire || c.Purpose != PurposeRotation {
		return false
	}
	return slices.ContainsFunc(c.Consumers, func(p Pinned) bool { return p.Name != rec.Name && !c.Pushed[p.Name].IsZero() })
}

func recordName(c *Cycle) string {
	rec, _ := record(c.Consumers)
	return rec.Name
}

func clearSuspicion(s State) (Decision, bool) {
	if s.Progress.Suspect.IsZero() {
		return Decision{}, false
	}
	return Decision{Verb: VerbClear, Reason: ReasonStaleAnswer}, true
}

// signTrouble waits for the kept key to sign in; throttling or an outage is no
// evidence against the key, a refusal that lasts is.
func signTrouble(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	t := s.Live.SignTrouble
	if t.Reason == ReasonWrongIdentity || t.Reason == ReasonSecretLost {
		return halt(t.Reason, t.Detail)
	}
	if t.Reason == ReasonNotSignedIn && s.Attempts > 5 && now.Sub(s.Progress.Since) > max(c.Policy.Verify.Limit, c.Policy.Settle) {
		return forgetOr(s, c.Consumers, ReasonNeverProven, strings.TrimSpace(string(c.Keep)+" "+t.Detail))
	}
	return retry(t)
}
