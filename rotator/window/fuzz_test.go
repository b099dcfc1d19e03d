package window

import (
	"testing"
	"time"
)

// FuzzWindow feeds the parser anything; what it accepts must obey the laws that
// the core relies on.
func FuzzWindow(f *testing.F) {
	for _, seed := range []struct{ expr, zone string }{
		{"0 3 * * 1-5", "Europe/Berlin"},
		{"TZ=0", ""},
		{"CRON_TZ=Europe/Berlin", ""},
		{"0 0 31 2 *", ""},
		{"@every -1h", ""},
		{"@daily", "Pacific/Apia"},
		{"30 2 * * *", "America/Santiago"},
		{"*/7 ? 29 feb sun", "Australia/Lord_Howe"},
		{", , , , ,", "UTC"},
	} {
		f.Add(seed.expr, seed.zone, int64(3600), int64(1774745999))
	}
	f.Fuzz(func(t *testing.T, expr, zone string, seconds, unix int64) {
		_, _ = ParseTick(expr)
		w, err := Parse(expr, zone, time.Duration(seconds)*time.Second)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<35), 0)
		checkLaws(t, NewCalendar([]Window{w}, nil), w, now)
	})
}

func checkLaws(t *testing.T, c Calendar, w Window, now time.Time) {
	t.Helper()
	next, ok := c.NextOpen(now)
	if !ok {
		t.Fatalf("%q never opens after %v, but was accepted", w.Cron(), now)
	}
	if next.Before(now) || !c.Open(next) {
		t.Fatalf("%q: NextOpen(%v) = %v, which is past or not open", w.Cron(), now, next)
	}
	if c.Open(now) != next.Equal(now) {
		t.Fatalf("%q: Open and NextOpen disagree at %v", w.Cron(), now)
	}
	opening, ok := w.opening(now)
	if !ok || !opening.After(now) {
		t.Fatalf("%q: the opening after %v is %v", w.Cron(), now, opening)
	}
	if !w.open(opening.Add(w.Duration() - 1)) {
		t.Fatalf("%q: closed within its duration of %v", w.Cron(), opening)
	}
	// Walking must give what looking afresh from each occurrence gives.
	walk, from := w.schedule.after(now), now
	for range 5 {
		walked, okWalk := walk.next()
		looked, okLook := w.opening(from)
		if okWalk != okLook || !walked.Equal(looked) {
			t.Fatalf("%q: after %v a walk gives %v, a fresh look %v", w.Cron(), from, walked, looked)
		}
		from = looked
	}
	// No opening may be jumped over: from just before it, it is the next one.
	if again, ok := w.opening(opening.Add(-1)); !ok || !again.Equal(opening) {
		t.Fatalf("%q: %v is an opening after %v but %v is after the instant before it", w.Cron(), opening, now, again)
	}
}

// FuzzFreeze checks that no text makes a freeze that ends before it begins.
func FuzzFreeze(f *testing.F) {
	f.Add("2026-12-20", "2027-01-05", "Europe/Berlin")
	f.Add("2026-12-20T00:00:00Z", "2026-12-20", "Pacific/Apia")
	f.Fuzz(func(t *testing.T, from, to, zone string) {
		freeze, err := ParseFreeze(from, to, zone)
		if err != nil {
			return
		}
		c := NewCalendar(nil, []Freeze{freeze})
		if c.Open(freeze.From) || !c.Open(freeze.To) {
			t.Fatalf("freeze %q to %q does not cover itself: %v", from, to, freeze)
		}
		if next, ok := c.NextOpen(freeze.From); !ok || !next.Equal(freeze.To) {
			t.Fatalf("freeze %q to %q opens at %v", from, to, next)
		}
	})
}
