package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/keyrotator/keyrotator/rotator/simulate"
)

// shrinkTries is how many histories are lived through at most to make a failing
// one short.
const shrinkTries = 2000

// tell tells one history; one that fails is made as short as can be first, and
// shown as the corpus wants it.
func tell(ctx context.Context, seed uint64, out io.Writer) (int, error) {
	r, err := simulate.Run(ctx, seed, simulate.Options{})
	if err != nil {
		return 1, err
	}
	only := r.Struck
	if len(r.Violations) > 0 {
		if only, err = simulate.Minimise(ctx, r, shrinkTries); err != nil {
			return 1, err
		}
	}
	r, err = simulate.Run(ctx, seed, simulate.Options{Only: &only, Story: func(line string) { fmt.Fprintln(out, line) }})
	if err != nil {
		return 1, err
	}
	text, err := json.Marshal(simulate.Case{Seed: seed, Only: &only})
	if err != nil {
		return 1, fmt.Errorf("encode the case: %w", err)
	}
	fmt.Fprintf(out, "%s\nseed %d: %d faults, %d events, %d violations\n", text, seed, len(only.Boundaries), len(only.Events), len(r.Violations))
	return min(1, len(r.Violations)), nil
}
