package rotator

import (
	"slices"
	"strings"
	"time"
)

// decideRollingBack takes the old key back into use: active first, then into
// every store that may hold the new one. The new key stays Active until a
// person decides, because some store may keep it.
func decideRollingBack(now time.Time, s State) Decision {
	c := s.Progress.Cycle
	if d, ok := look(s, Needs{Stores: true, SignIn: c.Retire}, ReasonRollback); ok {
		return d
	}
	old, listed := find(s.Live.Keys, c.Retire)
	if !listed {
		return suspect(now, c.Policy.Settle, s, halt(ReasonOldKeyGone, string(c.Retire)))
	}
	if old.Status != Active {
		return Decision{Verb: VerbReactivate, Key: c.Retire, Reason: ReasonRollback, Request: c.Request}
	}
	for _, consumer := range c.Consumers {
		if slices.Contains(c.Restored, consumer.Name) || slices.Contains(c.Unrestored, consumer.Name) {
			continue
		}
		if d, ok := decideRestore(s, consumer); ok {
			return d
		}
	}
	if len(c.Unrestored) > 0 {
		return halt(ReasonRolledBack, "these keep the new key, their old secret is not to be had: "+strings.Join(c.Unrestored, ", "))
	}
	return halt(ReasonRolledBack, "")
}

// decideRestore gives one store its old key back, if its secret can be had.
func decideRestore(s State, consumer Pinned) (Decision, bool) {
	c := s.Progress.Cycle
	view := s.Live.Stores[consumer.Name]
	untouched := c.Pushed[consumer.Name].IsZero() && !c.Touched
	if untouched || consumer.Readable && view.Held == c.Retire {
		return Decision{}, false
	}
	if !view.Trouble.None() && consumer.Required {
		return retry(Trouble{view.Trouble.Reason, consumer.Name + ": " + view.Trouble.Detail}), true
	}
	restore := Decision{Verb: VerbRestore, Key: c.Retire, Consumer: consumer.Name, Reason: ReasonRollback, Request: c.Request}
	switch {
	case s.Live.SignTrouble.Reason == ReasonSecretLost, c.Missed[consumer.Name] > 0 && !consumer.Required:
		restore.Detail = "the old secret is not to be had"
		restore.Unable = true
		return restore, true
	case !s.Live.SignTrouble.None():
		return retry(s.Live.SignTrouble), true
	default:
		return restore, true
	}
}
