package simulate

import (
	"context"
	"maps"
)

// Options of a history.
type Options struct {
	// Story is told what happens; nil tells nobody.
	Story func(line string)
	// Only are what may go wrong of that which chance wants; nil for all of it.
	Only *Faults
}

// Faults are what went wrong in a history.
type Faults struct {
	// Boundaries of calls, counted from one.
	Boundaries []int `json:"boundaries"`
	// Events from outside, by their numbers.
	Events []int `json:"events"`
}

// Case is a history that once failed, with as few faults as it needed for that.
// It is the same history only as long as nobody changes what a seed draws.
type Case struct {
	Seed uint64  `json:"seed"`
	Only *Faults `json:"only,omitempty"`
	Why  string  `json:"why"`
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

	// Struck is what went wrong.
	Struck Faults
}

func newResult(seed uint64) *Result {
	return &Result{Seed: seed, Histories: 1, Faults: map[string]int{}, Halts: map[string]int{}, Ended: map[string]int{}}
}

// Run lives through the history of one seed.
func Run(ctx context.Context, seed uint64, options Options) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	ctx = context.WithoutCancel(ctx) // a history is lived through
	h, err := begin(ctx, options, seed)
	if err != nil {
		return Result{}, err
	}
	h.run(ctx)
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
