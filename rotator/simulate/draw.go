package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// draw is what chance decides about a history before it begins.
type draw struct {
	policy   rotator.Policy
	faulty   time.Duration // the time of faults
	tail     time.Duration // the time without
	rate     float64       // of faults, at each boundary
	replicas int
	sqlite   bool

	lease, margin time.Duration
	longestPause  time.Duration
	jump          time.Duration // of a clock
	poll, sweep   time.Duration

	useLag time.Duration // how late a last use is told
	// attempts is set where signing in with an Inactive key counts as a use.
	attempts bool
	places   []place
	// unknown is a consumer that no configuration names, which uses the first
	// key until this long after the beginning; zero for none.
	unknown time.Duration
	// events are what persons do and what befalls journals and clocks.
	events []event
}

// event is something from outside.
type event struct {
	at     time.Duration // from the beginning
	kind   eventKind
	number int // counted from one, in the order in which they were drawn
}

type eventKind string

const (
	eventSecondKey eventKind = "a person makes a second key"
	eventSwitchOn  eventKind = "a person switches the old key on"
	eventDrift     eventKind = "an old key is put back into a store"
	eventLoss      eventKind = "the journal is lost"
	eventRestore   eventKind = "an older journal is restored"
	eventClock     eventKind = "a clock jumps"
	eventRotate    eventKind = "an operator asks for a rotation"
	eventRollback  eventKind = "an operator rolls back"
	eventResume    eventKind = "an operator resumes"
)

// between draws a duration from low to high.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(rng.Int64N(int64(high-low)))
}

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func newDraw(rng *rand.Rand, seed uint64) draw {
	d := draw{
		rate: pick(rng, 0.002, 0.01, 0.05, 0.15), replicas: pick(rng, 1, 2, 2, 3), sqlite: seed%1000 == 0,
		lease: 2 * time.Minute, margin: 15 * time.Minute, attempts: chance(rng, 0.5),
	}
	short := chance(rng, 0.5)
	if short {
		d.policy = rotator.Policy{
			Name: "short", MaxAge: 8 * time.Hour, Overlap: 30 * time.Minute, Quiet: 20 * time.Minute, Trial: time.Hour,
			Settle: 10 * time.Minute, PushLimit: 5 * time.Minute, Jitter: 10 * time.Minute,
			Verify: rotator.Quorum{Successes: 3, Over: time.Minute, Limit: 30 * time.Minute},
		}
		d.faulty, d.tail, d.longestPause, d.jump = 2*day, 2*day, 10*time.Hour, 12*time.Hour
		d.poll, d.sweep = 2*time.Minute, 3*time.Hour
	} else {
		d.policy = rotator.Policy{
			Name: "days", MaxAge: 13 * day, Overlap: day, Quiet: day, Trial: 3 * day, Settle: 10 * time.Minute,
			PushLimit: 5 * time.Minute, Jitter: 6 * time.Hour, LastUsedLag: 5 * time.Hour,
			Verify: rotator.Quorum{Successes: 3, Over: time.Minute, Limit: time.Hour},
		}
		d.faulty, d.tail, d.longestPause, d.jump = 20*day, 34*day, 4*day, 3*day
		d.poll, d.sweep = time.Hour, day
		d.useLag = between(rng, 0, 4*time.Hour)
	}
	d.drawPlaces(rng, short)
	d.drawServing(seeded(rand.NewPCG(seed, 3)), short)
	d.drawEvents(rng)
	return d
}

func (d *draw) drawPlaces(rng *rand.Rand, short bool) {
	blind := chance(rng, 0.15)
	refreshes := []time.Duration{0, time.Minute, time.Hour}
	if !short {
		refreshes = append(refreshes, week)
	}
	for i := range 1 + rng.IntN(3) {
		p := place{name: string(rune('a' + i)), refreshes: pick(rng, refreshes...)}
		switch {
		case i == 0 && !blind:
			p.readable, p.record, p.versioned = true, true, chance(rng, 0.6)
		case !blind && chance(rng, 0.4):
			p.readable = true
		default:
			p.halves = chance(rng, 0.3)
		}
		p.declared = p.refreshes
		d.places = append(d.places, p)
	}
	if chance(rng, 0.1) {
		lazy := &d.places[rng.IntN(len(d.places))]
		lazy.refreshes, lazy.undeclared = d.policy.MaxAge, true
	}
	if chance(rng, 0.1) {
		d.unknown = pick(rng, d.faulty/4, d.faulty/2, 100*d.faulty)
	}
}

func (d *draw) drawEvents(rng *rand.Rand) {
	for _, e := range []struct {
		kind eventKind
		p    float64
	}{
		{eventSecondKey, 0.15}, {eventSwitchOn, 0.15}, {eventDrift, 0.25}, {eventLoss, 0.1}, {eventRestore, 0.25},
		{eventClock, 0.2}, {eventRotate, 0.15}, {eventRollback, 0.1},
	} {
		for chance(rng, e.p) {
			d.events = append(d.events, event{between(rng, 0, d.faulty), e.kind, len(d.events) + 1})
		}
	}
	for at := d.faulty / 8; at < d.faulty; at += d.faulty / 8 {
		d.events = append(d.events, event{at, eventResume, len(d.events) + 1})
	}
}

// attended reports that a person may have to be asked: somebody acted from
// outside, or no store can be read back.
func (d *draw) attended() bool {
	for _, e := range d.events {
		if e.kind != eventResume && e.kind != eventClock && e.kind != eventRotate {
			return true
		}
	}
	for _, p := range d.places {
		if p.record {
			return d.unknown > 0 // whoever nobody knows may use an orphan or a key in its trial
		}
	}
	return true
}
