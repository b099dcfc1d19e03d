package rotator

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotProven wraps why a destructive act was not permitted.
var ErrNotProven = errors.New("not permitted")

// Proof is the permission to deactivate or delete one key of one user. Only
// Authorise makes one, from what was read live in the same step; the zero
// value permits nothing. A Keyring takes user and key from it and from
// nowhere else.
type Proof struct {
	user User
	key  KeyID
	verb Verb
	made time.Time
}

// proofLife is how long a proof may be acted on after its reads ended.
const proofLife = time.Minute

// User is whose key may be changed.
func (p Proof) User() User { return p.user }

// Key is the key that may be changed.
func (p Proof) Key() KeyID { return p.key }

// Permits reports whether the proof allows the verb at this time of the local
// clock: it is for that verb, names a user and a key, and is under a minute old.
func (p Proof) Permits(verb Verb, now time.Time) bool {
	return p.verb == verb && verb.Destructive() && p.user.Valid() && p.key != "" &&
		now.Sub(p.made) < proofLife && !now.Before(p.made)
}

// Authorise makes the Proof for a destructive decision, or says what is
// missing. It repeats every check on its own rather than trusting that Decide
// made them: the journal may only make us do less, permission comes from what
// AWS and the stores said in this very step.
func Authorise(s State, d Decision) (Proof, error) {
	if !d.Verb.Destructive() || s.Live == nil || s.Progress.Cycle == nil {
		return Proof{}, fmt.Errorf("%s: %w", d.Verb, ErrNotProven)
	}
	for _, check := range checks() {
		if d.Verb == VerbDeactivate && cutsFirst(s) && check.waivedByCutFirst {
			continue
		}
		if d.Verb == VerbDiscard && check.waivedByDiscard {
			continue
		}
		if !check.holds(s, d) && !planted(plantNoReread) && !planted(plantNoRecount) {
			return Proof{}, fmt.Errorf("%s %s: %s: %w", d.Verb, d.Key, check.name, ErrNotProven)
		}
	}
	return Proof{user: s.User, key: d.Key, verb: d.Verb, made: s.Live.Read}, nil
}

// cutsFirst reports an operator's recorded order to cut before creating.
func cutsFirst(s State) bool {
	c := s.Progress.Cycle
	return c.CutFirst && c.Keep == "" && c.Request != 0
}

// check is one condition of a proof. Cutting first and discarding have no
// successor in use to check, each for its own reason; identity is never waived.
type check struct {
	name             string
	waivedByCutFirst bool
	waivedByDiscard  bool
	holds            func(State, Decision) bool
}

// checks are the conditions in the order in which they are asked.
func checks() []check {
	return []check{
		{"the look was complete and dated by AWS", false, false, func(s State, _ Decision) bool {
			return s.Live.Trouble.None() && !s.Live.Date.IsZero() && s.Live.Needs.Keys
		}},
		{"the user is named", false, false, func(s State, _ Decision) bool { return s.User.Valid() }},
		{"the key is not the one this program signs with", false, false, func(s State, d Decision) bool {
			return d.Key != "" && d.Key != s.OwnKey
		}},
		{"the key is the recorded one", false, false, isRecorded},
		{"the key is listed with the expected status", false, false, hasStatus},
		{"no other key is there", true, true, func(s State, _ Decision) bool { return len(s.Live.Keys) == 2 }},
		{"the kept key is another, Active and newer", true, true, keepsAnother},
		{"the kept key has just signed in as this user", true, true, signsIn},
		{"every required consumer holds the kept key", true, true, everyoneHasIt},
		{"every required consumer has taken the kept key", true, true, func(s State, _ Decision) bool {
			c := s.Progress.Cycle
			return c.Purpose != PurposeRotation || c.served()
		}},
		{"the key is known unused for the quiet time", true, true, isQuiet},
		{"the grace has passed on AWS's clock", true, true, gracePassed},
		{"no store was ever to hold the key", true, false, func(s State, d Decision) bool {
			return d.Verb != VerbDiscard || undistributed(s)
		}},
	}
}

func isRecorded(s State, d Decision) bool {
	c := s.Progress.Cycle
	if d.Verb == VerbDiscard {
		return d.Key == c.Keep && d.Key != c.Retire
	}
	return d.Key == c.Retire && d.Key != c.Keep
}

func hasStatus(s State, d Decision) bool {
	key, listed := find(s.Live.Keys, d.Key)
	want := Active
	if d.Verb == VerbDelete {
		want = Inactive
	}
	return listed && key.Status == want
}

func keepsAnother(s State, d Decision) bool {
	c := s.Progress.Cycle
	keep, listed := find(s.Live.Keys, c.Keep)
	retire, _ := find(s.Live.Keys, d.Key)
	newer := !keep.Created.Before(retire.Created) || c.Purpose != PurposeRotation
	return listed && keep.ID != retire.ID && keep.Status == Active && newer
}

func signsIn(s State, _ Decision) bool {
	return s.Live.Needs.SignIn == s.Progress.Cycle.Keep && s.Live.SignTrouble.None() &&
		s.Live.Signed.UserID != "" && s.Live.Signed.UserID == s.Progress.UserID
}

func everyoneHasIt(s State, _ Decision) bool {
	c := s.Progress.Cycle
	for _, consumer := range c.Consumers {
		view, seen := s.Live.Stores[consumer.Name]
		switch {
		case !consumer.Required, consumer.Readable && planted(plantNoVerify):
		case consumer.Readable && (!seen || !view.Trouble.None() || view.Mismatch):
			return false
		case consumer.Readable && view.Held != c.Keep && !(view.Held == "" && c.Purpose != PurposeRotation):
			return false
		case !consumer.Readable && c.Purpose == PurposeRotation && !s.Live.Rewritten[consumer.Name] && !planted(plantNoRewrite):
			return false
		}
	}
	return true
}

func isQuiet(s State, d Decision) bool {
	c, use := s.Progress.Cycle, s.Live.Use
	if c.Emergency && c.Request != 0 || planted(plantNoQuiet) {
		return true
	}
	if s.Live.Needs.UseOf != d.Key || !use.Known {
		return false
	}
	if d.Verb == VerbDelete {
		return !use.At.After(c.UseAtCut)
	}
	return use.At.IsZero() || c.Purpose != PurposeOrphan && passed(s.Live.Date, use.At, c.quiet())
}

func gracePassed(s State, d Decision) bool {
	c := s.Progress.Cycle
	if d.Verb == VerbDelete {
		return passed(s.Live.Date, c.Inactive, c.trial())
	}
	if c.Emergency && c.Request != 0 {
		return !c.Verified.IsZero()
	}
	return passed(s.Live.Date, c.Verified, c.grace())
}
