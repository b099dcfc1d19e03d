// Command keyrotator keeps AWS access keys young without ever breaking whoever
// uses them. It is a daemon (run) and the command line beside it.
//
// There is no logic of the rotation here: main.go and root.go turn arguments
// and signals into calls, wire*.go turns the configuration into constructors,
// app*.go is the daemon's life from start to stop, and every command has a file
// of its own.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // windows name time zones, and images may have no database of them
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program; it returns the exit code. The first SIGINT or
// SIGTERM ends the context, a second one ends the process at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals) // first, so that whoever sees the program stop can end it
			cancel()
		case <-ctx.Done():
		}
	}()
	return newCLI(stdin, stdout, stderr).execute(ctx, args)
}
