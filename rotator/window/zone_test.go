package window

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// byRule is a zone of which nothing is known but the rule of its clock changes,
// as in the data that Go embeds and some distributions install: RFC 8536 with one
// type of time, no transitions, and a TZ string.
func byRule(t *testing.T, name, rule string, offset int32) *time.Location {
	t.Helper()
	block := func(b *bytes.Buffer) {
		b.WriteString("TZif2")
		b.Write(make([]byte, 15))
		for _, count := range []uint32{0, 0, 0, 0, 1, 4} { // types and bytes of their names are the last two
			_ = binary.Write(b, binary.BigEndian, count) // to a buffer
		}
		_ = binary.Write(b, binary.BigEndian, offset) // to a buffer
		b.WriteString("\x00\x00STD\x00")
	}
	var data bytes.Buffer
	block(&data)
	block(&data)
	data.WriteString("\n" + rule + "\n")
	loc, err := time.LoadLocationFromTZData(name, data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestAZoneThatIsKnownByItsRuleAloneHasTheSameOccurrences(t *testing.T) {
	for zone, known := range map[string]*time.Location{
		"Europe/Berlin":    byRule(t, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", 3600),
		"America/New_York": byRule(t, "America/New_York", "EST5EDT,M3.2.0,M11.1.0", -5*3600),
		"Australia/Sydney": byRule(t, "Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3", 10*3600),
	} {
		for _, expr := range []string{"0 3 * * 1-5", "30 2 * * *", "0 12 31 12 *", "0 0 1 1 *", "15 23 31 * *", "@hourly"} {
			t.Run(zone+" "+expr, func(t *testing.T) {
				loc, err := loadZone(zone)
				if err != nil {
					t.Fatal(err)
				}
				s, err := parseSchedule(expr, loc)
				if err != nil {
					t.Fatal(err)
				}
				ruled := schedule{spec: s.spec, loc: known}
				begin := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
				want, got := s.after(begin), ruled.after(begin)
				for limit := begin.AddDate(9, 0, 0); ; {
					at, _ := want.next()
					if is, ok := got.next(); !ok || !is.Equal(at) {
						t.Fatalf("the next occurrence is %s, want %s", is, at)
					}
					if at.After(limit) {
						break
					}
				}
			})
		}
	}
}

func TestTheLongestGapOfAZoneThatIsKnownByItsRuleAloneIsFound(t *testing.T) {
	s, err := parseSchedule("0 3 * * 1-5", byRule(t, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", 3600))
	if err != nil {
		t.Fatal(err)
	}
	c := Calendar{windows: []Window{{schedule: s, duration: 4 * time.Hour}}}
	if gap := c.LongestGap(); gap != 69*time.Hour {
		t.Errorf("the longest gap is %s, want 69h: from Friday 07:00 to Monday 03:00, and an hour for the clock change", gap)
	}
}
