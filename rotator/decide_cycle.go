package rotator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// decideCycle goes on with an open cycle, under the policy that it pinned.
func decideCycle(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if d, ok := pinDrift(s); ok {
		return d
	}
	switch s.Progress.Phase {
	case PhaseCreating:
		return decideCreating(now, s)
	case PhaseProving:
		return decideProving(now, s)
	case PhasePropagating:
		return decidePropagating(now, s)
	case PhaseOverlap, PhaseDeactivating:
		if c.CutFirst && c.Keep == "" {
			return decideCutFirst(now, s)
		}
		return decideOverlap(now, s)
	case PhaseTrial, PhaseDeleting:
		return decideTrial(now, s)
	case PhaseRollingBack:
		return decideRollingBack(now, s)
	default:
		return halt(ReasonRolledBack, "")
	}
}

// pinDrift compares the pinned consumers with the configured ones. A new one
// must be pushed before anything is cut; one that is gone is a person's matter.
func pinDrift(s State) (Decision, bool) {
	c := s.Progress.Cycle
	for _, pinned := range c.Consumers {
		same := func(n Pinned) bool { return n.Name == pinned.Name }
		if pinned.Required && !slices.ContainsFunc(s.Consumers, same) {
			return halt(ReasonConsumerRemoved, pinned.Name), true
		}
	}
	if !slices.Equal(c.Consumers, s.Consumers) {
		return Decision{Verb: VerbRepin, Reason: ReasonReappeared, Opening: &Opening{Consumers: s.Consumers}}, true
	}
	return Decision{}, false
}

// decideCreating has an intent to create without a known outcome, or, when the
// old key was cut first, none yet.
func decideCreating(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if c.Intent == nil {
		if d, ok := look(s, Needs{Identity: true}, ReasonEmergency); ok {
			return d
		}
		return Decision{Verb: VerbCreate, Reason: ReasonEmergency, Request: c.Request}
	}
	if at, ok := ready(now, s.Progress.Since, c.Policy.Settle); !ok {
		return waitUntil(at, ReasonSettling, "the create had no clear answer")
	}
	if d, ok := look(s, Needs{Stores: true}, ReasonSettling); ok {
		return d
	}
	if !passed(s.Live.Date, c.Intended, c.Policy.Settle) {
		return waitUntil(untilPassed(now, s.Live.Date, c.Intended, c.Policy.Settle), ReasonSettling, "")
	}
	var extra []Key
	for _, k := range s.Live.Keys {
		if !slices.Contains(c.Before, k.ID) {
			extra = append(extra, k)
		}
	}
	switch {
	case len(extra) == 0:
		return Decision{Verb: VerbAbandon, Reason: ReasonNoKeyMade}
	case len(extra) == 1:
		return decideOrphan(s, extra[0])
	default:
		return halt(ReasonUncertainOrphan, evidence(extra))
	}
}

// decideOrphan recognises the key of a create whose answer was lost. Nobody can
// hold it, because its secret was never written down; but a person may have
// made a key in the same minute, so anything short of certain asks a person.
func decideOrphan(s State, extra Key) Decision {
	c := s.Progress.Cycle
	if t, ok := unreadable(s, c.Consumers); ok {
		return retry(t)
	}
	_, hasRecord := record(c.Consumers)
	old, listed := find(s.Live.Keys, c.Retire)
	certain := hasRecord && listed && old.Status == Active && len(s.Live.Keys) == 2 && !extra.Created.Before(c.Intended)
	if _, foreign := foreignStore(s, c.Consumers, c.Retire); foreign || !certain {
		return halt(ReasonUncertainOrphan, evidence(s.Live.Keys))
	}
	if !s.saw(Needs{UseOf: extra.ID}) {
		return observe(Needs{Stores: true, UseOf: extra.ID}, ReasonOrphan)
	}
	switch {
	case !s.Live.Use.Known:
		return retry(Trouble{ReasonUseUnknown, string(extra.ID)})
	case !s.Live.Use.At.IsZero():
		return halt(ReasonUncertainOrphan, useDetail(extra.ID, s.Live.Use))
	default:
		return Decision{Verb: VerbRecognise, Key: extra.ID, Reason: ReasonOrphan}
	}
}

func useDetail(key KeyID, use LastUse) string {
	return fmt.Sprintf("%s used %s by %s in %s", key, use.At.UTC().Format(time.RFC3339), use.Service, use.Region)
}

