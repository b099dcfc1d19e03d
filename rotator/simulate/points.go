package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// Point is a fault at one boundary of a clean rotation by two replicas.
type Point struct {
	Boundary int // counted from one
	Fault    string
}

// String names the point.
func (p Point) String() string { return fmt.Sprintf("%s at boundary %d", p.Fault, p.Boundary) }

// PointFaults are what may go wrong at a point. A stale replica is stopped for
// so long that the other one takes over and ends the rotation, and goes on then,
// before it asks the fence or right behind it. Where nothing is changed, a lost
// answer is one to a call that was not done.
func PointFaults() []string {
	return []string{string(faultKill), string(faultKilled), string(faultLost), string(faultThrottle), string(faultPause), string(faultLate)}
}

// Shapes are the stores that rotations are looked at with: one that can be read
// back, that and one which can only be written, and one that can only be written.
func Shapes() []string { return []string{"readable", "both", "blind", "waves"} }

// pointsEnd is when a rotation with faults has ended, a stale replica has come
// back, and the next rotation has not begun yet.
const (
	staleFor  = 3 * time.Hour
	pointsEnd = 4 * time.Hour
)

// RunPoints lives through one rotation with the faults at the points, and until
// after it. A rotation that does not end by itself is a violation, unless no
// store can be read back: then a person may be asked whose a key is.
func RunPoints(ctx context.Context, shape string, points ...Point) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	ctx = context.WithoutCancel(ctx)
	h, err := beginPoints(ctx, shape)
	if err != nil {
		return Result{}, err
	}
	for _, p := range points {
		h.script[p.Boundary] = fault(p.Fault)
	}
	defer func() {
		for _, r := range h.replicas {
			r.stop()
		}
	}()
	// A second fault may hold things up once more.
	h.until(ctx, began().Add(pointsEnd+time.Duration(max(0, len(points)-1))*staleFor), nil)
	row, err := h.ledger.Row(ctx, robot())
	if err != nil {
		return Result{}, err
	}
	if err := h.ledger.Verify(ctx); err != nil {
		h.violatedf("%v", err)
	}
	if len(h.tally.Violations) == 0 && !h.rotated(row.Progress) && !(shape == "blind" && advised(row.Progress.Halt)) {
		h.violatedf("I6: the rotation has not ended: %s, %s %s", row.Progress.Phase, row.Waiting, row.Detail)
	}
	return *h.tally, nil
}

// rotated reports whether the user is at rest with one key, which is new.
func (h *history) rotated(p rotator.Progress) bool {
	return p.Phase == rotator.PhaseIdle && p.Halt == nil && len(h.world.keys) == 1 && h.world.keys[0].id != firstKey
}

// advised reports that a person is asked, and told what to type.
func advised(halt *rotator.Halt) bool {
	if halt == nil {
		return false
	}
	_, ok := rotator.Advise(halt.Reason, robot())
	return ok
}

func beginPoints(ctx context.Context, shape string) (*history, error) {
	d := newDraw(seeded(rand.NewPCG(1, 1)), 1)
	for seed := uint64(1); d.policy.Name != "short"; seed++ {
		d = newDraw(seeded(rand.NewPCG(seed, 1)), seed)
	}
	d.replicas, d.unknown, d.events, d.useLag, d.attempts = 2, 0, nil, 0, true
	d.policy.Jitter, d.policy.MaxAge = 0, 24*time.Hour
	record := place{name: "record", readable: true, record: true, versioned: true, refreshes: time.Minute, declared: time.Minute}
	blind := place{name: "blind", halves: true, refreshes: time.Minute, declared: time.Minute}
	switch shape {
	case "readable":
		d.places = []place{record}
	case "both":
		d.places = []place{record, blind}
	case "blind":
		d.places = []place{blind}
	case "waves": // a canary that is restarted, before the staged store of record
		record.stages = true
		blind.halves, blind.refreshes, blind.declared = false, 1000*day, 0
		blind.reloads, blind.wave, blind.soak = true, -1, time.Minute
		d.places = []place{record, blind}
	default:
		return nil, fmt.Errorf("%q is no shape", shape)
	}
	h := &history{rng: seeded(rand.NewPCG(1, 2)), tally: newResult(0), script: map[int]fault{}}
	h.world = &world{now: began(), draw: d, places: d.places, tally: h.tally, violatedf: h.violatedf}
	old := h.world.newKey(d.policy.MaxAge)
	for i := range h.world.places {
		p := &h.world.places[i]
		p.held, p.reader, p.since, p.read = old, old, began(), began()
	}
	h.ledger = &ledger{books: journal.NewMemory(), stale: true}
	for n := range d.replicas {
		h.replicas = append(h.replicas, newReplica(ctx, h, n))
	}
	h.world.settle()
	return h, nil
}

// scripted is what a point says of a boundary.
func (h *history) scripted(faults []fault) fault {
	f := h.script[h.boundary]
	if f == faultNone {
		return faultNone
	}
	if !slices.Contains(faults, f) {
		switch f {
		case faultLost:
			f = faultUnsent
		case faultLate:
			f = faultPause
		default:
		}
	}
	h.tally.Faults[string(f)]++
	return f
}
