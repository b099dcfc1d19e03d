package rotator

import "time"

// reloadPoll is how often a reload under way is looked at, and probeEvery how
// far apart the probes of a consumer are that does not say.
const (
	reloadPoll = 10 * time.Second
	probeEvery = time.Minute
)

// decidePropagating brings the kept key to one consumer after the other: into
// its store, and then into use. Wave comes after wave.
func decidePropagating(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	rec, _ := record(c.Consumers)
	if rec.Staged && c.StagedAt.IsZero() && c.needs(rec) == needPush && !planted(plantNoStage) {
		return decidePush(now, s, VerbStage, rec.Name, ReasonBehind)
	}
	wave := c.wave()
	if len(wave) == 0 {
		if d, ok := look(s, Needs{}, ReasonVerified); ok {
			return d
		}
		return Decision{Verb: VerbVerify, Key: c.Keep, Reason: ReasonVerified}
	}
	if d, soaks := decideSoak(now, s, wave); soaks {
		return d
	}
	return decideServe(now, s, c.next(wave))
}

// decideSoak lets the waves before rest, and probes them meanwhile, before the
// next one is begun.
func decideSoak(now time.Time, s State, wave []Pinned) (Decision, bool) {
	c := s.Progress.Cycle
	since, rest := c.soak(wave)
	if rest == 0 || c.Emergency {
		return Decision{}, false
	}
	var next time.Time
	for _, consumer := range c.Consumers {
		if !consumer.Probed || !consumer.Required || consumer.Wave >= wave[0].Wave {
			continue
		}
		at := c.Taking[consumer.Name].ProbedAt.Add(max(consumer.spacing(), rest/probesPerGrace))
		if !now.Before(at) {
			return Decision{Verb: VerbProbe, Key: c.Keep, Consumer: consumer.Name, Reason: ReasonSoaking}, true
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if at, ok := ready(now, since, rest); !ok && !s.Look { // a first guess: it is of AWS's clock
		return waitUntil(earlier(at, next), ReasonSoaking, ""), true
	}
	if d, ok := look(s, Needs{}, ReasonSoaking); ok {
		return d, true
	}
	if passed(s.Live.Date, since, rest) {
		return Decision{}, false
	}
	return waitUntil(earlier(untilPassed(now, s.Live.Date, since, rest), next), ReasonSoaking, ""), true
}

// earlier is the earlier of two instants, of which the second may be zero.
func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// spacing is the time between two probes.
func (p Pinned) spacing() time.Duration {
	if p.ProbeEvery <= 0 {
		return probeEvery
	}
	return p.ProbeEvery
}

// decideServe gives one consumer what it wants next.
func decideServe(now time.Time, s State, consumer Pinned) Decision {
	c := s.Progress.Cycle
	switch t := c.Taking[consumer.Name]; c.needs(consumer) {
	case needPush:
		return decidePush(now, s, VerbPush, consumer.Name, ReasonBehind)
	case needReload:
		if d, ok := look(s, Needs{}, ReasonUnreloaded); ok {
			return d
		}
		return Decision{Verb: VerbReload, Key: c.Keep, Consumer: consumer.Name, Reason: ReasonUnreloaded}
	case needReloaded:
		return decideReloaded(now, s, consumer)
	case needProbe:
		if next := t.ProbedAt.Add(consumer.spacing()); t.Passed > 0 && now.Before(next) {
			return waitUntil(next, ReasonUnprobed, consumer.Name)
		}
		return Decision{Verb: VerbProbe, Key: c.Keep, Consumer: consumer.Name, Reason: ReasonUnprobed}
	default:
		return awaitAck(now, c, consumer)
	}
}

// decideReloaded waits for a reload to be complete. One that is not within its
// limit stops the cycle: both keys work, and a person has to look.
func decideReloaded(now time.Time, s State, consumer Pinned) Decision {
	c := s.Progress.Cycle
	t := c.Taking[consumer.Name]
	if !s.saw(Needs{Reload: consumer.Name}) {
		return Decision{Verb: VerbObserve, Needs: Needs{Reload: consumer.Name}, Reason: ReasonReloading}
	}
	view := s.Live.Reload
	_, late := ready(now, t.ReloadAt, consumer.ReloadLimit)
	if view.Done || late {
		if d, ok := look(s, Needs{Reload: consumer.Name}, ReasonReloading); ok {
			return d
		}
	}
	switch {
	case view.Done && view.Trouble.None():
		return Decision{Verb: VerbReloaded, Key: c.Keep, Consumer: consumer.Name, Reason: ReasonUnreloaded}
	case !view.Trouble.None(): // unknown is not stuck
		return retry(Trouble{view.Trouble.Reason, consumer.Name + ": " + view.Trouble.Detail})
	case late && passed(s.Live.Date, t.Reload, consumer.ReloadLimit):
		return halt(ReasonReloadStuck, consumer.Name+": "+view.Detail)
	default:
		return waitUntil(now.Add(reloadPoll), ReasonReloading, consumer.Name+": "+view.Detail)
	}
}

// awaitAck waits until the consumer tells that it has the key. When it is
// overdue it waits on, and people are told so.
func awaitAck(now time.Time, c *Cycle, consumer Pinned) Decision {
	if due := c.ackDue(consumer); now.Before(due) {
		return waitUntil(due, ReasonAwaitingAck, consumer.Name)
	}
	return waitUntil(time.Time{}, ReasonAckOverdue, consumer.Name)
}

// ackDue is when an acknowledgement becomes overdue.
func (c *Cycle) ackDue(consumer Pinned) time.Time {
	since := c.Pushed[consumer.Name]
	if at := c.Taking[consumer.Name].Reloaded; at.After(since) {
		since = at
	}
	return since.Add(consumer.AckWithin)
}
