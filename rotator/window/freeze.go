package window

import (
	"fmt"
	"time"
)

// maxFreeze bounds one freeze. Whoever wants longer wants `pause` or
// observe_only, which are seen in `status`.
const maxFreeze = 366 * 24 * time.Hour

// Freeze is a span in which the program starts nothing and cuts nothing: From
// inclusive, To exclusive. A Freeze whose To is not after From covers nothing.
type Freeze struct {
	From, To time.Time
}

// ParseFreeze makes a Freeze from two ends. An end is either a date
// (2026-12-20), which means that whole day in the IANA zone timezone (empty
// means UTC), the last day included; or an RFC 3339 instant, where the second
// one is exclusive. The two forms may be mixed. A freeze lasts 366 days at most.
func ParseFreeze(from, to, timezone string) (Freeze, error) {
	loc, err := loadZone(timezone)
	if err != nil {
		return Freeze{}, err
	}
	start, err := freezeEnd(from, loc, 0)
	if err != nil {
		return Freeze{}, fmt.Errorf("parse the freeze's beginning: %w", err)
	}
	end, err := freezeEnd(to, loc, 1)
	if err != nil {
		return Freeze{}, fmt.Errorf("parse the freeze's end: %w", err)
	}
	switch {
	case !end.After(start):
		return Freeze{}, fmt.Errorf("check the freeze: it ends (%s) before it begins (%s)", to, from)
	case end.Sub(start) > maxFreeze:
		return Freeze{}, fmt.Errorf("check the freeze: it lasts longer than %d days; pause the users instead", int(maxFreeze/(24*time.Hour)))
	}
	return Freeze{From: start, To: end}, nil
}

// CheckFreezeEnd reports what is wrong with one end of a freeze alone.
func CheckFreezeEnd(text string) error {
	_, err := freezeEnd(text, time.UTC, 0)
	return err
}

// freezeEnd reads a date, moved by addDays, or an instant.
func freezeEnd(text string, loc *time.Location, addDays int) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return startOfDay(day.AddDate(0, 0, addDays), loc), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a date (2026-12-20) nor an instant (2026-12-20T18:00:00Z)", text)
	}
	return at.UTC(), nil
}

// startOfDay returns the first instant of day's date in loc. Midnight may not
// exist there (the clock jumps from 23:59 to 01:00) or exist twice.
func startOfDay(day time.Time, loc *time.Location) time.Time {
	// time.Date may answer on either side of a change of offset, so the search
	// starts well before it and takes the spans of constant offset in order.
	for cur := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc).Add(-12 * time.Hour); ; {
		_, end := cur.ZoneBounds()
		at := instant(day, cur)
		if !at.Before(cur) && (end.IsZero() || at.Before(end)) {
			return at
		}
		if at.Before(cur) {
			return cur.UTC()
		}
		cur = end.In(loc)
	}
}

func (f Freeze) covers(t time.Time) bool { return !t.Before(f.From) && t.Before(f.To) }
