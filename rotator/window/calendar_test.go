package window

import (
	"testing"
	"time"
)

const day = 24 * time.Hour

func mustWindow(t *testing.T, expr, zone string, d time.Duration) Window {
	t.Helper()
	w, err := Parse(expr, zone, d)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustFreeze(t *testing.T, from, to, zone string) Freeze {
	t.Helper()
	f, err := ParseFreeze(from, to, zone)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCalendarConditions(t *testing.T) {
	weekdays := mustWindow(t, "0 3 * * 1-5", "Europe/Berlin", 4*time.Hour)
	weekend := mustWindow(t, "0 20 * * 6", "", 12*time.Hour)
	holidays := mustFreeze(t, "2026-12-20", "2027-01-05", "Europe/Berlin")
	afterwards := mustFreeze(t, "2027-01-05T20:00:00Z", "2027-01-07T12:00:00Z", "")
	full := NewCalendar([]Window{weekdays, weekend}, []Freeze{afterwards, holidays})
	for _, c := range []struct {
		name, now string
		calendar  Calendar
		want      Condition
		until     string
		next      string
	}{
		{name: "no windows and no freezes is always open", now: "2026-12-24T12:00:00Z", want: Open, next: "2026-12-24T12:00:00Z"},
		{name: "a window opens at its first instant", now: "2026-11-23T02:00:00Z", calendar: full, want: Open, next: "2026-11-23T02:00:00Z"},
		{name: "a window is open to its last instant", now: "2026-11-23T05:59:59Z", calendar: full, want: Open, next: "2026-11-23T05:59:59Z"},
		{
			name: "a window is closed at its end", now: "2026-11-23T06:00:00Z", calendar: full, want: ClosedByWindow,
			until: "2026-11-24T02:00:00Z", next: "2026-11-24T02:00:00Z",
		},
		{
			name: "the earlier of two windows comes next", now: "2026-11-20T06:00:00Z", calendar: full, want: ClosedByWindow,
			until: "2026-11-21T20:00:00Z", next: "2026-11-21T20:00:00Z",
		},
		{
			name: "a freeze begins at local midnight and outranks the windows", now: "2026-12-19T23:00:00Z", calendar: full, want: ClosedByFreeze,
			until: "2027-01-07T12:00:00Z", next: "2027-01-08T02:00:00Z",
		},
		{name: "just before the freeze the window is open", now: "2026-12-19T22:59:59Z", calendar: full, want: Open, next: "2026-12-19T22:59:59Z"},
		{
			name: "freezes that overlap are one", now: "2027-01-05T21:00:00Z",
			calendar: NewCalendar(nil, []Freeze{holidays, mustFreeze(t, "2027-01-05T20:00:00Z", "2027-01-07T12:00:00Z", "")}),
			want:     ClosedByFreeze, until: "2027-01-07T12:00:00Z", next: "2027-01-07T12:00:00Z",
		},
		{
			name: "the spring change does not cost a night its window", now: "2026-03-29T00:30:00Z",
			calendar: NewCalendar([]Window{mustWindow(t, "30 2 * * *", "Europe/Berlin", time.Hour)}, nil),
			want:     ClosedByWindow, until: "2026-03-29T01:00:00Z", next: "2026-03-29T01:00:00Z",
		},
		{
			name: "a window over the autumn change lasts its elapsed time", now: "2026-10-25T01:29:59Z",
			calendar: NewCalendar([]Window{mustWindow(t, "30 2 * * *", "Europe/Berlin", time.Hour)}, nil),
			want:     Open, next: "2026-10-25T01:29:59Z",
		},
		{
			name: "a zero window never opens", now: "2026-11-22T00:00:00Z", calendar: NewCalendar([]Window{{}}, nil),
			want: ClosedByWindow,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := at(t, c.now)
			state := c.calendar.State(now)
			if state.Condition != c.want {
				t.Fatalf("State = %v, want %v", state.Condition, c.want)
			}
			if c.until == "" && !state.Until.IsZero() || c.until != "" && !state.Until.Equal(at(t, c.until)) {
				t.Errorf("Until = %v, want %q", state.Until.UTC(), c.until)
			}
			next, ok := c.calendar.NextOpen(now)
			if ok != (c.next != "") || ok && !next.Equal(at(t, c.next)) {
				t.Errorf("NextOpen = %v (%v), want %q", next.UTC(), ok, c.next)
			}
			if c.calendar.Open(now) != (c.want == Open) || c.calendar.Frozen(now) != (c.want == ClosedByFreeze) {
				t.Error("Open and Frozen disagree with State")
			}
		})
	}
}

func TestFreezes(t *testing.T) {
	for _, c := range []struct{ name, from, to, zone, begin, end string }{
		{"a single day is a whole day", "2026-12-24", "2026-12-24", "", "2026-12-24T00:00:00Z", "2026-12-25T00:00:00Z"},
		{"a day of a clock change has its own length", "2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"instants are taken as they are", "2026-12-24T12:00:00+01:00", "2026-12-24T18:00:00Z", "", "2026-12-24T11:00:00Z", "2026-12-24T18:00:00Z"},
		{"a day without a midnight begins at one o'clock", "2026-09-06", "2026-09-06", "America/Santiago", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"a day whose midnight comes twice begins at the first", "2026-11-01", "2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"a freeze up to a day that was skipped ends with the day before it", "2011-12-28", "2011-12-29", "Pacific/Apia", "2011-12-28T10:00:00Z", "2011-12-30T10:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustFreeze(t, c.from, c.to, c.zone)
			if !f.From.Equal(at(t, c.begin)) || !f.To.Equal(at(t, c.end)) {
				t.Errorf("freeze = %v to %v, want %s to %s", f.From.UTC(), f.To.UTC(), c.begin, c.end)
			}
		})
	}
	for _, c := range []struct{ name, from, to, zone string }{
		{"an end before the beginning", "2026-12-24", "2026-12-23", ""},
		{"an empty span", "2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z", ""},
		{"more than a year", "2026-01-01", "2027-03-01", ""},
		{"a date that does not exist", "2026-02-30", "2026-03-01", ""},
		{"words", "tomorrow", "2026-03-01", ""},
		{"an unknown zone", "2026-02-01", "2026-03-01", "Mars/Olympus"},
	} {
		if _, err := ParseFreeze(c.from, c.to, c.zone); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
}

func TestLongestGap(t *testing.T) {
	for _, c := range []struct {
		name    string
		windows []Window
		want    time.Duration
	}{
		{"no windows have no gap", nil, 0},
		{"a nightly window", []Window{mustWindow(t, "0 3 * * *", "", 4*time.Hour)}, 20 * time.Hour},
		{"weekdays wait over the weekend", []Window{mustWindow(t, "0 3 * * 1-5", "", 4*time.Hour)}, 2*day + 20*time.Hour},
		{"the autumn change lengthens one night", []Window{mustWindow(t, "0 12 * * *", "Europe/Berlin", time.Hour)}, day},
		{"two windows share the day", []Window{mustWindow(t, "0 0 * * *", "", 6*time.Hour), mustWindow(t, "0 12 * * *", "", 6*time.Hour)}, 6 * time.Hour},
		{"windows that touch leave nothing", []Window{mustWindow(t, "0 * * * *", "", time.Hour)}, 0},
		{"every minute for a minute leaves nothing", []Window{mustWindow(t, "* * * * *", "", time.Minute)}, 0},
		{"a short window inside a long one does not cut it", []Window{mustWindow(t, "0 0 * * *", "", 20*time.Hour), mustWindow(t, "0 1 * * *", "", time.Hour)}, 4 * time.Hour},
		{"a monthly window waits for the longest month", []Window{mustWindow(t, "0 0 1 * *", "", day)}, 30 * day},
		{"29 February waits four years", []Window{mustWindow(t, "* * 29 2 *", "", time.Minute)}, (4*365 + 1 - 1) * day},
		{"freezes do not count", []Window{mustWindow(t, "0 3 * * *", "", 4*time.Hour)}, 20 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			calendar := NewCalendar(c.windows, []Freeze{mustFreeze(t, "2024-06-01", "2024-08-01", "")})
			if got := calendar.LongestGap(); got != c.want {
				t.Errorf("LongestGap = %v, want %v", got, c.want)
			}
		})
	}
}

func TestCalendarKeepsCopies(t *testing.T) {
	windows := []Window{mustWindow(t, "0 3 * * *", "", time.Hour)}
	calendar := NewCalendar(windows, nil)
	windows[0] = Window{}
	if !calendar.Open(at(t, "2026-11-22T03:00:00Z")) {
		t.Error("changing the caller's slice changed the calendar")
	}
}
