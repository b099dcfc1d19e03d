package rotator

import (
	"fmt"
	"strings"
	"time"
)

// decideFirstSight meets a user about whom the journal knows nothing: a new
// one, or one whose journal was lost.
func decideFirstSight(now time.Time, policy Policy, s State) Decision {
	needs := Needs{Identity: true, Stores: true, History: true, Check: s.Bootstrap}
	if d, ok := look(s, needs, ReasonFirstSight); ok {
		return d
	}
	if t, ok := unreadable(s, s.Consumers); ok {
		return retry(t)
	}
	listed := make([]KeyID, 0, len(s.Live.Keys))
	for _, k := range s.Live.Keys {
		listed = append(listed, k.ID)
	}
	if detail, ok := foreignStore(s, s.Consumers, listed...); ok {
		return suspect(now, policy.Settle, s, halt(ReasonForeignKey, detail))
	}
	switch len(listed) {
	case 0:
		if !s.Bootstrap {
			return suspect(now, policy.Settle, s, halt(ReasonNoKey, ""))
		}
		if t, ok := refusal(s); ok {
			return retry(t)
		}
		return openCreate(policy, s, PurposeBootstrap, ReasonBootstrap)
	case 1:
		key := s.Live.Keys[0]
		if key.Status != Active {
			return suspect(now, policy.Settle, s, halt(ReasonKeyInactive, string(key.ID)))
		}
		return Decision{Verb: VerbAdopt, Key: key.ID, Reason: ReasonFirstSight}
	case 2:
		return rebuild(now, policy, s)
	default:
		return suspect(now, policy.Settle, s, halt(ReasonThirdKey, evidence(s.Live.Keys)))
	}
}

// rebuild meets two keys without a journal. Only the ownership mark of the
// store of record tells that this is our own interrupted cycle: it must name
// this user and have held the older key before the newer one, or hold the older
// one while the newer waits in it unseen.
func rebuild(now time.Time, policy Policy, s State) Decision {
	older, newer := byAge(s.Live.Keys[0], s.Live.Keys[1])
	rec, ok := record(s.Consumers)
	view := s.Live.Stores[rec.Name]
	user := s.User.String()
	promoted := view.Owner == user && view.Held == newer.ID && view.Previous == older.ID
	waits := view.StagedOwner == user && view.Staged == newer.ID && view.Held == older.ID && older.Status == Active
	if !ok || !promoted && !waits || newer.Status != Active {
		return suspect(now, policy.Settle, s, halt(ReasonSecondKey, evidence(s.Live.Keys)))
	}
	phase := PhasePropagating
	if older.Status == Inactive {
		phase = PhaseTrial
	}
	return Decision{Verb: VerbOpen, Key: newer.ID, Reason: ReasonRebuilt, Opening: &Opening{
		Purpose: PurposeRotation, Policy: policy, Consumers: s.Consumers,
		Retire: older.ID, Keep: newer.ID, Made: newer.Created, Phase: phase,
	}}
}

func byAge(a, b Key) (older, newer Key) {
	if b.Created.Before(a.Created) {
		return b, a
	}
	return a, b
}

// evidence describes keys for a person.
func evidence(keys []Key) string {
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%s %s created %s", k.ID, k.Status, k.Created.UTC().Format(time.DateOnly)))
	}
	return strings.Join(parts, "; ")
}

// decideIdle meets a user with one key in use.
func decideIdle(now time.Time, policy Policy, s State) Decision {
	p := s.Progress
	start := policy.Start(s.User, p.Created, s.Consumers)
	due := p.Asked != nil || !now.Before(start)
	if !due && !s.Look && p.Suspect.IsZero() {
		return waitUntil(start, ReasonNotDue, "")
	}
	if d, ok := look(s, Needs{Identity: true, Stores: true, Check: due}, ReasonDue); ok {
		return d
	}
	if s.Live.Identity.UserID != p.UserID {
		return halt(ReasonRecreated, fmt.Sprintf("was %s, is %s", p.UserID, s.Live.Identity.UserID))
	}
	if d, ok := drift(policy, s, start, due); ok {
		return d
	}
	if d, ok := idleContradiction(s); ok {
		return suspect(now, policy.Settle, s, d)
	}
	if !p.Suspect.IsZero() {
		return Decision{Verb: VerbClear, Reason: ReasonStaleAnswer}
	}
	if p.Asked == nil && s.Live.Date.Before(start) {
		return waitUntil(now.Add(start.Sub(s.Live.Date)+dateSlack), ReasonNotDue, "")
	}
	if s.OwnKey == p.Current {
		return halt(ReasonOwnKey, string(p.Current))
	}
	if t, ok := unreadable(s, s.Consumers); ok {
		return retry(t)
	}
	if t, ok := refusal(s); ok {
		return retry(t)
	}
	if p.Asked != nil {
		return openAsked(policy, s)
	}
	return openCreate(policy, s, PurposeRotation, ReasonDue)
}

// refusal finds a store that would refuse the new key, before one is made.
func refusal(s State) (Trouble, bool) {
	for _, c := range s.Consumers {
		if t := s.Live.Stores[c.Name].Refusal; !t.None() && c.Required {
			return Trouble{t.Reason, c.Name + ": " + t.Detail}, true
		}
	}
	return Trouble{}, false
}

// idleContradiction compares what is there with the one key the journal knows.
func idleContradiction(s State) (Decision, bool) {
	current, listed := find(s.Live.Keys, s.Progress.Current)
	if detail, ok := foreignStore(s, s.Consumers, s.Progress.Current); ok {
		return forgetOr(s, s.Consumers, ReasonForeignKey, detail), true
	}
	switch {
	case !listed:
		return forgetOr(s, s.Consumers, ReasonKeyGone, string(s.Progress.Current)), true
	case current.Status != Active:
		return forgetOr(s, s.Consumers, ReasonKeyInactive, string(current.ID)), true
	case len(s.Live.Keys) > 1 && !planted(plantDeleteOldest):
		return halt(ReasonSecondKey, evidence(s.Live.Keys)), true
	default:
		return Decision{}, false
	}
}

func openAsked(policy Policy, s State) Decision {
	asked := s.Progress.Asked
	reason, emergency := ReasonAsked, asked.Emergency || asked.CutFirst
	if emergency {
		reason = ReasonEmergency
	}
	d := openCreate(policy, s, PurposeRotation, reason)
	d.Request = asked.Number
	d.Opening.Emergency = emergency
	if asked.CutFirst {
		d.Verb, d.Key = VerbOpen, s.Progress.Current
		d.Opening.CutFirst, d.Opening.Phase = true, PhaseDeactivating
	}
	return d
}

// openCreate begins a cycle with its create.
func openCreate(policy Policy, s State, purpose Purpose, reason Reason) Decision {
	return Decision{Verb: VerbCreate, Reason: reason, Opening: &Opening{
		Purpose: purpose, Policy: policy, Consumers: s.Consumers,
		Retire: s.Progress.Current, Phase: PhaseCreating,
	}}
}
