package rotator_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

var update = flag.Bool("update", false, "write the golden table of decisions")

// situations are one change each to a sound state in the middle of a rotation.
var situations = []struct {
	name string
	verb rotator.Verb // the sound state to begin from
	make func(*rotator.State)
}{
	{"the overlap has passed and the old key is quiet", rotator.VerbDeactivate, func(*rotator.State) {}},
	{"nothing was looked at yet", rotator.VerbDeactivate, func(s *rotator.State) { s.Live = nil }},
	{"the overlap has just begun", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Progress.Since, s.Progress.Cycle.Verified = genesis.Add(24*time.Hour), genesis.Add(24*time.Hour)
	}},
	{"the list failed", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Trouble = rotator.Trouble{Reason: rotator.ReasonThrottled} }},
	{"AWS told no date", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Date = time.Time{} }},
	{"the last use is unknown", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Use = rotator.LastUse{} }},
	{"the old key was used an hour ago", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Use.At = genesis.Add(23 * time.Hour) }},
	{"the same, and the stores were healed just before", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Live.Use.At, s.Progress.Cycle.Healed = genesis.Add(23*time.Hour), genesis.Add(22*time.Hour)
	}},
	{"a store holds the old key again", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Held: oldKey, Owner: "acct/robot"}
	}},
	{"a store cannot be read", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Live.Stores["fake:record"] = rotator.StoreView{Trouble: rotator.Trouble{Reason: rotator.ReasonDenied}}
	}},
	{"a store holds an unknown key", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Stores["fake:record"] = rotator.StoreView{Held: thirdKey} }},
	{"the new key does not sign in", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.SignTrouble.Reason = rotator.ReasonNotSignedIn }},
	{"the new key signs in as somebody else", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.SignTrouble.Reason = rotator.ReasonWrongIdentity }},
	{"a third key is there", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Keys = append(s.Live.Keys, rotator.Key{ID: thirdKey}) }},
	{"a third key is there since long", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Live.Keys = append(s.Live.Keys, rotator.Key{ID: thirdKey})
		s.Progress.Suspect = genesis
	}},
	{"the old key is Inactive by hand", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Keys[0].Status = rotator.Inactive }},
	{"the old key is gone", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Keys = s.Live.Keys[1:] }},
	{"the new key is gone", rotator.VerbDeactivate, func(s *rotator.State) { s.Live.Keys = s.Live.Keys[:1] }},
	{"the old key is our own", rotator.VerbDeactivate, func(s *rotator.State) { s.OwnKey = oldKey }},
	{"an emergency", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Progress.Cycle.Emergency, s.Progress.Cycle.Request, s.Live.Use = true, 7, rotator.LastUse{}
	}},
	{"the user left the configuration", rotator.VerbDeactivate, func(s *rotator.State) { s.Configured = false }},
	{"a required consumer left it", rotator.VerbDeactivate, func(s *rotator.State) { s.Consumers = s.Consumers[:1] }},
	{"a consumer joined it", rotator.VerbDeactivate, func(s *rotator.State) {
		s.Consumers = append(s.Consumers[:2:2], rotator.Pinned{Name: "fake:late", Required: true})
	}},
	{"the user is halted", rotator.VerbDeactivate, func(s *rotator.State) { s.Progress.Halt = &rotator.Halt{Reason: rotator.ReasonThirdKey} }},
	{"the row is of a newer version", rotator.VerbDeactivate, func(s *rotator.State) { s.Progress.Schema = rotator.Schema + 1 }},
	{"an operator rolls back", rotator.VerbDeactivate, asks(rotator.Request{Verb: rotator.RequestRollback})},
	{"an operator pauses", rotator.VerbDeactivate, asks(rotator.Request{Verb: rotator.RequestPause})},
	{"an operator rotates again", rotator.VerbDeactivate, asks(rotator.Request{Verb: rotator.RequestRotate})},
	{"an operator declares an emergency", rotator.VerbDeactivate, asks(rotator.Request{Verb: rotator.RequestRotate, Emergency: true})},
	{"an operator evicts", rotator.VerbDeactivate, asks(rotator.Request{Verb: rotator.RequestEvict, Key: newKey})},
	{"the request is of a newer version", rotator.VerbDeactivate, asks(rotator.Request{Verb: "of-a-newer-version"})},

	{"the trial has passed", rotator.VerbDelete, func(*rotator.State) {}},
	{"the trial has just begun", rotator.VerbDelete, func(s *rotator.State) {
		s.Progress.Since, s.Progress.Cycle.Inactive = genesis.Add(24*time.Hour), genesis.Add(24*time.Hour)
	}},
	{"the old key was used in the trial", rotator.VerbDelete, func(s *rotator.State) { s.Live.Use.At = genesis.Add(20 * time.Hour) }},
	{"it was, and a store cannot be read", rotator.VerbDelete, func(s *rotator.State) {
		s.Live.Use.At = genesis.Add(20 * time.Hour)
		s.Live.Stores["fake:record"] = rotator.StoreView{Trouble: rotator.Trouble{Reason: rotator.ReasonDenied}}
	}},
	{"it was, in an emergency", rotator.VerbDelete, func(s *rotator.State) {
		s.Live.Use.At, s.Progress.Cycle.Emergency = genesis.Add(20*time.Hour), true
	}},
	{"a probe failed in the trial", rotator.VerbDelete, func(s *rotator.State) { s.Progress.Cycle.ProbeFailed = "fake:record" }},
	{"the old key is Active again by hand", rotator.VerbDelete, func(s *rotator.State) { s.Live.Keys[0].Status = rotator.Active }},
	{"it is, since long", rotator.VerbDelete, func(s *rotator.State) {
		s.Live.Keys[0].Status, s.Progress.Suspect = rotator.Active, genesis
	}},
	{"the last use is unknown in the trial", rotator.VerbDelete, func(s *rotator.State) { s.Live.Use = rotator.LastUse{} }},
	{"a suspicion is over", rotator.VerbDelete, func(s *rotator.State) { s.Progress.Suspect = genesis }},

	{"a third key while nobody has ours", rotator.VerbDiscard, func(*rotator.State) {}},
	{"the same, but a push was begun", rotator.VerbDiscard, func(s *rotator.State) { s.Progress.Cycle.Touched = true }},
	{"the new key is proven and no store has it", rotator.VerbDiscard, func(s *rotator.State) { s.Live.Keys = s.Live.Keys[:2] }},
	{"the new key is unproven", rotator.VerbDiscard, func(s *rotator.State) { s.Progress.Phase = rotator.PhaseProving }},
	{"its secret is lost", rotator.VerbDiscard, func(s *rotator.State) { s.Progress.Phase, s.Custody = rotator.PhaseProving, nil }},
	{"it signed in a moment ago", rotator.VerbDiscard, func(s *rotator.State) {
		s.Progress.Phase, s.Progress.Cycle.Signed, s.Progress.Cycle.SignedAt = rotator.PhaseProving, 1, genesis.Add(24*time.Hour)
	}},
	{"it never signs in", rotator.VerbDiscard, func(s *rotator.State) {
		s.Progress.Phase, s.Attempts, s.Waiting = rotator.PhaseProving, 6, rotator.ReasonNotSignedIn
		s.Live.SignTrouble.Reason = rotator.ReasonNotSignedIn
	}},
	{"it signs in at last, after its time", rotator.VerbDiscard, func(s *rotator.State) {
		s.Progress.Phase, s.Attempts, s.Waiting = rotator.PhaseProving, 6, rotator.ReasonNotSignedIn
	}},
	{"AWS throttles its sign-ins", rotator.VerbDiscard, func(s *rotator.State) {
		s.Progress.Phase, s.Attempts, s.Waiting = rotator.PhaseProving, 6, rotator.ReasonThrottled
	}},
}

func asks(r rotator.Request) func(*rotator.State) {
	return func(s *rotator.State) {
		r.Number = 9
		s.Requests = []rotator.Request{r}
	}
}

// TestDecisionsAreAsInTheGoldenTable shows what the program does in each
// situation, so that a change of mind is seen in review.
func TestDecisionsAreAsInTheGoldenTable(t *testing.T) {
	const file = "testdata/decisions.golden"
	var table strings.Builder
	for _, situation := range situations {
		s, _ := sound(situation.verb)
		situation.make(&s)
		d := rotator.Decide(genesis.Add(24*time.Hour), searchPolicy(), s)
		line := fmt.Sprintf("%-52s %-11s %-22s %s %s %s", situation.name, d.Verb, d.Reason, d.Key, d.Consumer, d.Detail)
		fmt.Fprintln(&table, strings.TrimRight(line, " "))
	}
	if *update {
		if err := os.WriteFile(file, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("%s is stale; run go test ./rotator -run Golden -update and read the difference\n--- have\n%s--- want\n%s", file, &table, want)
	}
}
