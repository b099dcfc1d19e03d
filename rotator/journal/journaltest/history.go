package journaltest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

type entries = journal.HistoryEntry

func history(t *testing.T, j Journal, user rotator.User) ([]entries, error) {
	t.Helper()
	return j.History(t.Context(), user, 0, 0)
}

func chained(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	first := rotator.Entry{
		Kind: rotator.KindOpened, At: start, Date: start.Add(time.Second), Cycle: 1, Calls: map[string]int{"sts": 1, "iam": 3},
		Opening: &rotator.Opening{Purpose: rotator.PurposeRotation, Phase: rotator.PhaseCreating},
	}
	row = save(t, j, row, rotator.Change{Entries: []rotator.Entry{first, noted("second")}})
	save(t, j, row, rotator.Change{Entries: []rotator.Entry{noted("third")}, Release: true})
	settle(t, j, bob, nil, noted("second"))

	all := must[[]entries](t)(history(t, j, alice))
	if len(all) != 3 {
		t.Fatalf("%d entries, want 3", len(all))
	}
	var prev journal.Hash
	for i, h := range all {
		body := must[[]byte](t)(json.Marshal(h.Entry))
		if h.Seq != int64(i+1) || h.Prev != prev || h.Hash != journal.Link(prev, alice, h.Seq, body) {
			t.Errorf("entry %d: seq %d, prev %s, hash %s do not chain", i, h.Seq, h.Prev, h.Hash)
		}
		prev = h.Hash
	}
	if !reflect.DeepEqual(all[0].Entry, first) {
		t.Errorf("got %+v, want %+v", all[0].Entry, first)
	}
	if other := must[[]entries](t)(history(t, j, bob)); other[0].Hash == all[1].Hash || other[0].Prev != (journal.Hash{}) {
		t.Error("bob's history is chained to alice's")
	}
	if err := j.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func pages(t *testing.T, j Journal) {
	settle(t, j, alice, nil, noted("1"), noted("2"), noted("3"), noted("4"))
	for _, c := range []struct {
		after int64
		limit int
		want  string
	}{{0, 0, "1234"}, {0, 2, "12"}, {2, 1, "3"}, {3, 5, "4"}, {4, 5, ""}} {
		var got strings.Builder
		for _, h := range must[[]entries](t)(j.History(t.Context(), alice, c.after, c.limit)) {
			got.WriteString(h.Entry.Detail)
		}
		if got.String() != c.want {
			t.Errorf("after %d, limit %d: %q, want %q", c.after, c.limit, got.String(), c.want)
		}
	}
	if none := must[[]entries](t)(history(t, j, bob)); len(none) != 0 {
		t.Errorf("bob has %v", none)
	}
}

func custody(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	row = save(t, j, row, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIA1": []byte("one"), "AKIA2": []byte("two")}})
	row = save(t, j, row, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIA2": []byte("TWO")}, Erase: []rotator.KeyID{"AKIA1", "AKIA9"}})
	want := map[rotator.KeyID][]byte{"AKIA2": []byte("TWO")}
	if !reflect.DeepEqual(row.Sealed, want) {
		t.Errorf("after the save: %q, want %q", row.Sealed, want)
	}
	save(t, j, row, rotator.Change{Release: true})
	if got := claim(t, j, bob, "a", start); len(got.Sealed) != 0 {
		t.Errorf("bob's custody: %q", got.Sealed)
	}
	row = claim(t, j, alice, "b", start)
	if !reflect.DeepEqual(row.Sealed, want) {
		t.Errorf("after the claim: %q, want %q", row.Sealed, want)
	}
	for name, seal := range map[string]map[rotator.KeyID][]byte{"no bytes": {"AKIA3": nil}, "no key": {"": {1}}} {
		if _, err := j.Save(t.Context(), row, rotator.Change{Seal: seal}); err == nil {
			t.Errorf("%s: put into custody", name)
		}
	}
}

func newer(t *testing.T, j Journal) {
	row := claim(t, j, alice, "a", start)
	for name, p := range map[string]rotator.Progress{
		"a newer schema":   {Schema: rotator.Schema + 1, Phase: rotator.PhaseIdle},
		"an unknown phase": {Schema: rotator.Schema, Phase: "levitating"},
	} {
		bad := row
		bad.Progress = p
		if _, err := j.Save(t.Context(), bad, rotator.Change{}); !errors.Is(err, rotator.ErrUnreadable) {
			t.Errorf("save with %s: %v, want ErrUnreadable", name, err)
		}
		if err := journal.Readable(p); !errors.Is(err, rotator.ErrUnreadable) {
			t.Errorf("%s: %v, want ErrUnreadable", name, err)
		}
	}
}

func readers(t *testing.T, j Journal) {
	row := full(claim(t, j, bob, "a", start))
	must[rotator.Request](t)(j.Append(t.Context(), rotator.Request{User: bob, Verb: rotator.RequestRotate, At: start}))
	want := save(t, j, row, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIANEW": []byte("sealed bytes")}})
	settle(t, j, alice, nil)
	settle(t, j, rotator.User{Account: "aaa", Name: "zoe"}, nil)

	rows := must[[]rotator.Row](t)(j.Rows(t.Context()))
	if len(rows) != 3 || rows[0].User.Account != "aaa" || rows[1].User != alice {
		t.Fatalf("rows are not all there in order: %v", rows)
	}
	one := must[rotator.Row](t)(j.Row(t.Context(), bob))
	sameRow(t, one, rows[2])
	if sealed, there := one.Sealed["AKIANEW"]; !there || sealed != nil {
		t.Errorf("custody for readers: %q, want the key without bytes", one.Sealed)
	}
	if len(one.Requests) != 1 {
		t.Errorf("requests: %v, want one", one.Requests)
	}
	want.Sealed, want.Requests = one.Sealed, one.Requests
	sameRow(t, one, want)
	if _, err := j.Row(t.Context(), rotator.User{Account: "prod", Name: "nobody"}); !errors.Is(err, journal.ErrUnknownUser) {
		t.Errorf("a user without a row: %v, want ErrUnknownUser", err)
	}
}

func canary(t *testing.T, j Journal) {
	if got := must[[]byte](t)(j.Canary(t.Context())); got != nil {
		t.Errorf("an empty journal has the canary %q", got)
	}
	for _, text := range []string{"first", "second"} {
		if err := j.SetCanary(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := must[[]byte](t)(j.Canary(t.Context())); !strings.EqualFold(string(got), "second") {
		t.Errorf("got %q, want the second", got)
	}
}

func reseal(t *testing.T, j Journal) {
	one := claim(t, j, alice, "a", start)
	one = save(t, j, one, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIA1": []byte("old 1"), "AKIA2": []byte("new 2")}})
	settle(t, j, bob, nil)
	two := claim(t, j, bob, "a", start)
	save(t, j, two, rotator.Change{Seal: map[rotator.KeyID][]byte{"AKIA3": []byte("old 3")}, Release: true})

	failure := errors.New("does not open")
	renew := func(stop rotator.User) error {
		return j.Reseal(t.Context(), func(user rotator.User, sealed []byte) ([]byte, error) {
			if user == stop {
				return nil, failure
			}
			return []byte(strings.Replace(string(sealed), "old", "new", 1)), nil
		})
	}
	check := func(name, want1, want3 string) {
		t.Helper()
		got := claim(t, j, bob, "b", start)
		save(t, j, got, rotator.Change{Release: true})
		one = save(t, j, one, rotator.Change{Release: true})
		again := claim(t, j, alice, "b", start)
		if string(got.Sealed["AKIA3"]) != want3 || string(again.Sealed["AKIA1"]) != want1 || string(again.Sealed["AKIA2"]) != "new 2" {
			t.Errorf("%s: %q and %q", name, again.Sealed, got.Sealed)
		}
		one = again
	}
	if err := renew(bob); !errors.Is(err, failure) {
		t.Errorf("got %v, want the error of the sealer", err)
	}
	check("after a failure", "old 1", "old 3")
	if err := renew(rotator.User{}); err != nil {
		t.Fatal(err)
	}
	check("after all opened", "new 1", "new 3")
}
