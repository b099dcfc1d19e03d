package journaltest

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// ask appends or ends the test.
func ask(t *testing.T, j Journal, q rotator.Request) rotator.Request {
	t.Helper()
	return must[rotator.Request](t)(j.Append(t.Context(), q))
}

func requests(t *testing.T, j Journal) {
	settle(t, j, alice, nil)
	row := claim(t, j, alice, "a", start)
	if len(row.Requests) != 0 {
		t.Fatalf("requests of nobody: %v", row.Requests)
	}
	before := must[rotator.Row](t)(j.Row(t.Context(), alice))
	want := rotator.Request{User: alice, Verb: rotator.RequestEvict, Key: "AKIA1", Emergency: true, CutFirst: true, By: "me", Why: "lost", At: start}
	one := ask(t, j, want)
	ask(t, j, rotator.Request{User: bob, Verb: rotator.RequestRotate, At: start})
	two := ask(t, j, rotator.Request{User: alice, Verb: rotator.RequestRollback, At: start})
	if want.Number = one.Number; one != want || one.Number < 1 || two.Number <= one.Number {
		t.Errorf("got %+v, then number %d", one, two.Number)
	}
	after := must[rotator.Row](t)(j.Row(t.Context(), alice))
	after.Requests = nil
	sameRow(t, after, before)

	save(t, j, row, rotator.Change{Release: true})
	row = claim(t, j, alice, "a", start)
	if len(row.Requests) != 2 || row.Requests[0] != one || row.Requests[1] != two {
		t.Fatalf("waiting: %+v", row.Requests)
	}
	row.Progress.Handled = one.Number
	if row = save(t, j, row, rotator.Change{Release: true}); len(row.Requests) != 1 || row.Requests[0] != two {
		t.Errorf("after one was handled: %+v", row.Requests)
	}
	if row = claim(t, j, alice, "a", start); len(row.Requests) != 1 || row.Requests[0] != two {
		t.Errorf("after the next claim: %+v", row.Requests)
	}
	if all := must[[]rotator.Request](t)(j.Requests(t.Context(), alice)); len(all) != 2 {
		t.Errorf("all requests for alice: %+v", all)
	}
	if q := ask(t, j, rotator.Request{User: alice, Verb: rotator.RequestPause}); q.At.IsZero() {
		t.Error("a request without a time got none")
	}
}

func badRequests(t *testing.T, j Journal) {
	for name, q := range map[string]rotator.Request{
		"no verb":                {User: alice},
		"an unknown verb":        {User: alice, Verb: "explode"},
		"no user":                {Verb: rotator.RequestPause},
		"no name":                {User: rotator.User{Account: "prod"}, Verb: rotator.RequestPause},
		"rotate everybody":       {User: rotator.AllUsers(), Verb: rotator.RequestRotate},
		"the breaker of one":     {User: alice, Verb: rotator.RequestTrip},
		"a time without a form":  {User: alice, Verb: rotator.RequestPause, At: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"adopt a key of no user": {User: rotator.AllUsers(), Verb: rotator.RequestAdopt, Key: "AKIA1"},
	} {
		if _, err := j.Append(t.Context(), q); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func global(t *testing.T, j Journal) {
	want := func(name string, want rotator.Global) {
		t.Helper()
		got := must[rotator.Global](t)(j.Global(t.Context()))
		if got.Paused != want.Paused || got.Tripped != want.Tripped || !got.Resumed.Equal(want.Resumed) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	all := func(verb string, at time.Time) {
		t.Helper()
		ask(t, j, rotator.Request{User: rotator.AllUsers(), Verb: verb, At: at})
	}
	want("at first", rotator.Global{})
	ask(t, j, rotator.Request{User: alice, Verb: rotator.RequestPause, At: start})
	want("one user paused", rotator.Global{})
	all(rotator.RequestPause, start)
	want("paused", rotator.Global{Paused: true})
	all(rotator.RequestTrip, start)
	want("tripped too", rotator.Global{Paused: true, Tripped: true})
	all(rotator.RequestResume, start.Add(time.Hour))
	want("resumed", rotator.Global{Resumed: start.Add(time.Hour)})
	// The order of the requests counts, not their clocks.
	all(rotator.RequestTrip, start)
	want("tripped again", rotator.Global{Tripped: true, Resumed: start.Add(time.Hour)})
	all(rotator.RequestResume, start)
	all(rotator.RequestPause, start)
	want("resumed and paused", rotator.Global{Paused: true, Resumed: start})
}

func halts(t *testing.T, j Journal) {
	halted := func(at time.Time) rotator.Entry { return rotator.Entry{Kind: rotator.KindHalted, At: at} }
	settle(t, j, alice, nil, halted(start.Add(2*time.Hour)), noted("no halt"))
	settle(t, j, bob, nil, halted(start.Add(time.Hour)))
	if got := must[rotator.Global](t)(j.Global(t.Context())).Halts; len(got) != 2 || !got[0].Equal(start.Add(time.Hour)) || !got[1].Equal(start.Add(2*time.Hour)) {
		t.Errorf("halts: %v", got)
	}
	ask(t, j, rotator.Request{User: rotator.AllUsers(), Verb: rotator.RequestResume, At: start.Add(time.Hour)})
	if got := must[rotator.Global](t)(j.Global(t.Context())).Halts; len(got) != 1 || !got[0].Equal(start.Add(2*time.Hour)) {
		t.Errorf("halts since the resume: %v", got)
	}
	var many []rotator.Entry
	for i := range 1200 {
		many = append(many, halted(start.Add(time.Duration(10+i)*time.Hour)))
	}
	settle(t, j, user("many"), nil, many...)
	got := must[rotator.Global](t)(j.Global(t.Context())).Halts
	if len(got) != 1000 || !got[999].Equal(start.Add(1209*time.Hour)) {
		t.Errorf("%d halts, want the newest thousand", len(got))
	}
}
