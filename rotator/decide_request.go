package rotator

import "slices"

// decideRequest takes up the oldest request that waits. The second result is
// false when there is none, or when it must wait for the first sight.
func decideRequest(policy Policy, s State) (Decision, bool) {
	if len(s.Requests) == 0 {
		return Decision{}, false
	}
	r := s.Requests[0]
	d := Decision{Request: r.Number, Reason: ReasonAsked}
	switch r.Verb {
	case RequestPause:
		d.Verb = VerbPause
	case RequestResume:
		return decideResume(policy, s, d), true
	case RequestRotate:
		if s.Progress.Phase == PhaseUnseen && s.Progress.Halt == nil && s.Configured {
			return Decision{}, false
		}
		return decideRotate(s, r, d), true
	case RequestRollback:
		return decideRollback(s, d), true
	case RequestAck:
		return decideAck(s, r, d), true
	case RequestAlarm:
		return decideAlarm(s, r, d), true
	case RequestAdopt:
		return decideAdopt(s, r, d), true
	case RequestEvict:
		return decideEvict(policy, s, r, d), true
	default:
		return reject(d, "this version does not know the request "+r.Verb), true
	}
	return d, true
}

// reject refuses a request and says why; the request counts as handled.
func reject(d Decision, why string) Decision {
	return Decision{Verb: VerbReject, Reason: d.Reason, Request: d.Request, Detail: why}
}

// decideResume clears a halt and a pause; the policy and the consumers of the
// present configuration are pinned anew, because they are what the operator saw.
func decideResume(policy Policy, s State, d Decision) Decision {
	d.Verb = VerbResume
	p := s.Progress
	if p.Halt != nil && p.Halt.Reason == ReasonReactivated {
		d.Reason = ReasonReactivated
	}
	if p.Cycle != nil && s.Configured {
		d.Opening = &Opening{Policy: policy, Consumers: s.Consumers}
	}
	return d
}

func decideRotate(s State, r Request, d Decision) Decision {
	p := s.Progress
	switch {
	case !s.Configured:
		return reject(d, "the user is not in the configuration")
	case p.Halt != nil:
		return reject(d, "the user is halted: "+string(p.Halt.Reason))
	case p.Cycle == nil:
		d.Verb, d.Asked = VerbAsk, &r
		return d
	case r.Emergency && p.Cycle.Purpose == PurposeRotation && p.Phase != PhaseRollingBack && !p.Cycle.Emergency:
		d.Verb, d.Reason = VerbHurry, ReasonEmergency
		return d
	default:
		return reject(d, "a cycle is open already")
	}
}

func decideRollback(s State, d Decision) Decision {
	p := s.Progress
	d.Reason = ReasonRollback
	if p.Cycle == nil {
		return reject(d, "no cycle is open: the old key no longer exists")
	}
	switch p.Phase {
	case PhaseProving, PhasePropagating, PhaseOverlap, PhaseDeactivating, PhaseTrial, PhaseDeleting:
		if p.Cycle.Purpose == PurposeRotation && p.Cycle.Retire != "" {
			d.Verb = VerbTurn
			return d
		}
		return reject(d, "this cycle has no old key to go back to")
	case PhaseRollingBack, PhaseRolledBack:
		return reject(d, "the cycle is on its way back already")
	case PhaseCreating:
		return reject(d, "no new key is in use yet: there is nothing to roll back")
	default:
		return reject(d, "the cycle is in no phase that has a way back")
	}
}

// decideAdopt names the key in use. It is for users who are halted or not
// adopted yet, and gives an open cycle up.
func decideAdopt(s State, r Request, d Decision) Decision {
	p := s.Progress
	switch {
	case !s.Configured:
		return reject(d, "the user is not in the configuration")
	case p.Phase != PhaseUnseen && p.Halt == nil:
		return reject(d, "the user is not halted; its key in use is "+string(p.Current))
	}
	if wait, ok := look(s, Needs{Identity: true, Stores: true}, ReasonAsked); ok {
		return wait
	}
	if t, ok := unreadable(s, s.Consumers); ok { // it may hold another key
		return retry(t)
	}
	key, listed := find(s.Live.Keys, r.Key)
	if !listed || key.Status != Active {
		return reject(d, string(r.Key)+" is not an active key of this user")
	}
	if detail, foreign := foreignStore(s, s.Consumers, r.Key); foreign {
		return reject(d, "a store holds another key: "+detail)
	}
	d.Verb, d.Key = VerbAdopt, r.Key
	return d
}

// decideEvict retires a key that an operator names, by the same overlap, trial
// and proof as any other.
func decideEvict(policy Policy, s State, r Request, d Decision) Decision {
	p := s.Progress
	back := p.Phase == PhaseRolledBack
	switch {
	case !s.Configured:
		return reject(d, "the user is not in the configuration")
	case r.Key == p.Current:
		return reject(d, string(r.Key)+" is the key in use")
	case p.Current == "":
		return reject(d, "adopt the key in use first")
	case p.Cycle != nil && !back:
		return reject(d, "a cycle is open; adopt the key in use first if it is halted")
	}
	if wait, ok := look(s, Needs{Stores: true}, ReasonAsked); ok {
		return wait
	}
	if t, ok := unreadable(s, s.Consumers); ok {
		return retry(t)
	}
	listed := slices.ContainsFunc(s.Live.Keys, func(k Key) bool { return k.ID == r.Key })
	if !listed || s.OwnKey == r.Key {
		return reject(d, string(r.Key)+" is not a key of this user that may be retired")
	}
	if detail, foreign := foreignStore(s, s.Consumers, p.Current); foreign {
		return reject(d, "a store does not hold the key in use: "+detail)
	}
	if back && len(p.Cycle.Unrestored) > 0 {
		return reject(d, "these still hold it: "+p.Cycle.Unrestored[0])
	}
	d.Verb, d.Key = VerbOpen, r.Key
	d.Opening = &Opening{
		Purpose: PurposeEvict, Policy: policy, Consumers: s.Consumers,
		Retire: r.Key, Keep: p.Current, Made: p.Created, Phase: PhaseOverlap,
	}
	return d
}
