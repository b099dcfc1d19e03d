// Command chaos runs the real program against the embedded AWS and breaks
// everything around it at random, while consumers sign in all the time:
//
//	go run ./internal/tools/chaos sqlite --kills 1000 --seed 1
//
// It ends with a line that says what was done and "0 anomalies", or with status 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// program is what is run.
const program = "github.com/keyrotator/keyrotator/cmd/keyrotator"

// scenario is one kind of history.
type scenario struct {
	name   string
	limits string // of every replica, unless others are asked for
	run    func(ctx context.Context, p plan) error
}

func scenarios() []scenario {
	return []scenario{
		{"sqlite", limits, runSQLite}, {"postgres", limits, runPostgres},
		{"failover", limits, runFailover}, {"share", shareLimits, runShare},
	}
}

// plan is what a run is asked for.
type plan struct {
	name    string
	kills   int
	cycles  int    // that every user ends when the faults have stopped
	limits  string // of every replica, as they are configured
	atMost  time.Duration
	program string
	dir     string
	out     *report
}

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	restore()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	all := scenarios()
	names := make([]string, 0, len(all))
	for _, s := range all {
		names = append(names, s.name)
	}
	if len(args) == 0 || !slices.Contains(names, args[0]) {
		return fmt.Errorf("usage: chaos %s [flags]", strings.Join(names, "|"))
	}
	s := all[slices.Index(names, args[0])]
	p := plan{name: s.name, limits: s.limits, out: &report{began: time.Now(), out: os.Stdout}}
	flags := flag.NewFlagSet("chaos "+s.name, flag.ContinueOnError)
	flags.IntVar(&p.kills, "kills", 20, "how many times a process is killed")
	flags.IntVar(&p.cycles, "cycles", 2, "how many cycles every user ends when the faults have stopped")
	flags.DurationVar(&p.atMost, "at-most", 24*time.Hour, "how long faults go on, should there not be enough kills by then")
	flags.StringVar(&p.limits, "limits", s.limits, "the limits of every replica")
	flags.Uint64Var(&p.out.seed, "seed", 1, "what chance is drawn from")
	keep := flags.Bool("keep", false, "leave the folder with configuration and logs behind")
	flags.StringVar(&p.program, "program", "", "the program; it is built when none is named")
	tags := flags.String("tags", "", "build tags of the program, such as planted")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	var err error
	if p.dir, err = os.MkdirTemp("", "keyrotator-chaos-"); err != nil {
		return err
	}
	if *keep {
		fmt.Fprintln(os.Stderr, "everything is in", p.dir)
	} else {
		defer os.RemoveAll(p.dir)
	}
	if p.program == "" {
		p.program = filepath.Join(p.dir, "keyrotator")
		build := exec.CommandContext(ctx, "go", "build", "-tags", *tags, "-o", p.program, program) //nolint:gosec // tags are of who runs this
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the program: %w\n%s", err, text)
		}
	}
	if err := s.run(ctx, p); err != nil {
		return fmt.Errorf("%s with seed %d is broken: %w", s.name, p.out.seed, err)
	}
	return nil
}
