package rotator

import "time"

func decideTrial(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if c.ProbeFailed != "" {
		return Decision{Verb: VerbReactivate, Key: c.Retire, Consumer: c.ProbeFailed, Reason: ReasonProbeFailed, Halts: true}
	}
	if c.Intent != nil && c.Intent.Verb == VerbReactivate { // begun and cut off: it may be Active already
		halts := c.Purpose != PurposeRotation || c.Intent.Reason == ReasonAlarm
		return Decision{Verb: VerbReactivate, Key: c.Retire, Reason: c.Intent.Reason, Halts: halts}
	}
	if consumer, ok := joined(c); ok && !s.Look {
		return decideServe(now, s, consumer)
	}
	recovering := s.Progress.Phase == PhaseDeleting
	at, over := ready(now, s.Progress.Since, c.trial())
	if !over && !s.Look && !recovering && s.Progress.Suspect.IsZero() {
		return probeOrWait(now, at, s)
	}
	if d, ok := look(s, c.retiring(), ReasonTrialPassed); ok {
		return d
	}
	retire, listed := find(s.Live.Keys, c.Retire)
	if !listed && keepIsFine(s) {
		gone := Decision{Verb: VerbClose, Key: c.Retire, Reason: ReasonTrialPassed}
		if !recovering {
			gone.Reason = ReasonByHand
		}
		return suspect(now, c.Policy.Settle, s, gone)
	}
	if d, ok := strange(now, s); ok {
		return d
	}
	if !listed { // gone, and the kept key could not be seen to work just now
		return signTrouble(now, s)
	}
	if retire.Status != Inactive && !planted(plantNoReread) {
		return suspect(now, c.Policy.Settle, s, halt(ReasonReactivated, string(c.Retire)))
	}
	if used := s.Live.Use; used.Known && used.At.After(c.UseAtCut) && !c.Emergency {
		return Decision{
			Verb: VerbReactivate, Key: c.Retire, Reason: ReasonUsedInTrial,
			Detail: useDetail(c.Retire, used), Halts: c.Purpose != PurposeRotation,
		}
	}
	if d, ok := mend(now, s); ok {
		return d
	}
	if !passed(s.Live.Date, c.Inactive, c.trial()) {
		return withdrawOr(s, waitUntil(untilPassed(now, s.Live.Date, c.Inactive, c.trial()), ReasonTrial, ""))
	}
	if !s.Live.Use.Known {
		return withdrawOr(s, retry(Trouble{ReasonUseUnknown, string(c.Retire)}))
	}
	if wave := c.wave(); len(wave) > 0 && c.Purpose == PurposeRotation { // one that joined, or was repaired
		return withdrawOr(s, decideServe(now, s, c.next(wave)))
	}
	return Decision{Verb: VerbDelete, Key: c.Retire, Reason: ReasonTrialPassed}
}

// probeOrWait spends the trial: a probe when one is due, else a wait until the
// next one or the trial's end.
func probeOrWait(now, end time.Time, s State) Decision {
	name, next, probing := nextProbe(s)
	switch {
	case probing && !now.Before(next):
		return Decision{Verb: VerbProbe, Key: s.Progress.Cycle.Keep, Consumer: name, Reason: ReasonTrial}
	case probing && next.Before(end):
		return waitUntil(next, ReasonTrial, "")
	default:
		return waitUntil(end, ReasonTrial, "")
	}
}

// joined finds a consumer that came into the cycle after the cut. What its store
// holds may be Inactive, so that it cannot wait for the end of the trial.
func joined(c *Cycle) (Pinned, bool) {
	wave := c.wave()
	if len(wave) == 0 || c.Purpose != PurposeRotation {
		return Pinned{}, false
	}
	consumer := c.next(wave)
	return consumer, c.needs(consumer) != needAck
}

// probesPerGrace is how often a consumer is probed while its old key is
// Inactive, or while it soaks.
const probesPerGrace = 16

// nextProbe tells which consumer is to be probed next in the trial, and when.
func nextProbe(s State) (name string, at time.Time, ok bool) {
	c := s.Progress.Cycle
	for _, consumer := range c.Consumers {
		if !consumer.Probed {
			continue
		}
		due := c.Probed[consumer.Name].Add(c.trial() / probesPerGrace)
		if due.Before(s.Progress.Since) {
			due = s.Progress.Since
		}
		if !ok || due.Before(at) {
			name, at, ok = consumer.Name, due, true
		}
	}
	return name, at, ok
}
