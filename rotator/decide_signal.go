package rotator

import "fmt"

// decideAck takes a consumer's word that it has the new key.
func decideAck(s State, r Request, d Decision) Decision {
	p := s.Progress
	if p.Cycle == nil {
		return reject(d, "no cycle is open: there is nothing to acknowledge")
	}
	pinned, known := p.Cycle.consumer(r.Consumer)
	switch {
	case !known || !pinned.Acked:
		return reject(d, fmt.Sprintf("%q is no consumer of this cycle that is to acknowledge", r.Consumer))
	case r.Key != "" && r.Key != p.Cycle.Keep:
		return reject(d, fmt.Sprintf("%s is not the new key, which is %s", r.Key, p.Cycle.Keep))
	case p.Cycle.Pushed[r.Consumer].IsZero():
		return reject(d, r.Consumer+" was not given the new key yet")
	}
	d.Verb, d.Key, d.Consumer, d.Reason = VerbAck, p.Cycle.Keep, r.Consumer, ReasonAcked
	return d
}

// decideAlarm stops a cycle because somebody signalled that a consumer fails.
// In a trial the old key comes back first.
func decideAlarm(s State, r Request, d Decision) Decision {
	p := s.Progress
	switch {
	case p.Cycle == nil:
		return reject(d, "no cycle is open: nothing was changed that could be undone")
	case r.Key != "" && r.Key != p.Cycle.Keep:
		return reject(d, fmt.Sprintf("%s is not the new key, which is %s", r.Key, p.Cycle.Keep))
	case p.Halt != nil:
		return reject(d, "the user is halted: "+string(p.Halt.Reason))
	}
	d.Reason, d.Detail = ReasonAlarm, "at the phase "+string(p.Phase)
	d.Verb = VerbHalt
	if p.Phase == PhaseDeactivating || p.Phase == PhaseTrial || p.Phase == PhaseDeleting {
		d.Verb, d.Key, d.Halts = VerbReactivate, p.Cycle.Retire, true
	}
	return d
}
