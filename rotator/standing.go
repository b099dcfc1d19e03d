package rotator

import (
	"slices"
	"time"
)

// Standing is how a consumer stands towards the key that it should have.
type Standing string

// The standings.
const (
	StandingInSync     Standing = "in-sync"
	StandingWaiting    Standing = "waiting"      // it has the old key, and its turn has not come
	StandingBehind     Standing = "behind"       // its store was not given the key yet, or failed to take it
	StandingReloading  Standing = "reloading"    // its store has the key, it was not seen to have taken it
	StandingUnprobed   Standing = "unprobed"     // it has not passed its probe
	StandingUnacked    Standing = "awaiting-ack" // it has not told that it has the key
	StandingDrifted    Standing = "drifted"      // its store was found to hold something else
	StandingUnrestored Standing = "unrestored"   // on a way back: it has the new key still
)

// InSync reports whether the consumer has the key that it is meant to have now.
func (s Standing) InSync() bool { return s == StandingInSync || s == StandingWaiting }

// Standing tells how a consumer stands, by its name, as far as the journal
// knows.
func (p Progress) Standing(consumer string) Standing {
	c := p.Cycle
	switch {
	case c == nil && p.Drifted == consumer:
		return StandingDrifted
	case c == nil && p.Current == "":
		return StandingBehind
	case c == nil:
		return StandingInSync
	case p.Phase == PhaseCreating || p.Phase == PhaseProving:
		if c.Purpose == PurposeBootstrap || !c.Inactive.IsZero() { // there is no old key that works
			return StandingBehind
		}
		return StandingWaiting
	case p.Phase == PhaseRollingBack || p.Phase == PhaseRolledBack:
		if slices.Contains(c.Restored, consumer) || !c.Touched { // no store was given the new key
			return StandingInSync
		}
		return StandingUnrestored
	case c.Purpose == PurposeRotation || c.Purpose == PurposeBootstrap:
		return c.standing(consumer)
	case c.Missed[consumer] > 0:
		return StandingBehind
	default: // the kept key is the one in use
		return StandingInSync
	}
}

// standing is how a consumer stands towards the new key of a rotation.
func (c *Cycle) standing(consumer string) Standing {
	pinned, known := c.consumer(consumer)
	if !known {
		return StandingBehind
	}
	wave := c.wave()
	switch c.needs(pinned) {
	case needPush:
		if len(wave) > 0 && pinned.Required && pinned.Wave > wave[0].Wave {
			return StandingWaiting
		}
		return StandingBehind
	case needReload, needReloaded:
		return StandingReloading
	case needProbe:
		return StandingUnprobed
	case needAck:
		return StandingUnacked
	default:
		return StandingInSync
	}
}

// AckDue is when a consumer's acknowledgement, which is waited for now, becomes
// overdue; false when none is waited for.
func (p Progress) AckDue(consumer string) (time.Time, bool) {
	if p.Standing(consumer) != StandingUnacked {
		return time.Time{}, false
	}
	pinned, _ := p.Cycle.consumer(consumer)
	return p.Cycle.ackDue(pinned), true
}
