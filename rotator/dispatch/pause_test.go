package dispatch

import (
	"testing"
	"time"
)

func TestTheNextLookComesWhenTheNextUserIsDue(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := &Dispatcher{options: Options{Poll: 2 * time.Second}, wakes: &Wakes{now: func() time.Time { return now }}}
	for name, c := range map[string]struct {
		next time.Time
		want time.Duration
	}{
		"nobody is due":           {time.Time{}, 2 * time.Second},
		"somebody is due soon":    {now.Add(time.Second), time.Second},
		"somebody is due later":   {now.Add(time.Hour), 2 * time.Second},
		"somebody is due already": {now.Add(-time.Second), leastPause},
	} {
		if got := d.pause(c.next); got != c.want {
			t.Errorf("%s: the next look comes in %s, want %s", name, got, c.want)
		}
	}
}
