package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// A harness that finds nothing proves nothing: these tests show each watcher what
// it is there to find.

func counting() *anomalyCount { return &anomalyCount{out: &report{began: time.Now(), out: io.Discard}} }

func TestChangesOfOneUserAtOnceAreFound(t *testing.T) {
	t.Parallel()
	wrong := counting()
	f := newFront(nil, newWake(), wrong.addf)
	done := f.change("replica-1", "UpdateAccessKey", "alice")
	other := f.change("replica-2", "CreateAccessKey", "bob")
	if wrong.number() != 0 {
		t.Error("changes of two users count as changes of one")
	}
	f.change("replica-2", "DeleteAccessKey", "alice")()
	other()
	done()
	f.change("replica-2", "DeleteAccessKey", "alice")()
	if wrong.all[doubleRotation] != 1 || wrong.number() != 1 {
		t.Errorf("of two changes at once: %s", wrong)
	}
}

func TestASecretIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("aB3/", secretLength/4)
	f := newFront(nil, newWake(), counting().addf)
	f.learn(secret)
	for name, text := range map[string]string{
		"alone": secret, "in a line": "one\nkey=" + secret + "\n", "inside a longer word": "xxx" + secret + "yyy",
	} {
		if f.leaks("log", []byte(text)) == nil {
			t.Errorf("%s: not found", name)
		}
	}
	if err := f.leaks("log", []byte(secret[:secretLength-1]+"\n"+secret[1:])); err != nil {
		t.Errorf("two pieces are no secret: %v", err)
	}
}

func TestAHistoryThatIsNotWhatItWasIsFound(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	adopted := rotator.Entry{Kind: rotator.KindAdopted, At: at, Key: "AKIA1", UserID: "AIDA1", Created: at}
	opened := rotator.Entry{Kind: rotator.KindOpened, At: at, Cycle: 1, Opening: &rotator.Opening{Purpose: rotator.PurposeRotation, Phase: rotator.PhaseCreating}}
	again := opened
	again.Cycle = 2
	halted := rotator.Entry{Kind: rotator.KindHalted, At: at, Reason: rotator.ReasonKeyGone}
	one, two := journal.Hash{1}, journal.Hash{2}
	cases := map[string]struct {
		second journal.HistoryEntry
		want   anomaly
		wrong  bool
	}{
		"the next entry":               {second: journal.HistoryEntry{Seq: 2, Entry: opened, Prev: one, Hash: two}},
		"an entry is left out":         {second: journal.HistoryEntry{Seq: 3, Entry: opened, Prev: one, Hash: two}, want: lostStep, wrong: true},
		"another one was before it":    {second: journal.HistoryEntry{Seq: 2, Entry: opened, Prev: two, Hash: two}, want: lostStep, wrong: true},
		"a halt that nobody asked for": {second: journal.HistoryEntry{Seq: 2, Entry: halted, Prev: one, Hash: two}, want: stuck, wrong: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &book{}
			if _, err := b.take(journal.HistoryEntry{Seq: 1, Entry: adopted, Hash: one}); err != nil {
				t.Fatal(err)
			}
			if got, err := b.take(c.second); got != c.want || (err != nil) != c.wrong {
				t.Errorf("it is taken for %d: %v", got, err)
			}
		})
	}
	b := &book{}
	for i, e := range []rotator.Entry{adopted, opened, again} {
		got, err := b.take(journal.HistoryEntry{Seq: int64(i + 1), Entry: e})
		if second := i == 2; second != (err != nil) || second && got != doubleRotation {
			t.Errorf("entry %d is taken for %d: %v", i+1, got, err)
		}
	}
}

func TestAKeyTooManyIsFound(t *testing.T) {
	t.Parallel()
	wrong := counting()
	alice := rotator.User{Account: "emu", Name: "alice"}
	l := newLedger("", &world{wrong: wrong, users: []user{{user: alice}}})
	made := awsemu.Call{Operation: "CreateAccessKey", User: alice.Name}
	l.creates.note(made)
	if l.settle(); wrong.number() != 0 {
		t.Errorf("a create that is under way: %s", wrong)
	}
	l.creates.note(made)
	if l.settle(); wrong.all[doubleRotation] != 1 {
		t.Errorf("a second key that the journal does not know: %s", wrong)
	}
	l.creates.note(awsemu.Call{Operation: "CreateAccessKey", User: alice.Name, ErrorCode: "LimitExceeded"})
	if wrong.all[doubleRotation] != 2 {
		t.Errorf("a third key was asked for: %s", wrong)
	}
}
