package window

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRefusedExpressions(t *testing.T) {
	for _, c := range []struct {
		name, expr, want string
		never            bool
	}{
		{name: "an empty expression", expr: "  ", want: "empty"},
		{name: "a lone time zone, on which the library panics", expr: "CRON_TZ=Europe/Berlin", want: "field of its own"},
		{name: "a lone short time zone, on which the library panics", expr: "TZ=0", want: "field of its own"},
		{name: "a time zone inside the expression", expr: "TZ=Europe/Berlin 0 3 * * *", want: "field of its own"},
		{name: "a time zone in lower case", expr: "cron_tz=Europe/Berlin 0 3 * * *", want: "field of its own"},
		{name: "the thirty-first of February", expr: "0 0 31 2 *", want: "never fires", never: true},
		{name: "the thirty-first of April and June", expr: "0 0 31 4,6 *", want: "never fires", never: true},
		{name: "a field of nothing but a comma", expr: "0 , * * *", want: "never fires", never: true},
		{name: "a month of nothing but a comma", expr: "0 3 * , *", want: "never fires", never: true},
		{name: "an interval, which has no place in the day", expr: "@every 1h", want: "interval"},
		{name: "an unknown descriptor", expr: "@reboot", want: "unrecognized"},
		{name: "four fields", expr: "0 3 * *", want: "exactly 5 fields"},
		{name: "six fields", expr: "0 0 3 * * *", want: "exactly 5 fields"},
		{name: "minute sixty", expr: "60 3 * * *", want: "above maximum"},
		{name: "a step of nothing", expr: "*/0 3 * * *", want: "positive"},
		{name: "a line break", expr: "0 3 * * *\n0 4 * * *", want: "control character"},
		{name: "a list without end", expr: strings.Repeat("1,", 200) + "1 3 * * *", want: "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.expr, "", time.Hour)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
			if errors.Is(err, ErrNeverFires) != c.never {
				t.Errorf("errors.Is(err, ErrNeverFires) = %v, want %v", !c.never, c.never)
			}
		})
	}
}

// The check of the expression keeps these two from the library; the guard behind
// it must hold all the same, for panics that nobody has found yet.
func TestPanicsOfTheLibraryAreErrors(t *testing.T) {
	for _, expr := range []string{"TZ=0", "CRON_TZ=Europe/Berlin"} {
		if parsed, err := parseGuarded(expr); err == nil || parsed != nil {
			t.Errorf("parseGuarded(%q) = %v, %v; want an error", expr, parsed, err)
		}
	}
}

func TestRefusedZonesAndDurations(t *testing.T) {
	for _, zone := range []string{"Europe/Belrin", "Local", "local", "../etc/passwd", "0", "+02:00", "Europe"} {
		if _, err := Parse("0 3 * * *", zone, time.Hour); err == nil {
			t.Errorf("time zone %q accepted", zone)
		}
	}
	for _, d := range []time.Duration{0, -time.Hour, time.Millisecond, MaxDuration + 1} {
		if _, err := Parse("0 3 * * *", "", d); err == nil {
			t.Errorf("duration %v accepted", d)
		}
	}
	for _, d := range []time.Duration{MinDuration, MaxDuration} {
		if _, err := Parse("0 3 * * *", "", d); err != nil {
			t.Errorf("duration %v refused: %v", d, err)
		}
	}
}

