package rotator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
)

// sound is a state in which the verb may be done, and its decision.
func sound(verb rotator.Verb) (rotator.State, rotator.Decision) {
	hours := func(n int) time.Time { return genesis.Add(time.Duration(n) * time.Hour) }
	record := rotator.Pinned{Name: "fake:record", Required: true, Record: true, Readable: true, Refreshes: time.Minute}
	blind := rotator.Pinned{Name: "fake:blind", Required: true, Refreshes: time.Hour}
	s := rotator.State{
		User: rotator.User{Account: "acct", Name: "robot"}, Configured: true, Consumers: []rotator.Pinned{record, blind},
		Progress: rotator.Progress{
			Schema: 1, UserID: "AIDA1", Current: oldKey, Phase: rotator.PhaseOverlap, Since: hours(0),
			Cycle: &rotator.Cycle{
				Number: 1, Verified: hours(0), Touched: true,
				Opening: rotator.Opening{
					Purpose: rotator.PurposeRotation, Policy: searchPolicy(), Consumers: []rotator.Pinned{record, blind},
					Retire: oldKey, Keep: newKey,
				},
				Pushed: map[string]time.Time{record.Name: hours(0), blind.Name: hours(0)},
			},
		},
		Custody: map[rotator.KeyID]bool{newKey: true},
		Live: &rotator.Live{
			Needs: rotator.Needs{Keys: true, Stores: true, UseOf: oldKey, SignIn: newKey},
			Read:  hours(24), Date: hours(24), Signed: rotator.Identity{UserID: "AIDA1"},
			Keys: []rotator.Key{
				{ID: oldKey, Status: rotator.Active, Created: hours(-1000)}, {ID: newKey, Status: rotator.Active, Created: hours(-1)},
			},
			Use:       rotator.LastUse{Known: true, At: hours(1)},
			Stores:    map[string]rotator.StoreView{record.Name: {Held: newKey, Owner: "acct/robot"}, blind.Name: {}},
			Rewritten: map[string]bool{blind.Name: true},
		},
	}
	c := s.Progress.Cycle
	key := oldKey
	switch verb {
	case rotator.VerbDelete:
		s.Progress.Phase, c.Inactive, c.UseAtCut = rotator.PhaseTrial, hours(10), hours(1)
		s.Live.Keys[0].Status = rotator.Inactive
	case rotator.VerbDiscard:
		s.Progress.Phase, c.Pushed, c.Touched, key = rotator.PhasePropagating, nil, false, newKey
		s.Live.Stores[record.Name] = rotator.StoreView{Held: oldKey, Owner: "acct/robot"}
		s.Live.Keys = append(s.Live.Keys, rotator.Key{ID: thirdKey, Status: rotator.Active})
	default:
	}
	return s, rotator.Decision{Verb: verb, Key: key, Reason: rotator.ReasonVerified}
}

// soundStates are states near one in which something may be destroyed: a few
// of their parts are of another.
func soundStates() *rapid.Generator[rotator.State] {
	return rapid.Custom(func(t *rapid.T) rotator.State {
		s, _ := sound(rapid.SampledFrom([]rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard}).Draw(t, "near"))
		c, live, other := s.Progress.Cycle, s.Live, states().Draw(t, "other")
		changes := []func(){
			func() { s.OwnKey = other.OwnKey }, func() { s.Progress.UserID = "AIDA2" }, func() { s.User = rotator.User{} },
		}
		if from := other.Progress.Cycle; from != nil {
			changes = append(changes,
				func() { c.Retire = from.Retire }, func() { c.Keep = from.Keep }, func() { c.Purpose = from.Purpose },
				func() { c.Verified = from.Verified }, func() { c.Inactive = from.Inactive }, func() { c.UseAtCut = from.UseAtCut },
				func() { c.Emergency = from.Emergency }, func() { c.Request = from.Request }, func() { c.Touched = from.Touched },
				func() { c.CutFirst, c.Keep, c.Request = true, "", from.Request }, func() { c.Consumers = from.Consumers },
			)
		}
		if from := other.Live; from != nil {
			changes = append(changes,
				func() { live.Date = from.Date }, func() { live.Keys = from.Keys }, func() { live.Use = from.Use },
				func() { live.Stores = from.Stores }, func() { live.Rewritten = from.Rewritten }, func() { live.Trouble = from.Trouble },
				func() { live.Signed = from.Signed }, func() { live.SignTrouble = from.SignTrouble }, func() { live.Needs = from.Needs },
			)
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			rapid.SampledFrom(changes).Draw(t, "change")()
		}
		return s
	})
}

