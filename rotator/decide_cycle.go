package rotator

import (
	"fmt"
	"slices"
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

// longestCreate is how long after AWS's date in the intent a create may still
// succeed. Its call ends within the lease, and AWS takes a signature for minutes
// only (IAM user guide, elements of a request signature: five in most cases); the
// rest is for clocks that differ. A key that is younger than that is a person's,
// though the journal knows no answer of the create: it may be an older one that
// was put back.
const longestCreate = 20 * time.Minute

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
	certain := hasRecord && listed && old.Status == Active && len(s.Live.Keys) == 2 &&
		!extra.Created.Before(c.Intended) && extra.Created.Sub(c.Intended) <= longestCreate
	if _, foreign := foreignStore(s, c.Consumers, c.Retire); foreign || !certain || staged(s, c.Consumers, extra.ID) {
		return halt(ReasonUncertainOrphan, evidence(s.Live.Keys))
	}
	if !s.saw(Needs{UseOf: extra.ID}) {
		return observe(s, Needs{Stores: true, UseOf: extra.ID}, ReasonOrphan)
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

// decideUnproven gives the new key up, unless it signs in after all: the last
// refusal may be as old as the limit. The key may be one of long ago, when the
// journal was restored; then the state is rebuilt from what is there.
func decideUnproven(s State) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{Stores: true, SignIn: c.Keep}, ReasonUnproven); ok {
		return d
	}
	if s.Live.SignTrouble.Reason != ReasonNotSignedIn { // AWS takes the key, or says nothing of it
		return Decision{Verb: VerbProve, Key: c.Keep, Reason: ReasonUnproven}
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
	if rec, ok := record(c.Consumers); ok && (s.Live.Stores[rec.Name].Held == c.Keep || staged(s, c.Consumers, c.Keep)) {
		return Decision{Verb: VerbProve, Key: c.Keep, Reason: ReasonUnproven}
	}
	if t, ok := unreadable(s, c.Consumers); ok {
		return retry(t)
	}
	return halt(ReasonSecretLost, string(c.Keep))
}
