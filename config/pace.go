package config

import "time"

// Pace is how long a user's consumers may take.
type Pace struct {
	// Refreshes is the longest time any of them takes to read its store again.
	Refreshes time.Duration
	// Serving is how long it may take, once every store could be written, until
	// the last required one has taken the new key.
	Serving time.Duration
}

// slower is the slower of two paces, part by part.
func (p Pace) slower(o Pace) Pace {
	return Pace{max(p.Refreshes, o.Refreshes), max(p.Serving, o.Serving)}
}

// wave is how long the consumers of one wave may take, each part at the longest.
type wave struct{ reload, probe, ack, soak time.Duration }

// Pace returns how long the user's consumers may take: wave after wave, the
// longest reload, probing and acknowledgement, and the soak before the next.
func (u User) Pace() Pace {
	var pace Pace
	waves, last := map[int]wave{}, -1
	for _, c := range u.Consumers {
		pace.Refreshes = max(pace.Refreshes, c.Refreshes)
		if !c.Required {
			continue
		}
		w := waves[c.Order()]
		w.soak = max(w.soak, c.Soak)
		if c.Reload != nil {
			w.reload = max(w.reload, c.Reload.Limit)
		}
		if c.Probe != nil {
			w.probe = max(w.probe, time.Duration(c.Probe.Successes-1)*c.Probe.Every)
		}
		if c.Ack != nil {
			w.ack = max(w.ack, c.Ack.Within)
		}
		waves[c.Order()], last = w, max(last, c.Order())
	}
	for order, w := range waves {
		pace.Serving += w.reload + w.probe + w.ack
		if order != last {
			pace.Serving += w.soak
		}
	}
	return pace
}
