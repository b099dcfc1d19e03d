package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

// The environment of keyrotator-killed.
const (
	// killAtVariable is "before N" or "after N": the process kills itself around
	// its Nth write to the journal.
	killAtVariable = "KEYROTATOR_TEST_KILL_AT"
	// writesVariable names a file that gets one line for each write begun.
	writesVariable = "KEYROTATOR_TEST_WRITES"
)

// killedMain is keyrotator-killed: the daemon with a journal that kills its own
// process. Its only argument is the configuration file.
func killedMain() {
	if err := runKilled(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed) //nolint:revive // this is the main of a program that the tests start
	}
}

func runKilled(path string) error {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer restore()
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(os.Stderr, "info", "console")
	if err != nil {
		return err
	}
	k := &killerJournal{}
	if at := os.Getenv(killAtVariable); at != "" {
		if _, err := fmt.Sscanf(at, "%s %d", &k.side, &k.at); err != nil {
			return fmt.Errorf("read %s: %w", killAtVariable, err)
		}
	}
	if path := os.Getenv(writesVariable); path != "" {
		if k.writes, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		defer k.writes.Close()
	}
	a, err := newApp(cfg, appOptions{
		configPath: path, log: log,
		wrapJournal: func(j rotator.Journal) rotator.Journal { k.Journal = j; return k },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx, nil)
}

// killerJournal counts the writes of its process, which has one user and so one
// step at a time, and kills the process around one of them.
type killerJournal struct {
	rotator.Journal

	side   string
	at     int
	writes *os.File
	count  int
}

func (k *killerJournal) begin(what string) {
	k.count++
	if k.writes != nil {
		fmt.Fprintln(k.writes, what)
	}
	k.kill("before")
}

func (k *killerJournal) kill(side string) {
	if k.side != side || k.at != k.count {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {} // the signal is on its way
}

func (k *killerJournal) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	k.begin("claim")
	row, err := k.Journal.Claim(ctx, user, owner, now, lease)
	k.kill("after")
	return row, err
}

func (k *killerJournal) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	var entries []string
	for _, e := range change.Entries {
		entries = append(entries, strings.TrimSpace(string(e.Kind)+" "+string(e.Verb)))
	}
	if entries == nil {
		entries = []string{"wait"}
	}
	k.begin(strings.Join(entries, " + "))
	saved, err := k.Journal.Save(ctx, row, change)
	k.kill("after")
	return saved, err
}
