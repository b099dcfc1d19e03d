package config

import (
	"fmt"

	"github.com/keyrotator/keyrotator/rotator/window"
)

func (c *checker) policy(path, name string, p Policy) {
	before := len(c.findings)
	if !entryName.MatchString(name) {
		c.failKey(path, fmt.Sprintf("%q is not a name", name), "letters, digits, dot, hyphen and underscore, 64 at most")
	}
	verify := path + ".verify"
	if c.usable(verify+".over") && c.usable(verify+".limit") && p.Verify.Limit < p.Verify.Over {
		c.fail(verify+".limit", fmt.Sprintf("is shorter than over, %s", FormatDuration(p.Verify.Over)), "")
	}
	c.regions(verify+".regions", p.Verify.Regions)
	for i, w := range p.Windows {
		c.window(fmt.Sprintf("%s.windows[%d]", path, i), w)
	}
	for i, f := range p.Freezes {
		c.freeze(fmt.Sprintf("%s.freezes[%d]", path, i), f)
	}
	// A lead made of parts that are wrong would only be a second error.
	if len(c.findings) == before && c.intact(path) {
		c.lead(path, name, p)
	}
}

// regions checks a list of Regions.
func (c *checker) regions(path string, regions []string) {
	seen := map[string]bool{}
	for i, region := range regions {
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.match(at, region, regionName, "a Region such as eu-west-1") && seen[region] {
			c.fail(at, "is named twice", "")
		}
		seen[region] = true
	}
}

// intact reports whether every duration of a policy could be read.
func (c *checker) intact(path string) bool {
	for _, key := range []string{"max_age", "overlap", "quiet", "trial", "settle", "push_limit", "last_used_lag", "verify.over", "windows"} {
		if !c.usable(join(path, key)) {
			return false
		}
	}
	return true
}

func (c *checker) window(path string, w Window) {
	if at := path + ".cron"; c.usable(at) {
		if err := window.CheckCron(w.Cron); err != nil {
			c.fail(at, err.Error(), "five fields: minute, hour, day of month, month, day of week (0 is Sunday)")
		}
	}
	if at := path + ".duration"; c.usable(at) {
		if err := window.CheckDuration(w.Duration); err != nil {
			c.fail(at, err.Error(), "")
		}
	}
	c.zone(path+".timezone", w.Timezone)
}

func (c *checker) zone(path, name string) bool {
	if !c.usable(path) {
		return false
	}
	if name == "" {
		c.fail(path, "is empty", "write an IANA time zone name such as Europe/Berlin, or leave it out for UTC")
		return false
	}
	if err := window.CheckZone(name); err != nil {
		c.fail(path, err.Error(), "")
		return false
	}
	return true
}

func (c *checker) freeze(path string, f Freeze) {
	ok := c.zone(path+".timezone", f.Timezone)
	for key, text := range map[string]string{"from": f.From, "to": f.To} {
		at := join(path, key)
		if !c.usable(at) {
			ok = false
			continue
		}
		if err := window.CheckFreezeEnd(text); err != nil {
			c.fail(at, err.Error(), "")
			ok = false
		}
	}
	if !ok {
		return
	}
	if _, err := window.ParseFreeze(f.From, f.To, f.Timezone); err != nil {
		c.fail(path+".to", err.Error(), "")
	}
}

const leadHint = "raise max_age, or shorten one of the graces: a rotation has to start that long before max_age"

// lead checks that a policy can meet its own maximum age, and remembers its gap
// for the users that have it.
func (c *checker) lead(path, name string, p Policy) {
	calendar, err := p.Calendar()
	if err != nil {
		return // an error of a window or freeze, reported there
	}
	gap := calendar.LongestGap()
	lead := p.leadWith(gap, Pace{})
	if lead.Total() >= p.MaxAge {
		c.spoil(path+".max_age", tooShort(name, p, lead), leadHint)
		return
	}
	c.gaps[name] = gap
}

func tooShort(name string, p Policy, lead Lead) string {
	return fmt.Sprintf("policy %q cannot meet max_age %s: its lead is %s = %s",
		name, FormatDuration(p.MaxAge), FormatDuration(lead.Total()), lead)
}