func TestOccurrencesAcrossClockChanges(t *testing.T) {
	for _, c := range []struct {
		name, expr, zone, from string
		want                   []string
	}{
		{
			name: "a time the spring change skips fires at the change",
			expr: "30 2 * * *", zone: "Europe/Berlin", from: "2026-03-28T00:00:00Z",
			want: []string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		},
		{
			name: "a time the autumn change repeats fires once",
			expr: "30 2 * * *", zone: "Europe/Berlin", from: "2026-10-24T12:00:00Z",
			want: []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		},
		{
			name: "the hour after the change is not moved",
			expr: "0 3 * * *", zone: "Europe/Berlin", from: "2026-03-28T12:00:00Z",
			want: []string{"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"},
		},
		{
			name: "several skipped times fire together, once",
			expr: "0,15,30 2 * * *", zone: "Europe/Berlin", from: "2026-03-28T12:00:00Z",
			want: []string{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
		},
		{
			name: "every hour follows elapsed time through both readings of two o'clock",
			expr: "30 * * * *", zone: "Europe/Berlin", from: "2026-10-25T00:00:00Z",
			want: []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"},
		},
		{
			name: "every hour does not make up for the hour that is skipped",
			expr: "30 * * * *", zone: "Europe/Berlin", from: "2026-03-29T00:00:00Z",
			want: []string{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
		},
		{
			name: "a midnight that does not exist fires at one o'clock",
			expr: "0 0 * * *", zone: "America/Santiago", from: "2026-09-05T12:00:00Z",
			want: []string{"2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		},
		{
			name: "a half-hour change is followed",
			expr: "15 2 * * *", zone: "Australia/Lord_Howe", from: "2026-10-03T00:00:00Z",
			want: []string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"},
		},
		{
			name: "a day that a country skipped fires when the next one begins",
			expr: "0 12 30 12 *", zone: "Pacific/Apia", from: "2011-12-01T00:00:00Z",
			want: []string{"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"},
		},
		{
			name: "29 February is found eight years ahead",
			expr: "0 0 29 2 *", zone: "", from: "2096-03-01T00:00:00Z",
			want: []string{"2104-02-29T00:00:00Z"},
		},
		{
			name: "weekdays by name",
			expr: "0 3 * * mon-fri", zone: "", from: "2026-11-20T04:00:00Z",
			want: []string{"2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := Parse(c.expr, c.zone, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			cur := at(t, c.from)
			for i, want := range c.want {
				next, ok := w.opening(cur)
				if !ok || !next.Equal(at(t, want)) {
					t.Fatalf("occurrence %d = %v (%v), want %s", i, next.UTC(), ok, want)
				}
				cur = next
			}
		})
	}
}

// The occurrences are compared with a reading of the wall clock minute by
// minute, which knows nothing of the way they are computed.
func TestOccurrencesAgreeWithTheWallClock(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"} {
		loc, err := loadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseSchedule("20 * * * *", loc)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
		cur := begin
		for m := begin.Add(time.Minute); m.Before(begin.AddDate(1, 0, 0)); m = m.Add(time.Minute) {
			if m.In(loc).Minute() != 20 {
				continue
			}
			next, ok := s.next(cur)
			if !ok || !next.Equal(m) {
				t.Fatalf("%s: after %v comes %v, want %v", zone, cur, next, m)
			}
			cur = m
		}
	}
}

func TestTicks(t *testing.T) {
	from := at(t, "2026-11-22T10:00:30Z")
	for _, c := range []struct{ name, expr, want string }{
		{"an interval counts from now", "@every 1h", "2026-11-22T11:00:30Z"},
		{"an interval may be a second", "@every 1s", "2026-11-22T10:00:31Z"},
		{"a cron expression is read in UTC", "15 * * * *", "2026-11-22T10:15:00Z"},
		{"a descriptor", "@daily", "2026-11-23T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tick, err := ParseTick(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			if got := tick.Next(from); !got.Equal(at(t, c.want)) {
				t.Errorf("Next = %v, want %s", got, c.want)
			}
			if tick.String() != c.expr {
				t.Errorf("String = %q", tick.String())
			}
		})
	}
	for _, expr := range []string{
		"@every -1h", "@every 0s", "@every 500ms", "@every 1500ms", "@every", "@every 1d", "@every 9000h",
		"0 0 31 2 *", "TZ=0", "",
	} {
		if _, err := ParseTick(expr); err == nil {
			t.Errorf("tick %q accepted", expr)
		}
	}
	if !(Tick{}).Next(from).IsZero() {
		t.Error("the zero Tick fires")
	}
}
