package rotator

import (
	"time"
)

// grace is how long both keys of a cycle stay Active. An orphan has no reader;
// it is watched for the quiet time instead.
func (c *Cycle) grace() time.Duration {
	switch {
	case c.Emergency, planted(plantNoGrace), c.Purpose == PurposeOrphan && planted(plantOrphanAtOnce):
		return 0
	case c.Purpose == PurposeOrphan:
		return c.Policy.Quiet
	default:
		return c.Policy.Grace(refreshes(c.Consumers))
	}
}

// quiet is how old the last use that IAM shows of the key to retire must be.
// What IAM shows is late: it is silent about the time since the lag began, and
// only before that a missing use means an unused key.
func (c *Cycle) quiet() time.Duration {
	if c.Emergency {
		return 0
	}
	return c.Policy.Quiet + c.Policy.LastUsedLag
}

// trial is how long the key to retire stays Inactive.
func (c *Cycle) trial() time.Duration {
	if planted(plantNoTrial) {
		return 0
	}
	return c.Policy.Trial
}

// firstLook is when the overlap is worth a look: a consumer may use the old key
// until it reads its store again, and the quiet time counts from then. Looking
// earlier would only cost calls.
func (c *Cycle) firstLook() time.Duration {
	if c.Emergency || c.Purpose != PurposeRotation || planted(plantNoGrace) || planted(plantNoQuiet) {
		return c.grace()
	}
	return max(c.grace(), refreshes(c.Consumers)+c.quiet())
}

// retiring is what a decision must see before it cuts or deletes.
func (c *Cycle) retiring() Needs {
	return Needs{Stores: true, UseOf: c.Retire, SignIn: c.Keep}
}

func decideOverlap(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if optional, ok := unservedOptional(c); ok && c.Purpose == PurposeRotation {
		return decideServe(now, s, optional)
	}
	recovering := s.Progress.Phase == PhaseDeactivating
	if at, ok := ready(now, s.Progress.Since, c.firstLook()); !ok && !s.Look && !recovering && s.Progress.Suspect.IsZero() {
		return waitUntil(at, ReasonOverlap, "")
	}
	if d, ok := adoption(now, s); ok {
		return d
	}
	if d, ok := look(s, c.retiring(), ReasonVerified); ok {
		return d
	}
	retire, listed := find(s.Live.Keys, c.Retire)
	if !listed && keepIsFine(s) {
		return suspect(now, c.Policy.Settle, s, Decision{Verb: VerbClose, Key: c.Retire, Reason: ReasonByHand})
	}
	if d, ok := strange(now, s); ok {
		return d
	}
	if d, ok := mend(now, s); ok {
		return d
	}
	if retire.Status != Active {
		return Decision{Verb: VerbAccept, Key: c.Retire, Reason: ReasonByHand}
	}
	if !passed(s.Live.Date, c.Verified, c.grace()) {
		return withdrawOr(s, waitUntil(untilPassed(now, s.Live.Date, c.Verified, c.grace()), ReasonOverlap, ""))
	}
	if d, ok := inUse(now, s); ok {
		return withdrawOr(s, d)
	}
	if s.OwnKey == c.Retire {
		return halt(ReasonOwnKey, string(c.Retire))
	}
	reason := ReasonVerified
	if c.Emergency {
		reason = ReasonEmergency
	}
	return Decision{Verb: VerbDeactivate, Key: c.Retire, Reason: reason, Request: override(c)}
}

// override names the request that waived a grace, zero for none.
func override(c *Cycle) int64 {
	if c.Emergency {
		return c.Request
	}
	return 0
}

// withdrawOr gives an intended cut up first, when its permission is gone: the
// key is live and the next look starts from the phase before.
func withdrawOr(s State, d Decision) Decision {
	if s.Progress.Cycle.Intent == nil {
		return d
	}
	return Decision{Verb: VerbWithdraw, Key: d.Key, Reason: ReasonNotAllowed, Detail: string(d.Reason)}
}

// optionalTries is how often an optional consumer is pushed before it is left
// out of sync; it never holds the others up.
const optionalTries = 3

// unservedOptional finds an optional consumer to be written or reloaded. That
// its reload ends is not waited for.
func unservedOptional(c *Cycle) (Pinned, bool) {
	for _, consumer := range c.Consumers {
		need := c.needs(consumer)
		if !consumer.Required && c.Missed[consumer.Name] < optionalTries && (need == needPush || need == needReload) {
			return consumer, true
		}
	}
	return Pinned{}, false
}

