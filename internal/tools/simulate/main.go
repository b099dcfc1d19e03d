// Command simulate lives through many histories of package simulate and says
// what came of them:
//
//	go run ./internal/tools/simulate -seeds 1000 -first 1
//	go run ./internal/tools/simulate -story 42      # one history, told line by line
//	go run ./internal/tools/simulate -pairs         # every two faults at every two boundaries of one rotation
//	go run -tags planted ./internal/tools/simulate -plant delete-the-oldest
//
// It ends with one line that counts the violations, and with status 1 if there
// are any. With a planted bug there have to be some.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"time"
)

func main() {
	debug.SetGCPercent(1600) // histories are short, and there is memory for many
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
	plant := flags.String("plant", "", "switch this planted bug on (build tag planted)")
	both := flags.Bool("pairs", false, "every pair of crash points of one rotation instead")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if *plant != "" {
		if err := os.Setenv("KEYROTATOR_PLANT", *plant); err != nil {
			return 1, fmt.Errorf("plant %s: %w", *plant, err)
		}
		fmt.Fprintf(out, "planted: %s\n", *plant)
	}
	if *both {
		return pairs(ctx, out)
	}
	if *story > 0 {
		return tell(ctx, *story, out)
	}
	began := time.Now()
	sum, failing, err := all(ctx, *first, *seeds)
	if err != nil {
		return 1, err
	}
	code := summary(out, sum, failing, time.Since(began))
	if *plant != "" {
		code = 1 - code
	}
	return code, nil
}
