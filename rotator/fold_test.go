package rotator_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// TestTheJournalIsTheFoldOfItsHistory compares the two after every step of
// many runs, each with other faults, people and requests.
func TestTheJournalIsTheFoldOfItsHistory(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		kind := []string{"readable", "both", "blind"}[random.IntN(3)]
		w := rotatortest.New(searchPolicy(), places(kind)...)
		for range 60 {
			if random.IntN(12) == 0 {
				disturb(w, random)
			}
			if w.Plan(0, 0); random.IntN(4) == 0 {
				w.Plan(1+random.IntN(12), rotatortest.Fault(1+random.IntN(5)))
			}
			if !w.Idle() && random.IntN(2) == 0 {
				w.Asks(rotator.Request{Verb: rotator.RequestResume})
			}
			if random.IntN(3) == 0 {
				w.Look()
			} else {
				w.Step()
			}
			folded, err := rotator.Fold(w.Entries())
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, w.Story())
			}
			if have, want := asText(t, w.Progress()), asText(t, folded); have != want {
				t.Fatalf("seed %d: the journal holds\n%s\nits history folds to\n%s\n%s", seed, have, want, w.Story())
			}
		}
	}
}

func disturb(w *rotatortest.World, random *rand.Rand) {
	verbs := []string{rotator.RequestRotate, rotator.RequestRollback, rotator.RequestPause, rotator.RequestResume, rotator.RequestAdopt, rotator.RequestEvict}
	switch key := w.Keys[random.IntN(len(w.Keys))].ID; random.IntN(4) {
	case 0:
		w.PersonSets(key, rotator.Inactive)
	case 1:
		w.PersonSets(key, rotator.Active)
	case 2:
		w.PersonCreates()
	default:
		w.Asks(rotator.Request{Verb: verbs[random.IntN(len(verbs))], Key: key, Emergency: random.IntN(3) == 0})
	}
}

// TestAnUnknownEntryIsNeverFolded: it may stand for an effect.
func TestAnUnknownEntryIsNeverFolded(t *testing.T) {
	s, _ := sound(rotator.VerbDeactivate)
	for _, e := range []rotator.Entry{
		{Kind: "of-a-newer-version"}, {Kind: ""},
		{Kind: rotator.KindIntent, Verb: "of-a-newer-version"}, {Kind: rotator.KindDone, Verb: "of-a-newer-version"},
		{Kind: rotator.KindNoted, Verb: "of-a-newer-version"},
		{Kind: rotator.KindOpened}, {Kind: rotator.KindNoted, Verb: rotator.VerbRepin},
	} {
		before := asText(t, s.Progress)
		after, err := s.Progress.Apply(e)
		if !errors.Is(err, rotator.ErrUnreadable) {
			t.Errorf("%s %s: %v, want ErrUnreadable", e.Kind, e.Verb, err)
		}
		if asText(t, after) != before {
			t.Errorf("%s %s changed the progress", e.Kind, e.Verb)
		}
		if _, err := rotator.Fold([]rotator.Entry{e}); !errors.Is(err, rotator.ErrUnreadable) {
			t.Errorf("fold of %s %s: %v, want ErrUnreadable", e.Kind, e.Verb, err)
		}
	}
}

func anyEntry() *rapid.Generator[rotator.Entry] {
	return rapid.Custom(func(t *rapid.T) rotator.Entry {
		e := rotator.Entry{
			Kind: rapid.SampledFrom([]rotator.Kind{
				rotator.KindAdopted, rotator.KindOpened, rotator.KindIntent, rotator.KindDone, rotator.KindFailed,
				rotator.KindUnclear, rotator.KindNoted, rotator.KindHalted, rotator.KindRequest, "of-a-newer-version",
			}).Draw(t, "kind"),
			At: instants().Draw(t, "at"), Date: instants().Draw(t, "date"), Verb: verbs().Draw(t, "verb"),
			Key: keyIDs().Draw(t, "key"), Consumer: rapid.SampledFrom([]string{"", "fake:record", "fake:blind"}).Draw(t, "consumer"),
			Reason: reasons().Draw(t, "reason"), Request: int64(rapid.IntRange(0, 2).Draw(t, "request")),
			Before: rapid.SliceOfN(keyIDs(), 0, 2).Draw(t, "before"), Use: instants().Draw(t, "use"),
		}
		if rapid.Bool().Draw(t, "opens") {
			e.Opening = &rotator.Opening{Phase: phases().Draw(t, "phase"), Consumers: consumerLists().Draw(t, "consumers"), Retire: oldKey}
		}
		return e
	})
}

// TestApplyLeavesItsReceiverAlone folds two entries onto one progress: the
// second must not see anything of the first.
func TestApplyLeavesItsReceiverAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := progresses().Draw(t, "progress")
		before := asText(t, p)
		first, second := anyEntry().Draw(t, "first"), anyEntry().Draw(t, "second")
		one, err := p.Apply(first)
		if asText(t, p) != before {
			t.Fatalf("folding %+v changed the receiver", first)
		}
		if err != nil {
			return
		}
		kept := asText(t, one)
		if _, err := one.Apply(second); err == nil && asText(t, one) != kept {
			t.Errorf("folding %+v changed its receiver", second)
		}
		if _, err := p.Apply(second); err == nil && asText(t, one) != kept {
			t.Errorf("folding %+v changed the progress of another fold", second)
		}
	})
}

// FuzzFold folds whatever a history may decode to.
func FuzzFold(f *testing.F) {
	w := rotatortest.New(searchPolicy(), places("both")...)
	for range 40 {
		w.Idle()
		w.Step()
	}
	text, err := json.Marshal(w.Entries())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`[{"kind":"request","verb":"hurry"},{"kind":"noted","verb":"clear"}]`))
	f.Add([]byte(`[{"kind":"opened","opening":{"phase":"trial"}},{"kind":"done","verb":"push","consumer":"a"},{"kind":"noted","verb":"repin"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var entries []rotator.Entry
		if json.Unmarshal(text, &entries) != nil {
			return
		}
		p, err := rotator.Fold(entries)
		if err != nil && !errors.Is(err, rotator.ErrUnreadable) {
			t.Errorf("fold: %v, want ErrUnreadable", err)
		}
		s := rotator.State{User: rotatortest.User, Configured: true, Progress: p}
		if d := rotator.Decide(genesis.Add(time.Hour), searchPolicy(), s); d.Verb == "" {
			t.Errorf("no decision on %+v", p)
		}
	})
}
