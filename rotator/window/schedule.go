package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/robfig/cron/v3"
)

// ErrNeverFires marks a cron expression that parses but matches no instant,
// such as the thirty-first of February.
var ErrNeverFires = errors.New("the schedule never fires")

const (
	// maxExpression bounds what is handed to the parser. The longest sensible
	// expression lists a few dozen minutes.
	maxExpression = 256

	// everyHour has the bits 0 to 23 of cron.SpecSchedule.Hour set.
	everyHour = 1<<24 - 1

	// searchYears bounds a search for the next occurrence. 29 February is the
	// rarest date there is, and around 2100 it is eight years away.
	searchYears = 9
)

// schedule is a cron expression on the wall clock of one zone.
type schedule struct {
	spec *cron.SpecSchedule
	loc  *time.Location
}

// parseSchedule parses a five-field expression or a descriptor like @daily.
func parseSchedule(expr string, loc *time.Location) (schedule, error) {
	if err := checkExpression(expr); err != nil {
		return schedule{}, err
	}
	parsed, err := parseGuarded(expr)
	if err != nil {
		return schedule{}, fmt.Errorf("parse cron expression %q: %w", expr, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return schedule{}, fmt.Errorf("parse cron expression %q: an interval has no place in the day; name the hours", expr)
	}
	// The fields are matched against wall-clock readings that are carried as
	// UTC, so the library must not apply a zone of its own.
	spec.Location = time.UTC
	if !fires(spec) {
		return schedule{}, fmt.Errorf("parse cron expression %q: %w", expr, ErrNeverFires)
	}
	return schedule{spec: spec, loc: loc}, nil
}

// checkExpression refuses what the library would panic on or misread.
func checkExpression(expr string) error {
	switch {
	case strings.TrimSpace(expr) == "":
		return errors.New("parse cron expression: it is empty")
	case len(expr) > maxExpression:
		return fmt.Errorf("parse cron expression: it is longer than %d bytes", maxExpression)
	case strings.ContainsFunc(expr, unicode.IsControl):
		return fmt.Errorf("parse cron expression %q: it contains a control character", expr)
	case strings.Contains(strings.ToUpper(expr), "TZ="):
		return fmt.Errorf("parse cron expression %q: a time zone is a field of its own, not a part of the expression", expr)
	}
	return nil
}

// parseGuarded turns a panic of the library into an error.
func parseGuarded(expr string) (parsed cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			parsed, err = nil, fmt.Errorf("the expression cannot be read: %v", r)
		}
	}()
	return cron.ParseStandard(strings.TrimSpace(expr))
}

// fires reports whether the expression ever matches. A field such as "," has no
// bits at all; it is told from the bits, since the library would otherwise step
// through five years minute by minute to find nothing.
func fires(spec *cron.SpecSchedule) bool {
	if slices.Contains([]uint64{spec.Minute, spec.Hour, spec.Dom, spec.Month, spec.Dow}, 0) {
		return false
	}
	// The library looks five years ahead, and 2000 is a leap year.
	return !spec.Next(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero()
}

// next returns the first occurrence after t.
func (s schedule) next(t time.Time) (time.Time, bool) { return s.after(t).next() }

// nextReading returns the first matching wall-clock reading after from. The
// library gives up after five years; 29 February around 2100 needs eight.
func (s schedule) nextReading(from time.Time) time.Time {
	if n := s.spec.Next(from); !n.IsZero() {
		return n
	}
	return s.spec.Next(from.AddDate(searchYears-5, 0, 0))
}

func (s schedule) followsElapsedTime() bool { return s.spec.Hour&everyHour == everyHour }

// wall returns what a clock with the offset of zone shows at t, carried as UTC.
func wall(t, zone time.Time) time.Time {
	_, offset := zone.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is the inverse of wall.
func instant(reading, zone time.Time) time.Time {
	_, offset := zone.Zone()
	return reading.Add(-time.Duration(offset) * time.Second).UTC()
}

// loadZone resolves an IANA time zone name; the empty name is UTC. "Local" is
// refused: it would open at different instants on different machines.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") {
		return nil, errors.New(`load time zone: "Local" depends on the machine; name a zone such as Europe/Berlin`)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		// The library's text holds paths of this machine; the name is enough.
		return nil, fmt.Errorf("load time zone: %q is not an IANA time zone name such as Europe/Berlin", name)
	}
	return loc, nil
}
