package simulate

import (
	"context"
	"maps"
)

// Options of a history.
type Options struct {
	// Story is told what happens; nil tells nobody.
	Story func(line string)
	// LeaveOut are boundaries, counted from one, at which nothing goes wrong
	// whatever chance says.
	LeaveOut []int
}

// Result is what came of one history, or of several.
type Result struct {
	Seed       uint64
	Histories  int
	Rotations  int // old keys that were deleted after a whole cycle
	Creates    int
	Deletes    int
	Steps      int
	Boundaries int
	SignIns    int
	Conflicts  int // saves that another replica's had overtaken
	Violations []string
	Faults     map[string]int
	Halts      map[string]int // by reason
	Ended      map[string]int // how the user stood at the end

	// Failed sign-ins that are nobody's fault here: half of a pair in a store
	// that takes two writes, a key that a person switched off or put back, a
	// consumer that reads less often than it declares, one that nobody knows.
	Mixed, ByHand, Undeclared, Unknown int

	// Struck are the boundaries at which something went wrong.
	Struck []int
}

func newResult(seed uint64) *Result {
	return &Result{Seed: seed, Histories: 1, Faults: map[string]int{}, Halts: map[string]int{}, Ended: map[string]int{}}
}

// Run lives through the history of one seed.
func Run(ctx context.Context, seed uint64, options Options) (Result, error) {
	h, err := begin(ctx, options, seed)
	if err != nil {
		return Result{}, err
	}
	h.run()
	h.tally.Struck = h.struck
	return *h.tally, nil
}

// Add adds another history's figures, but neither its seed nor its violations.
func (r *Result) Add(o Result) {
	r.Histories += o.Histories
	r.Rotations += o.Rotations
	r.Creates += o.Creates
	r.Deletes += o.Deletes
	r.Steps += o.Steps
	r.Boundaries += o.Boundaries
	r.SignIns += o.SignIns
	r.Conflicts += o.Conflicts
	r.Mixed += o.Mixed
	r.ByHand += o.ByHand
	r.Undeclared += o.Undeclared
	r.Unknown += o.Unknown
	for _, m := range []struct{ to, from map[string]int }{{r.Faults, o.Faults}, {r.Halts, o.Halts}, {r.Ended, o.Ended}} {
		for k := range maps.Keys(m.from) {
			m.to[k] += m.from[k]
		}
	}
}

// Minimise leaves out as many faults of a failing history as it can while it
// still fails, with at most so many tries, and returns the boundaries left out.
func Minimise(ctx context.Context, failing Result, tries int) ([]int, error) {
	var out []int
	fails := func(leaveOut []int) (Result, bool, error) {
		r, err := Run(ctx, failing.Seed, Options{LeaveOut: leaveOut})
		return r, len(r.Violations) > 0, err
	}
	struck := failing.Struck
	for size := max(1, len(struck)/2); tries > 0; size /= 2 {
		for at := 0; at < len(struck) && tries > 0; {
			tries--
			part := struck[at:min(at+size, len(struck))]
			try := append(append([]int(nil), out...), part...)
			r, still, err := fails(try)
			if err != nil {
				return nil, err
			}
			if still {
				out, struck = try, r.Struck
				continue
			}
			at += size
		}
		if size <= 1 {
			break
		}
	}
	return out, nil
}