// adoption waits, where the policy wants it, until somebody else than this
// program has used the kept key. Our own sign-ins move its last use, too: that
// is why nothing signs in meanwhile, and why a use counts only when it is later
// than the latest of ours, when every consumer was verified, by more than IAM's
// grain.
func adoption(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	if !c.Policy.Adoption || c.Emergency || c.Purpose != PurposeRotation || !c.Adopted.IsZero() || c.Intent != nil {
		return Decision{}, false
	}
	if d, ok := look(s, Needs{Stores: true, UseOf: c.Keep}, ReasonUnadopted); ok {
		return d, true
	}
	if _, listed := find(s.Live.Keys, c.Retire); !listed {
		return Decision{}, false
	}
	if d, ok := strange(now, s); ok {
		return d, true
	}
	if d, ok := mend(now, s); ok {
		return d, true
	}
	use := s.Live.Use
	switch {
	case !use.Known:
		return retry(Trouble{ReasonUseUnknown, string(c.Keep)}), true
	case use.At.After(c.Verified.Add(lastUseGrain)), !use.At.IsZero() && planted(plantOwnUse):
		return Decision{Verb: VerbConfirm, Key: c.Keep, Reason: ReasonAdopted, Detail: useDetail(c.Keep, use)}, true
	default:
		again := min(lastUseGrain, max(time.Second, c.grace()/4))
		return waitUntil(now.Add(again), ReasonUnadopted, string(c.Keep)), true
	}
}

// keepIsFine reports that the kept key is listed, Active and signs in.
func keepIsFine(s State) bool {
	keep, ok := find(s.Live.Keys, s.Progress.Cycle.Keep)
	return ok && keep.Status == Active && s.Live.SignTrouble.None()
}

// strange finds what must not be while two keys are held.
func strange(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	for _, k := range s.Live.Keys {
		if k.ID != c.Keep && k.ID != c.Retire && !planted(plantNoRecount) {
			return suspect(now, c.Policy.Settle, s, thirdKey(s)), true
		}
	}
	return contradiction(now, s)
}

// mend handles what has drifted since the consumers were verified: a store that
// cannot be read now, or one that holds the old key again.
func mend(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	if d, ok := clearSuspicion(s); ok {
		return d, true
	}
	if t, ok := unreadable(s, c.Consumers); ok {
		return retry(t), true
	}
	if !s.Live.SignTrouble.None() {
		return signTrouble(now, s), true
	}
	if c.Purpose != PurposeRotation || planted(plantNoVerify) {
		return Decision{}, false
	}
	for _, consumer := range c.Consumers {
		view := s.Live.Stores[consumer.Name]
		if consumer.Required && consumer.Readable && (view.Held != c.Keep || view.Mismatch) {
			return decidePush(now, s, VerbPush, consumer.Name, ReasonDrift), true
		}
	}
	return Decision{}, false
}

// inUse waits while the key to retire was used within the quiet time, or while
// that is not known. Once a grace, every store is written again, because a
// consumer that missed the push would otherwise hold the cycle for ever.
func inUse(now time.Time, s State) (Decision, bool) {
	c := s.Progress.Cycle
	use := s.Live.Use
	switch {
	case c.Emergency, planted(plantNoQuiet):
		return Decision{}, false
	case !use.Known:
		return retry(Trouble{ReasonUseUnknown, string(c.Retire)}), true
	case c.Purpose == PurposeOrphan && !use.At.IsZero(): // somebody holds it after all
		return halt(ReasonUncertainOrphan, useDetail(c.Retire, use)), true
	case use.At.IsZero() || passed(s.Live.Date, use.At, c.quiet()):
		return Decision{}, false
	}
	late := use.At.After(c.Verified.Add(refreshes(c.Consumers) + lastUseGrain))
	rested := c.Healed.IsZero() || passed(s.Live.Date, c.Healed, c.grace()+c.quiet())
	if late && rested && c.Purpose == PurposeRotation && !planted(plantNoHeal) {
		return Decision{Verb: VerbHeal, Key: c.Keep, Reason: ReasonInUse, Detail: useDetail(c.Retire, use)}, true
	}
	return waitUntil(untilPassed(now, s.Live.Date, use.At, c.quiet()), ReasonInUse, useDetail(c.Retire, use)), true
}

// lastUseGrain is how coarse IAM records a last use: only the first use in a
// span of 15 minutes is seen (IAM user guide, credential reports).
const lastUseGrain = 15 * time.Minute

// decideCutFirst cuts a compromised key before its successor exists, because
// an operator said so. Identity is checked all the same.
func decideCutFirst(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{UseOf: c.Retire}, ReasonEmergency); ok {
		return d
	}
	retire, listed := find(s.Live.Keys, c.Retire)
	switch {
	case !listed:
		return suspect(now, c.Policy.Settle, s, halt(ReasonOldKeyGone, string(c.Retire)))
	case retire.Status != Active:
		return Decision{Verb: VerbAccept, Key: c.Retire, Reason: ReasonEmergency}
	default:
		return Decision{Verb: VerbDeactivate, Key: c.Retire, Reason: ReasonEmergency, Request: c.Request}
	}
}
