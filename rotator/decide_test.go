package rotator_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
)

func asText(t interface{ Fatal(...any) }, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDecideIsPureAndTotal asks over states of every kind, sound or not.
func TestDecideIsPureAndTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := states().Draw(t, "state")
		now := instants().Draw(t, "now")
		before := asText(t, s)
		d := rotator.Decide(now, searchPolicy(), s)
		if d.Verb == "" || d.Reason == "" {
			t.Errorf("decided %+v: verb and reason must be set", d)
		}
		if after := asText(t, s); after != before {
			t.Errorf("the state was changed from\n%s\nto\n%s", before, after)
		}
		if again := rotator.Decide(now, searchPolicy(), s); !reflect.DeepEqual(d, again) {
			t.Errorf("decided %+v, and then %+v", d, again)
		}
		if d.Verb == rotator.VerbObserve && s.Live != nil && s.Live.Needs.Covers(d.Needs) {
			t.Errorf("wants to look at %+v again", d.Needs)
		}
		if d.Verb == rotator.VerbObserve && d.Needs.Keys && s.Live != nil {
			if seen := s.Live.Needs; !d.Needs.Covers(rotator.Needs{Identity: seen.Identity, Stores: seen.Stores, History: seen.History, Check: seen.Check}) {
				t.Errorf("having looked at %+v, it wants to look at %+v alone: the look after that would ask for the first again", seen, d.Needs)
			}
		}
		if d.Verb == rotator.VerbHalt && s.Progress.Phase.Known() {
			if _, advised := rotator.Advise(d.Reason, s.User); !advised && d.Reason != s.Live.SignTrouble.Reason {
				t.Errorf("halts for %s without advice", d.Reason)
			}
		}
	})
}

// TestADestructiveDecisionIsAuthorisedOnlyOnItsConditions compares Authorise
// with an account of its conditions that shares no code with it.
func TestADestructiveDecisionIsAuthorisedOnlyOnItsConditions(t *testing.T) {
	granted := 0
	rapid.Check(t, func(t *rapid.T) {
		s, d := soundStates().Draw(t, "state"), rotator.Decision{}
		d.Verb = rapid.SampledFrom([]rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard, rotator.VerbCreate}).Draw(t, "verb")
		d.Key = keyIDs().Draw(t, "key")
		if _, err := rotator.Authorise(s, d); err == nil {
			granted++
			if missing := mayDestroy(s, d); missing != "" {
				t.Errorf("%s of %s is permitted although %s\n%s", d.Verb, d.Key, missing, asText(t, s))
			}
		}
	})
	t.Logf("%d permissions granted", granted)
}

// mayDestroy tells what forbids a destructive act, the empty string for nothing.
func mayDestroy(s rotator.State, d rotator.Decision) string {
	c, live := s.Progress.Cycle, s.Live
	if c == nil || live == nil || live.Trouble.Reason != "" || live.Date.IsZero() {
		return "nothing sound was seen"
	}
	keys := map[rotator.KeyID]rotator.Key{}
	for _, k := range live.Keys {
		keys[k.ID] = k
	}
	want := map[rotator.Verb]rotator.Status{
		rotator.VerbDeactivate: rotator.Active, rotator.VerbDelete: rotator.Inactive, rotator.VerbDiscard: rotator.Active,
	}[d.Verb]
	switch {
	case want == "":
		return "the verb destroys nothing"
	case d.Key == "" || d.Key == s.OwnKey:
		return "the key is none or our own"
	case keys[d.Key].Status != want:
		return "the key has another status"
	case d.Verb == rotator.VerbDiscard && (d.Key != c.Keep || c.Touched || keys[c.Retire].Status != rotator.Active):
		return "a store may hold the key"
	case d.Verb == rotator.VerbDiscard:
		return ""
	case d.Key != c.Retire || d.Key == c.Keep:
		return "the key is not the recorded one"
	case d.Verb == rotator.VerbDeactivate && c.CutFirst && c.Keep == "" && c.Request != 0:
		return ""
	case len(live.Keys) != 2 || keys[c.Keep].Status != rotator.Active:
		return "the kept key is not there, or another is"
	case live.Needs.SignIn != c.Keep || live.SignTrouble.Reason != "" || live.Signed.UserID != s.Progress.UserID:
		return "the kept key did not sign in"
	}
	if missing := lacks(s); missing != "" {
		return missing
	}
	return tooEarly(s, d)
}

func lacks(s rotator.State) string {
	c := s.Progress.Cycle
	for _, consumer := range c.Consumers {
		view := s.Live.Stores[consumer.Name]
		empty := view.Held == "" && c.Purpose != rotator.PurposeRotation
		if consumer.Required && consumer.Readable && (view.Trouble.Reason != "" || view.Mismatch || view.Held != c.Keep && !empty) {
			return consumer.Name + " lacks the kept key"
		}
		if consumer.Required && !consumer.Readable && c.Purpose == rotator.PurposeRotation && !s.Live.Rewritten[consumer.Name] {
			return consumer.Name + " was not written again"
		}
	}
	return ""
}

func tooEarly(s rotator.State, d rotator.Decision) string {
	c, live := s.Progress.Cycle, s.Live
	waived := c.Emergency && c.Request != 0
	since, grace := c.Verified, max(c.Policy.Overlap, 0)
	for _, consumer := range c.Consumers {
		grace = max(grace, consumer.Refreshes)
	}
	if c.Purpose == rotator.PurposeOrphan {
		grace = c.Policy.Quiet
	}
	if c.Emergency {
		grace = 0
	}
	if d.Verb == rotator.VerbDelete {
		since, grace = c.Inactive, c.Policy.Trial
	}
	if since.IsZero() || (d.Verb == rotator.VerbDelete || !waived) && live.Date.Sub(since) <= grace {
		return "the grace has not passed"
	}
	if waived {
		return ""
	}
	if live.Needs.UseOf != d.Key || !live.Use.Known {
		return "the last use is unknown"
	}
	if c.Purpose == rotator.PurposeOrphan && d.Verb == rotator.VerbDeactivate && !live.Use.At.IsZero() {
		return "the orphan was used"
	}
	quiet := c.Policy.Quiet
	if c.Emergency {
		quiet = 0
	}
	if d.Verb == rotator.VerbDelete && live.Use.At.After(c.UseAtCut) ||
		d.Verb == rotator.VerbDeactivate && !live.Use.At.IsZero() && live.Date.Sub(live.Use.At) <= quiet {
		return "the key is in use"
	}
	return ""
}

// TestEveryDecisionToDestroyWouldBeAuthorised: what Decide wants to cut or to
// delete, it wants on grounds that hold, but for the rewrite that comes between.
func TestEveryDecisionToDestroyWouldBeAuthorised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := states().Draw(t, "state")
		d := rotator.Decide(genesis.Add(300*time.Hour), searchPolicy(), s)
		if !d.Verb.Destructive() {
			return
		}
		for _, c := range s.Progress.Cycle.Consumers {
			s.Live.Rewritten[c.Name] = true
		}
		if _, err := rotator.Authorise(s, d); err != nil && len(s.Live.Keys) == 2 {
			t.Logf("refused: %v", err)
		} else if err == nil && mayDestroy(s, d) != "" {
			t.Errorf("%s is permitted although %s", d.Verb, mayDestroy(s, d))
		}
	})
}
