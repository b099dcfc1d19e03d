package rotator

import (
	"fmt"
	"hash/fnv"
	"time"
)

// Policy says how a user's key is rotated. All graces are measured on AWS's
// clock.
type Policy struct {
	Name string `json:"name"`
	// MaxAge is the age by which the old key is gone.
	MaxAge time.Duration `json:"max_age"`
	// Overlap is how long both keys stay Active after every consumer has the new one.
	Overlap time.Duration `json:"overlap"`
	// Quiet is how long the old key must be known unused before it is cut.
	Quiet time.Duration `json:"quiet"`
	// Trial is how long the old key stays Inactive before it is deleted.
	Trial time.Duration `json:"trial"`
	// Settle is how long IAM's lists may lie.
	Settle time.Duration `json:"settle"`
	// Jitter spreads the starts of many users over this time, earlier only.
	Jitter time.Duration `json:"jitter"`
	// PushLimit is how long pushes and reloads may take; it is part of the lead.
	PushLimit time.Duration `json:"push_limit"`
	// LastUsedLag is how late IAM may show a use; it is part of the lead.
	LastUsedLag time.Duration `json:"last_used_lag"`
	// Adoption has the overlap last until somebody else than this program has
	// used the new key.
	Adoption bool `json:"adoption,omitempty"`
	// DriftReport only reports a store that has drifted while no cycle is open;
	// otherwise it is written again.
	DriftReport bool `json:"drift_report,omitempty"`
	// Verify is the quorum that proves a new key.
	Verify Quorum `json:"verify"`
	// WindowGap is the longest time between two openings of the maintenance
	// windows; zero without windows. It is part of the lead, for each of the
	// acts that wait for a window.
	WindowGap time.Duration `json:"window_gap"`
}

// Quorum is the proof asked of a new key, because one success is not enough:
// about one new key in ten fails again after it (rhyeal/aws-rotate-iam-keys#81).
type Quorum struct {
	// Successes in a row.
	Successes int `json:"successes"`
	// Over is the least time from the first success to the last.
	Over time.Duration `json:"over"`
	// Limit is how long a new key may take to be proven before a person is asked.
	Limit time.Duration `json:"limit"`
	// Regions whose sign-in endpoints must all agree; empty means the account's own.
	Regions []string `json:"regions,omitempty"`
}

// Spacing is the time between two sign-ins of the quorum.
func (q Quorum) Spacing() time.Duration {
	if q.Successes < 2 {
		return q.Over
	}
	return q.Over / time.Duration(q.Successes-1)
}

// windowedActs are create, cut and delete: each may have to wait for a window.
const windowedActs = 3

// Lead is how long before the maximum age a cycle must start so that, with its
// consumers in sync, the old key is gone in time.
func (p Policy) Lead(consumers []Pinned) time.Duration {
	return p.Settle + p.Verify.Over + p.PushLimit + serving(consumers) + max(p.Overlap, refreshes(consumers)) +
		p.Quiet + p.LastUsedLag + p.Trial + windowedActs*p.WindowGap
}

// serving is how long it may take, once every store could be written, until
// the last required consumer has taken the new key: wave after wave, the longest
// reload, the longest probing and the longest acknowledgement of each, and the
// soak before the next.
func serving(consumers []Pinned) time.Duration {
	type wave struct{ reload, probe, ack, soak time.Duration }
	waves, last := map[int]wave{}, 0
	for _, c := range consumers {
		if !c.Required {
			continue
		}
		w := waves[c.Wave]
		w.soak = max(w.soak, c.Soak)
		if c.Reloaded {
			w.reload = max(w.reload, c.ReloadLimit)
		}
		if c.Probed && c.Probes > 1 {
			w.probe = max(w.probe, time.Duration(c.Probes-1)*c.spacing())
		}
		if c.Acked {
			w.ack = max(w.ack, c.AckWithin)
		}
		if len(waves) == 0 || c.Wave > last {
			last = c.Wave
		}
		waves[c.Wave] = w
	}
	total := time.Duration(0)
	for number, w := range waves {
		total += w.reload + w.probe + w.ack
		if number != last {
			total += w.soak
		}
	}
	return total
}

// Start is when the rotation of a key made at created becomes due. The jitter
// is a hash of the user's name, so that it is the same after every restart,
// and it only ever starts a cycle earlier.
func (p Policy) Start(user User, created time.Time, consumers []Pinned) time.Time {
	earlier := time.Duration(0)
	if p.Jitter > 0 {
		earlier = time.Duration(hashOf(user, 0) % uint64(p.Jitter))
	}
	return created.Add(p.MaxAge - p.Lead(consumers) - earlier)
}

// Grace is how long both keys stay Active: the overlap, or longer when a
// consumer reads its store again less often.
func (p Policy) Grace(refreshes time.Duration) time.Duration { return max(p.Overlap, refreshes) }

// Calendar gates the acts that may wait: create, deactivate and delete.
type Calendar interface {
	// Open reports whether such an act may be done at t.
	Open(t time.Time) bool
	// NextOpen is the next time at which Open is true, false if there is none
	// within the calendar's horizon.
	NextOpen(t time.Time) (time.Time, bool)
	// Frozen reports whether t lies in a freeze, rather than outside a window.
	Frozen(t time.Time) bool
}

// hashOf spreads users, and the attempts of one user, evenly and repeatably.
func hashOf(user User, attempt int) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s#%d", user, attempt) // a hash never fails
	return h.Sum64()
}
