// Command simulate lives through many histories of package simulate and says
// what came of them:
//
//	go run ./internal/tools/simulate -seeds 1000 -first 1
//	go run ./internal/tools/simulate -story 42      # one history, told line by line
//	go run ./internal/tools/simulate -pairs         # every two faults at every two boundaries of one rotation
//
// It ends with one line that counts the violations, and with status 1 if there
// are any.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/keyrotator/keyrotator/rotator/simulate"
)

func main() {
	debug.SetGCPercent(400) // histories are short, and there is memory for many
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, os.Args[1:], os.Stdout)
	restore()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) (int, error) {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	seeds := flags.Uint64("seeds", 1000, "how many histories")
	first := flags.Uint64("first", 1, "the first seed")
	story := flags.Uint64("story", 0, "tell the history of this seed, with as few faults as it needs to fail")
	both := flags.Bool("pairs", false, "every pair of crash points of one rotation instead")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if *both {
		return pairs(ctx, out)
	}
	if *story > 0 {
		return tell(ctx, *story, out)
	}
	sum, failing, err := all(ctx, *first, *seeds)
	if err != nil {
		return 1, err
	}
	for _, r := range failing {
		for _, v := range r.Violations {
			fmt.Fprintf(out, "seed %d: %s\n", r.Seed, v)
		}
	}
	return summary(out, sum, failing), nil
}

// tell tells one history; one that fails is made as short as can be first.
func tell(ctx context.Context, seed uint64, out io.Writer) (int, error) {
	r, err := simulate.Run(ctx, seed, simulate.Options{})
	if err != nil {
		return 1, err
	}
	var leaveOut []int
	if len(r.Violations) > 0 {
		if leaveOut, err = simulate.Minimise(ctx, r, 300); err != nil {
			return 1, err
		}
	}
	r, err = simulate.Run(ctx, seed, simulate.Options{LeaveOut: leaveOut, Story: func(line string) { fmt.Fprintln(out, line) }})
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(out, "seed %d: %d faults, %d violations\n", seed, len(r.Struck), len(r.Violations))
	return min(1, len(r.Violations)), nil
}

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
	slices.SortFunc(failing, func(a, b simulate.Result) int { return int(a.Seed) - int(b.Seed) })
	return sum, failing, failed
}

func summary(out io.Writer, sum simulate.Result, failing []simulate.Result) int {
	violations := 0
	for _, r := range failing {
		violations += len(r.Violations)
	}
	fmt.Fprintf(out, "faults: %s\n", counts(sum.Faults))
	fmt.Fprintf(out, "halts: %s\n", counts(sum.Halts))
	fmt.Fprintf(out, "at the end: %s\n", counts(sum.Ended))
	fmt.Fprintf(out, "sign-ins: %d; failed by hand: %d, with half of a pair: %d, by who reads less often than declared: %d, by who is unknown: %d\n",
		sum.SignIns, sum.ByHand, sum.Mixed, sum.Undeclared, sum.Unknown)
	fmt.Fprintf(out, "saves that another replica had overtaken: %d\n", sum.Conflicts)
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
