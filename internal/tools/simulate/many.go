package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator/simulate"
)

// all lives through the histories on all processors.
func all(ctx context.Context, first, count uint64) (simulate.Result, []simulate.Result, error) {
	var (
		mu      sync.Mutex
		group   sync.WaitGroup
		failing []simulate.Result
		failed  error
	)
	sum := simulate.Result{Seed: first, Faults: map[string]int{}, Halts: map[string]int{}, Ended: map[string]int{}}
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range next {
				r, err := simulate.Run(ctx, seed, simulate.Options{})
				mu.Lock()
				sum.Add(r)
				if err != nil {
					failed = err
				}
				if len(r.Violations) > 0 {
					failing = append(failing, r)
				}
				mu.Unlock()
			}
		})
	}
	for seed := first; seed < first+count && ctx.Err() == nil; seed++ {
		next <- seed
	}
	close(next)
	group.Wait()
	slices.SortFunc(failing, func(a, b simulate.Result) int { return cmp.Compare(a.Seed, b.Seed) })
	return sum, failing, failed
}

// told is how many failing histories are told of at most; a planted bug breaks
// thousands.
const told = 50

// summary says what came of the histories. Its last line counts the violations.
func summary(out io.Writer, sum simulate.Result, failing []simulate.Result, took time.Duration) int {
	violations, broken := 0, map[string]int{}
	for i, r := range failing {
		violations += len(r.Violations)
		of := map[string]bool{}
		for _, v := range r.Violations {
			invariant, _, _ := strings.Cut(v, ":")
			of[invariant] = true
			if i < told {
				fmt.Fprintf(out, "seed %d: %s\n", r.Seed, v)
			}
		}
		for invariant := range of {
			broken[invariant]++
		}
	}
	if rest := len(failing) - told; rest > 0 {
		fmt.Fprintf(out, "and %d more histories\n", rest)
	}
	fmt.Fprintf(out, "faults: %s\n", counts(sum.Faults))
	fmt.Fprintf(out, "halts: %s\n", counts(sum.Halts))
	fmt.Fprintf(out, "at the end: %s\n", counts(sum.Ended))
	fmt.Fprintf(out, "sign-ins looked at: %d; failed by hand: %d, with half of a pair: %d, by who reads less often than declared: %d, by who is unknown: %d\n",
		sum.SignIns, sum.ByHand, sum.Mixed, sum.Undeclared, sum.Unknown)
	fmt.Fprintf(out, "saves that another replica had overtaken: %d\n", sum.Conflicts)
	fmt.Fprintf(out, "%s, %.0f histories a second\n", took.Round(time.Second), float64(sum.Histories)/took.Seconds())
	if len(failing) > 0 {
		fmt.Fprintf(out, "broken histories: %d, that is %.2f%% (%s)\n", len(failing), 100*float64(len(failing))/float64(sum.Histories), counts(broken))
	}
	fmt.Fprintf(out, "%d histories from seed %d, %d rotations, %d steps, %d call boundaries, %d violations\n",
		sum.Histories, sum.Seed, sum.Rotations, sum.Steps, sum.Boundaries, violations)
	return min(1, violations)
}

func counts(of map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(parts, ", ")
}
