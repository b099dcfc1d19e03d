package rest

import (
	"net/http"
	"testing"
	"time"
)

func TestHowLongToWaitIsReadFromTheHeaders(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"nothing", http.Header{}, 0},
		{"seconds", http.Header{"Retry-After": {"30"}}, 30 * time.Second},
		{"a part of a second", http.Header{"Retry-After": {"0.5"}}, 500 * time.Millisecond},
		{"a date", http.Header{"Retry-After": {now.Add(time.Minute).UTC().Format(http.TimeFormat)}}, time.Minute},
		{"a date that has passed", http.Header{"Retry-After": {now.Add(-time.Minute).UTC().Format(http.TimeFormat)}}, 0},
		{"too long", http.Header{"Retry-After": {"99999999999999999999"}}, maxWait},
		{"less than nothing", http.Header{"Retry-After": {"-1"}}, 0},
		{"no number", http.Header{"Retry-After": {"NaN"}}, 0},
		{"nonsense", http.Header{"Retry-After": {"soon"}}, 0},
		{"a reset in seconds since 1970", http.Header{"X-Ratelimit-Reset": {"1800000045"}}, 45 * time.Second},
		{"a reset in seconds from now", http.Header{"X-Ratelimit-Reset": {"45"}}, 45 * time.Second},
		{"a reset that has passed", http.Header{"X-Ratelimit-Reset": {"1700000000"}}, 0},
		{"Retry-After before a reset", http.Header{"Retry-After": {"5"}, "X-Ratelimit-Reset": {"45"}}, 5 * time.Second},
	} {
		if got := waitOf(tt.header, now); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestAHoldEndsAndIsNeverShortened(t *testing.T) {
	var l limit
	now := time.Unix(1_800_000_000, 0)
	if l.remaining(now) > 0 {
		t.Error("a new limit holds")
	}
	l.hold(now, time.Minute)
	l.hold(now, time.Second)
	if got := l.remaining(now.Add(20 * time.Second)); got != 40*time.Second {
		t.Errorf("%s remain, want 40s", got)
	}
	if l.remaining(now.Add(time.Minute)) > 0 {
		t.Error("the hold does not end")
	}
}

func FuzzWait(f *testing.F) {
	f.Add("30", "")
	f.Add("", "1800000045")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT", "-1e400")
	f.Fuzz(func(t *testing.T, after, reset string) {
		wait := waitOf(http.Header{"Retry-After": {after}, "X-Ratelimit-Reset": {reset}}, time.Unix(1_800_000_000, 0))
		if wait < 0 || wait > maxWait {
			t.Errorf("%q, %q: %s", after, reset, wait)
		}
	})
}
