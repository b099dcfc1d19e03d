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

// scenario is one kind of history.
type scenario struct {
	name string
	run  func(ctx context.Context, p plan) error
}

func scenarios() []scenario {
	return []scenario{{"sqlite", runSQLite}, {"postgres", runPostgres}, {"share", runShare}}
}

// plan is what a run is asked for.
type plan struct {
	kills   int
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
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	kills := flags.Int("kills", 20, "how many times a process is killed")
	seed := flags.Uint64("seed", 1, "what chance is drawn from")
	keep := flags.Bool("keep", false, "leave the folder with configuration and logs behind")
	tags := flags.String("tags", "", "build tags of the program, such as planted")
	if len(args) == 0 || !slices.ContainsFunc(names, func(n string) bool { return n == args[0] }) {
		return fmt.Errorf("usage: chaos %s [flags]", strings.Join(names, "|"))
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "keyrotator-chaos-")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Fprintln(os.Stderr, "everything is in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	p := plan{
		kills: *kills, dir: dir, program: filepath.Join(dir, "keyrotator"),
		out: &report{seed: *seed, began: time.Now(), out: os.Stdout},
	}
	build := exec.CommandContext(ctx, "go", "build", "-tags", *tags, "-o", p.program, "github.com/keyrotator/keyrotator/cmd/keyrotator")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, text)
	}
	i := slices.Index(names, args[0])
	if err := scenarios()[i].run(ctx, p); err != nil {
		return fmt.Errorf("%s with seed %d is broken: %w", args[0], *seed, err)
	}
	return nil
}
