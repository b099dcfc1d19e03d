package simulate

import (
	"context"
	"slices"
)

// Minimise leaves out as many faults of a failing history as it can while it
// still fails, with at most so many tries, and returns those that are left.
func Minimise(ctx context.Context, failing Result, tries int) (Faults, error) {
	left := failing.Struck
	fails := func(less Faults) (bool, error) {
		tries--
		r, err := Run(ctx, failing.Seed, Options{Only: &less})
		if err != nil || len(r.Violations) == 0 {
			return false, err
		}
		left = r.Struck
		return true, nil
	}
	more := func() bool { return tries > 0 }
	err := shrink(more, func() []int { return left.Events }, func(less []int) (bool, error) {
		return fails(Faults{Boundaries: left.Boundaries, Events: less})
	})
	if err != nil {
		return Faults{}, err
	}
	err = shrink(more, func() []int { return left.Boundaries }, func(less []int) (bool, error) {
		return fails(Faults{Boundaries: less, Events: left.Events})
	})
	return left, err
}

// shrink leaves out parts of what is left, halves first and single ones last.
func shrink(more func() bool, left func() []int, fails func(less []int) (bool, error)) error {
	for size := max(1, len(left())/2); size > 0; size /= 2 {
		for at := 0; at < len(left()) && more(); {
			all := left()
			still, err := fails(slices.Delete(slices.Clone(all), at, min(len(all), at+size)))
			if err != nil {
				return err
			}
			if !still {
				at += size
			}
		}
	}
	return nil
}
