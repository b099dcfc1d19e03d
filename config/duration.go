package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day

	// maxDuration bounds every duration, so that sums of them cannot overflow.
	maxDuration = 3650 * day

	// durationPattern is what ParseDuration accepts, for the JSON Schema; the
	// second half is an expansion.
	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms))+|.*\$\{(file|env):.+\}.*)$`
)

// durationPart is one number with its unit. The longer unit comes first, so
// that ms is not read as m.
var durationPart = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|w|d|h|m|s)`)

// ParseDuration reads a duration like 90d, 1d12h or 1h30m: numbers with the
// units w (seven days), d (24 hours), h, m, s and ms. It is never negative and
// at most 3650 days.
func ParseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%q is negative", text)
	}
	if text == "" {
		return 0, errors.New("it is empty; write a duration like 90d, 1d12h or 30s")
	}
	var total time.Duration
	for rest := text; rest != ""; {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf("%q is not a duration; write one like 90d, 1d12h or 30s", text)
		}
		number, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration; write one like 90d, 1d12h or 30s", text)
		}
		// Compared as a float first: a product past the bound may not fit.
		value := number * float64(unit(part[2]))
		if value > float64(maxDuration) || total+time.Duration(value) > maxDuration {
			return 0, fmt.Errorf("%q is longer than 3650 days", text)
		}
		total += time.Duration(value)
		rest = rest[len(part[0]):]
	}
	return total, nil
}

func unit(name string) time.Duration {
	switch name {
	case "w":
		return week
	case "d":
		return day
	case "h":
		return time.Hour
	case "m":
		return time.Minute
	case "s":
		return time.Second
	}
	return time.Millisecond
}

// FormatDuration writes d in the form that ParseDuration reads, without parts
// that are zero: 7d, 1d12h, 0s. Parts below a millisecond are left out.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	if d < 0 {
		b.WriteByte('-')
		d = -d
	}
	for _, u := range []string{"d", "h", "m", "s", "ms"} {
		size := unit(u)
		if d >= size {
			fmt.Fprintf(&b, "%d%s", d/size, u)
			d %= size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
