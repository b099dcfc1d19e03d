package rest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxWait bounds how long a service can silence a client, whatever it asks for.
const maxWait = 15 * time.Minute

// limit remembers until when the service wants to be left alone. Services count
// calls made meanwhile against the caller.
type limit struct {
	mu    sync.Mutex
	until time.Time
}

// remaining is how long there is still to wait, zero or less for not at all.
func (l *limit) remaining(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until.Sub(now)
}

// hold waits from now on.
func (l *limit) hold(now time.Time, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := now.Add(wait); until.After(l.until) {
		l.until = until
	}
}

// throttled reports whether an answer asks for fewer requests. Some services
// say so by 403 and tell by their headers that it was the limit.
func throttled(status int, h http.Header) bool {
	return status == http.StatusTooManyRequests ||
		status == http.StatusForbidden && (h.Get("Retry-After") != "" || strings.TrimSpace(h.Get("X-Ratelimit-Remaining")) == "0")
}

// waitOf returns how long an answer's headers ask to wait, at most maxWait and
// never less than zero; zero when they say nothing that can be understood.
// Retry-After holds seconds or a date (RFC 9110, section 10.2.3).
// X-RateLimit-Reset is no standard: seconds since 1970 with most services,
// seconds from now with some; the size of the number tells them apart.
func waitOf(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	if text := strings.TrimSpace(h.Get("Retry-After")); text != "" {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			wait = bounded(seconds)
		} else if date, err := http.ParseTime(text); err == nil {
			wait = date.Sub(now)
		}
	} else if seconds, err := strconv.ParseFloat(strings.TrimSpace(h.Get("X-Ratelimit-Reset")), 64); err == nil {
		const aDate = 1e9 // in September 2001
		if seconds >= aDate {
			seconds -= float64(now.Unix())
		}
		wait = bounded(seconds)
	}
	return max(0, min(wait, maxWait))
}

// bounded turns seconds into a duration that cannot overflow. What is no number
// is zero.
func bounded(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
}
