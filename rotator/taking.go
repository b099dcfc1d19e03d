package rotator

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Taking is how far a consumer has come in taking the kept key that its store
// holds. Instants are of AWS's clock unless a field says otherwise.
type Taking struct {
	// Round counts the reloads that were begun anew, because the store was
	// written again since.
	Round int `json:"round,omitempty"`
	// Reload is when the reload began, ReloadAt the same on the local clock.
	Reload   time.Time `json:"reload,omitzero"`
	ReloadAt time.Time `json:"reload_at,omitzero"`
	// Reloaded is when the reload was seen complete.
	Reloaded time.Time `json:"reloaded,omitzero"`
	// Passed counts the probes passed in a row.
	Passed int `json:"passed,omitempty"`
	// ProbedAt is when the latest of them was, on the local clock.
	ProbedAt time.Time `json:"probed_at,omitzero"`
	// Acked is when the consumer told that it has the key, on the local clock.
	Acked time.Time `json:"acked,omitzero"`
}

// token names one reload to a Reloader: the key and, after a repair, which try.
func (t Taking) token(key KeyID) string {
	if t.Round == 0 {
		return string(key)
	}
	return string(key) + "." + strconv.Itoa(t.Round)
}

// again is what is left when the store is written again: a consumer that
// acknowledged the key has it still, one that was reloaded may have read what
// was there meanwhile.
func (t Taking) again() Taking {
	if !t.Reload.IsZero() {
		t.Round++
	}
	return Taking{Round: t.Round, Acked: t.Acked}
}

// need is what a consumer wants next before it counts as served.
type need int

// The needs, in the order in which they are met.
const (
	needNothing need = iota
	needPush
	needReload
	needReloaded
	needProbe
	needAck
)

// needs tells what a consumer wants next.
func (c *Cycle) needs(consumer Pinned) need {
	t := c.Taking[consumer.Name]
	switch {
	case c.Pushed[consumer.Name].IsZero():
		return needPush
	case consumer.Reloaded && t.Reload.IsZero():
		return needReload
	case consumer.Reloaded && t.Reloaded.IsZero() && !planted(plantNoReloadWait):
		return needReloaded
	case consumer.Probed && c.Probed[consumer.Name].IsZero():
		return needProbe
	case consumer.Acked && t.Acked.IsZero():
		return needAck
	default:
		return needNothing
	}
}

// served reports whether every required consumer has taken the kept key.
func (c *Cycle) served() bool {
	return !slices.ContainsFunc(c.Consumers, func(p Pinned) bool { return p.Required && c.needs(p) != needNothing })
}

// wave is the first wave that is not served, and its consumers that are not;
// none when all are.
func (c *Cycle) wave() []Pinned {
	var wave []Pinned
	for _, consumer := range c.Consumers {
		switch {
		case !consumer.Required || c.needs(consumer) == needNothing:
		case len(wave) == 0 || consumer.Wave < wave[0].Wave:
			wave = []Pinned{consumer}
		case consumer.Wave == wave[0].Wave:
			wave = append(wave, consumer)
		}
	}
	return wave
}

// next picks the consumer of a wave to serve: the store of record first,
// because recovery reads it; then those that failed least, and last those that
// wait for somebody's acknowledgement.
func (c *Cycle) next(wave []Pinned) Pinned {
	rec := recordName(c)
	rank := func(p Pinned) [3]int {
		need := c.needs(p)
		late := 0
		switch {
		case need == needAck:
			late = 2
		case p.Name != rec || need != needPush || planted(plantRecordLast):
			late = 1
		}
		return [3]int{late, c.Missed[p.Name], int(need)}
	}
	return slices.MinFunc(wave, func(a, b Pinned) int {
		x, y := rank(a), rank(b)
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(x[2], y[2]))
	})
}

// soak tells how long the waves before a wave that was not begun have to rest,
// and since when, on AWS's clock; zero when they need not.
func (c *Cycle) soak(wave []Pinned) (since time.Time, rest time.Duration) {
	for _, consumer := range c.Consumers {
		switch {
		case !consumer.Required:
		case consumer.Wave < wave[0].Wave:
			rest = max(rest, consumer.Soak)
			for _, at := range []time.Time{c.Pushed[consumer.Name], c.Taking[consumer.Name].Reloaded} {
				if at.After(since) {
					since = at
				}
			}
		case consumer.Wave == wave[0].Wave && !c.Pushed[consumer.Name].IsZero():
			return time.Time{}, 0
		}
	}
	return since, rest
}

// take changes how far a consumer has come.
func (c *Cycle) take(consumer string, change func(*Taking)) {
	if c.Taking == nil {
		c.Taking = map[string]Taking{}
	}
	t := c.Taking[consumer]
	change(&t)
	c.Taking[consumer] = t
}