func decideProving(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if !s.Custody[c.Keep] {
		return decideRecovered(s)
	}
	// Throttling or an outage is no evidence against the key.
	if s.Waiting == ReasonNotSignedIn && s.Attempts > 5 && now.Sub(s.Progress.Since) > c.Policy.Verify.Limit {
		return decideUnproven(s)
	}
	if next := c.SignedAt.Add(c.Policy.Verify.Spacing()); c.Signed > 0 && now.Before(next) {
		return waitUntil(next, ReasonSpacing, "")
	}
	return Decision{Verb: VerbProve, Key: c.Keep, Reason: ReasonUnproven}
}

// decideUnproven gives the new key up. It may be one of long ago, when the
// journal was restored; then the state is rebuilt from what is there.
func decideUnproven(s State) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{Stores: true}, ReasonUnproven); ok {
		return d
	}
	keep, _ := find(s.Live.Keys, c.Keep)
	if _, listed := find(s.Live.Keys, c.Retire); keep.Status == Active && (listed || c.Retire == "") {
		return halt(ReasonNeverProven, string(c.Keep))
	}
	return forgetOr(s, c.Consumers, ReasonNeverProven, string(c.Keep))
}

// decideRecovered goes on without a sealed secret, if the store of record has it.
func decideRecovered(s State) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{Stores: true}, ReasonUnproven); ok {
		return d
	}
	if rec, ok := record(c.Consumers); ok && s.Live.Stores[rec.Name].Held == c.Keep {
		return Decision{Verb: VerbProve, Key: c.Keep, Reason: ReasonUnproven}
	}
	if t, ok := unreadable(s, c.Consumers); ok {
		return retry(t)
	}
	return halt(ReasonSecretLost, string(c.Keep))
}

func decidePropagating(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if consumer, probe, ok := nextConsumer(c); ok && probe {
		return Decision{Verb: VerbProbe, Key: c.Keep, Consumer: consumer, Reason: ReasonUnprobed}
	} else if ok {
		return decidePush(now, s, consumer, ReasonBehind)
	}
	// Every required consumer is verified: only a consumer taken out of the
	// cycle since leaves the phase behind.
	return Decision{Verb: VerbRepin, Reason: ReasonVerified, Opening: &Opening{Consumers: c.Consumers}}
}

// nextConsumer picks the consumer to serve: the store of record first, because
// recovery reads it; then the others, those that failed least first.
func nextConsumer(c *Cycle) (name string, probe, ok bool) {
	rec, hasRecord := record(c.Consumers)
	if hasRecord && c.Pushed[rec.Name].IsZero() {
		return rec.Name, false, true
	}
	best := -1
	for i, consumer := range c.Consumers {
		if !consumer.Required {
			continue
		}
		pushed := !c.Pushed[consumer.Name].IsZero()
		if pushed && (!consumer.Probed || !c.Probed[consumer.Name].IsZero()) {
			continue
		}
		if best < 0 || c.Missed[consumer.Name] < c.Missed[c.Consumers[best].Name] {
			best = i
		}
	}
	if best < 0 {
		return "", false, false
	}
	chosen := c.Consumers[best]
	return chosen.Name, !c.Pushed[chosen.Name].IsZero(), true
}

// decidePush writes the kept key to one store. Before any store is written, in
// this very step: both keys are listed, the new one is Active and signs in, and
// the stores hold nothing but the two. A restored journal would otherwise write
// a dead key.
func decidePush(now time.Time, s State, consumer string, reason Reason) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{Stores: true, SignIn: c.Keep}, reason); ok {
		return d
	}
	if planted(plantNoLiveCheck) {
		return Decision{Verb: VerbPush, Key: c.Keep, Consumer: consumer, Reason: reason}
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
	return Decision{Verb: VerbPush, Key: c.Keep, Consumer: consumer, Reason: reason}
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
	if !ok || s.Live.Stores[rec.Name].Held != c.Retire {
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
			if s.Live.Stores[recordName(c)].Held == c.Keep {
				// A person deleted the old key early; every store must follow.
				return Decision{}, false
			}
		}
	}
	if reason == "" {
		return Decision{}, false
	}
	return suspect(now, c.Policy.Settle, s, forgetOr(s, c.Consumers, reason, detail)), true
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