func TestASoundStatePermitsItsVerbOnly(t *testing.T) {
	all := []rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard, rotator.VerbCreate, ""}
	for _, verb := range all[:3] {
		s, d := sound(verb)
		proof, err := rotator.Authorise(s, d)
		if err != nil {
			t.Errorf("%s: %v", verb, err)
			continue
		}
		if proof.User() != s.User || proof.Key() != d.Key {
			t.Errorf("%s: the proof names %s and %s", verb, proof.User(), proof.Key())
		}
		for _, other := range all {
			if proof.Permits(other, s.Live.Read) != (other == verb) {
				t.Errorf("a proof for %s permits %q: %v", verb, other, other != verb)
			}
		}
		for at, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false, -time.Second: false} {
			if proof.Permits(verb, s.Live.Read.Add(at)) != want {
				t.Errorf("%s: %s after its reads the proof permits: %v, want %v", verb, at, !want, want)
			}
		}
	}
}

func TestTheZeroProofPermitsNothing(t *testing.T) {
	for _, verb := range []rotator.Verb{"", rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard} {
		if (rotator.Proof{}).Permits(verb, time.Time{}) || (rotator.Proof{}).Permits(verb, genesis) {
			t.Errorf("the zero proof permits %q", verb)
		}
	}
}

// breakages breaks one condition each; refusal is the name of the check that
// must notice.
var breakages = []struct {
	name    string
	refusal string
	verbs   string // to which the condition applies
	make    func(*rotator.State, *rotator.Decision)
}{
	{"the look failed", "the look was complete", "deactivate delete discard", func(s *rotator.State, _ *rotator.Decision) { s.Live.Trouble.Reason = rotator.ReasonThrottled }},
	{"AWS told no date", "the look was complete", "deactivate delete discard", func(s *rotator.State, _ *rotator.Decision) { s.Live.Date = time.Time{} }},
	{"the keys were not listed", "the look was complete", "deactivate delete discard", func(s *rotator.State, _ *rotator.Decision) { s.Live.Needs.Keys = false }},
	{"the user has no name", "the user is named", "deactivate delete discard", func(s *rotator.State, _ *rotator.Decision) { s.User.Name = "" }},
	{"it is our own key", "the key is not the one this program signs with", "deactivate delete discard", func(s *rotator.State, d *rotator.Decision) { s.OwnKey = d.Key }},
	{"no key is named", "the key is not the one this program signs with", "deactivate delete discard", func(_ *rotator.State, d *rotator.Decision) { d.Key = "" }},
	{"the key is another", "the key is the recorded one", "deactivate delete discard", func(_ *rotator.State, d *rotator.Decision) { d.Key = thirdKey }},
	{"the key is the kept one", "the key is the recorded one", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Progress.Cycle.Keep = oldKey }},
	{"the key is not listed", "listed with the expected status", "deactivate delete discard", func(s *rotator.State, d *rotator.Decision) {
		s.Live.Keys = slices.DeleteFunc(s.Live.Keys, func(k rotator.Key) bool { return k.ID == d.Key })
	}},
	{"the key has the other status", "listed with the expected status", "deactivate delete discard", func(s *rotator.State, d *rotator.Decision) {
		for i, k := range s.Live.Keys {
			if k.ID == d.Key && k.Status == rotator.Active {
				s.Live.Keys[i].Status = rotator.Inactive
			} else if k.ID == d.Key {
				s.Live.Keys[i].Status = rotator.Active
			}
		}
	}},
	{"a third key is there", "no other key", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Keys = append(s.Live.Keys, rotator.Key{ID: thirdKey})
	}},
	{"the kept key is Inactive", "the kept key is another", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Keys[1].Status = rotator.Inactive }},
	{"the kept key is older", "the kept key is another", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Keys[1].Created = genesis.Add(-2000 * time.Hour) }},
	{"the kept key is not listed", "the kept key is another", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Keys[1].ID = thirdKey }},
	{"the kept key did not sign in", "has just signed in", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.SignTrouble.Reason = rotator.ReasonNotSignedIn }},
	{"another key signed in", "has just signed in", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Needs.SignIn = oldKey }},
	{"it signed in as another user", "has just signed in", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Signed.UserID = "AIDA2" }},
	{"nobody is known to have signed in", "has just signed in", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Signed.UserID, s.Progress.UserID = "", ""
	}},
	{"a store holds the old key", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Held: oldKey}
	}},
	{"a store holds another secret", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Held: newKey, Mismatch: true}
	}},
	{"a store is empty", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Stores["fake:record"] = rotator.StoreView{} }},
	{"a store was not read", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { delete(s.Live.Stores, "fake:record") }},
	{"a store could not be read", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Held: newKey, Trouble: rotator.Trouble{Reason: rotator.ReasonDenied}}
	}},
	{"a write-only store was not written again", "every required consumer", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Rewritten = nil }},
	{"the last use is unknown", "known unused", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Use = rotator.LastUse{} }},
	{"the last use is another key's", "known unused", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Needs.UseOf = newKey }},
	{"the key is in use", "known unused", "deactivate delete", func(s *rotator.State, _ *rotator.Decision) { s.Live.Use.At = s.Live.Date.Add(-3 * time.Hour) }},
	{"the overlap is a second short", "the grace has passed", "deactivate", func(s *rotator.State, _ *rotator.Decision) {
		s.Progress.Cycle.Verified = s.Live.Date.Add(-4 * time.Hour)
	}},
	{"a consumer reads its store again later", "the grace has passed", "deactivate", func(s *rotator.State, _ *rotator.Decision) {
		s.Progress.Cycle.Consumers[1].Refreshes = 24 * time.Hour
	}},
	{"nothing was verified", "the grace has passed", "deactivate", func(s *rotator.State, _ *rotator.Decision) { s.Progress.Cycle.Verified = time.Time{} }},
	{"the trial is a second short", "the grace has passed", "delete", func(s *rotator.State, _ *rotator.Decision) {
		s.Progress.Cycle.Inactive = s.Live.Date.Add(-5 * time.Hour)
	}},
	{"the key was never seen Inactive", "the grace has passed", "delete", func(s *rotator.State, _ *rotator.Decision) { s.Progress.Cycle.Inactive = time.Time{} }},
	{"a store may hold the key", "no store was ever", "discard", func(s *rotator.State, _ *rotator.Decision) { s.Progress.Cycle.Touched = true }},
	{"the record holds the key", "no store was ever", "discard", func(s *rotator.State, _ *rotator.Decision) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Held: newKey}
	}},
	{"the old key is Inactive", "no store was ever", "discard", func(s *rotator.State, _ *rotator.Decision) { s.Live.Keys[0].Status = rotator.Inactive }},
}

