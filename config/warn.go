package config

import (
	"fmt"
	"time"
)

// Warnings lists what is allowed, because tests and the demo need it, but is
// unsafe or useless against the real AWS. They are sorted by place.
func (c *Config) Warnings() []Finding {
	src := c.src
	if src == nil {
		src = newSource("", nil)
	}
	var found []Finding
	warn := func(path, message, hint string) {
		found = append(found, src.finding(src.locate(path), path, message, hint))
	}
	if len(c.Users) == 0 {
		warn("users", "there is no user", "nothing will be rotated")
	}
	used := map[string]bool{}
	slowest := map[string]Pace{}
	for _, u := range c.Users {
		used[u.Policy] = true
		slowest[u.Policy] = slowest[u.Policy].slower(u.Pace())
	}
	for _, name := range sortedKeys(c.Policies) {
		if used[name] || src.given(join("policies", name)) {
			warnPolicy(join("policies", name), c.Policies[name], slowest[name], warn)
		}
	}
	if c.SharedJournal() && c.Limits.TakeoverMargin < safeMargin {
		warn("limits.takeover_margin", fmt.Sprintf("takeover_margin is %s, less than %s", FormatDuration(c.Limits.TakeoverMargin), FormatDuration(safeMargin)),
			"AWS still takes a request that a replica signed five minutes ago and never sent")
	}
	return sortFindings(found)
}

// safeMargin is longer than AWS takes a signature for: five minutes by the
// documents of IAM and STS, and some of clocks that differ.
const safeMargin = 6 * time.Minute

func warnPolicy(path string, p Policy, pace Pace, warn func(path, message, hint string)) {
	for _, w := range []struct {
		key  string
		have time.Duration
		safe time.Duration
		why  string
	}{
		{"overlap", p.Overlap, 15 * time.Minute, "a consumer that is slow to read its store would lose its key"},
		{"quiet", p.Quiet, 6 * time.Hour, "AWS reports the last use in steps of 15 minutes and hours late"},
		{"trial", p.Trial, 24 * time.Hour, "a forgotten user of the old key is found only while it can still be reactivated"},
		{"settle", p.Settle, time.Minute, "AWS's lists may be stale for seconds and more"},
		{"last_used_lag", p.LastUsedLag, 4 * time.Hour, "AWS may report the last use hours late"},
		{"verify.over", p.Verify.Over, 30 * time.Second, "a new key may be refused again after it first worked"},
	} {
		if w.have < w.safe {
			warn(join(path, w.key), fmt.Sprintf("%s is %s, less than %s", w.key, FormatDuration(w.have), FormatDuration(w.safe)), w.why)
		}
	}
	if p.Verify.Successes < 3 {
		warn(path+".verify.successes", fmt.Sprintf("verify.successes is %d, less than 3", p.Verify.Successes), "about one new key in ten fails again after its first success")
	}
	if lead, err := p.Lead(pace); err == nil && lead.Total()+p.Jitter >= p.MaxAge {
		warn(path+".jitter", fmt.Sprintf("lead %s and jitter %s together reach max_age %s", FormatDuration(lead.Total()), FormatDuration(p.Jitter), FormatDuration(p.MaxAge)),
			"some rotations would start again as soon as they end; shorten jitter")
	}
}