func TestEachBrokenConditionIsRefusedByItsName(t *testing.T) {
	for _, b := range breakages {
		for verb := range strings.FieldsSeq(b.verbs) {
			t.Run(b.name+", "+verb, func(t *testing.T) {
				s, d := sound(rotator.Verb(verb))
				b.make(&s, &d)
				proof, err := rotator.Authorise(s, d)
				if !errors.Is(err, rotator.ErrNotProven) || !strings.Contains(err.Error(), b.refusal) {
					t.Errorf("refused with %v, want %q", err, b.refusal)
				}
				if proof != (rotator.Proof{}) {
					t.Error("a refusal came with a proof")
				}
			})
		}
	}
}

func TestNothingIsPermittedWithoutALookOrACycle(t *testing.T) {
	for _, verb := range []rotator.Verb{rotator.VerbDeactivate, rotator.VerbDelete, rotator.VerbDiscard} {
		blind, d := sound(verb)
		blind.Live = nil
		if _, err := rotator.Authorise(blind, d); !errors.Is(err, rotator.ErrNotProven) {
			t.Errorf("%s without a look: %v", verb, err)
		}
		idle, d := sound(verb)
		idle.Progress.Cycle = nil
		if _, err := rotator.Authorise(idle, d); !errors.Is(err, rotator.ErrNotProven) {
			t.Errorf("%s outside a cycle: %v", verb, err)
		}
		s, d := sound(verb)
		d.Verb = rotator.VerbReactivate
		if _, err := rotator.Authorise(s, d); !errors.Is(err, rotator.ErrNotProven) {
			t.Errorf("a proof for a verb that destroys nothing: %v", err)
		}
	}
}

// An emergency waives the graces of the cut, and only with a request on record.
func TestOnlyARecordedRequestWaivesAGrace(t *testing.T) {
	hasty := func(request int64) error {
		s, d := sound(rotator.VerbDeactivate)
		c := s.Progress.Cycle
		c.Emergency, c.Request = true, request
		c.Verified, s.Live.Use = s.Live.Date, rotator.LastUse{}
		_, err := rotator.Authorise(s, d)
		return err
	}
	if err := hasty(7); err != nil {
		t.Errorf("with a request: %v", err)
	}
	if err := hasty(0); !errors.Is(err, rotator.ErrNotProven) {
		t.Errorf("without a request: %v", err)
	}
	identity := []string{"the user has no name", "it is our own key", "the key is another", "the key is not listed", "the kept key did not sign in", "a store holds the old key"}
	for _, b := range breakages {
		if !slices.Contains(identity, b.name) {
			continue
		}
		s, d := sound(rotator.VerbDeactivate)
		s.Progress.Cycle.Emergency, s.Progress.Cycle.Request = true, 7
		b.make(&s, &d)
		if _, err := rotator.Authorise(s, d); !errors.Is(err, rotator.ErrNotProven) {
			t.Errorf("an emergency waives that %s", b.name)
		}
	}
	s, d := sound(rotator.VerbDelete)
	s.Progress.Cycle.Emergency, s.Progress.Cycle.Request = true, 7
	s.Progress.Cycle.Inactive = s.Live.Date.Add(-5 * time.Hour)
	if _, err := rotator.Authorise(s, d); !errors.Is(err, rotator.ErrNotProven) {
		t.Error("an emergency waives the trial")
	}
}
