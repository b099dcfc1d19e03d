package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

// cli is what all commands share: the global flags and the outside world.
type cli struct {
	configPath, output, logLevel, logFormat string

	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	// began is set when a command runs; an error before is one of usage.
	began bool
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	return &cli{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
}

// execute runs one command line and returns its exit code. What a person
// should read about a failure goes to stderr.
func (c *cli) execute(ctx context.Context, args []string) int {
	root := newRoot(c) //nolint:contextcheck // a command gets the context when it is executed
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !c.began {
		err = usageError(err)
	}
	if text := errorText(err); text != "" {
		_, _ = fmt.Fprintf(c.stderr, "keyrotator: %s\n", text) // a stream that is gone has no reader
	}
	return exitCode(err)
}

func newRoot(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyrotator",
		Short: "Keep AWS access keys young without ever breaking whoever uses them",
		Long: `keyrotator drives every managed IAM user through one cycle, with at most two
keys at any moment: create, prove, propagate, verify, overlap, deactivate,
trial, delete.`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			c.began = true
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.configPath, "config", "", "configuration `file` (default: keyrotator.yaml here, then in the user's and the system's usual places)")
	flags.StringVarP(&c.output, "output", "o", "table", "`form` of the output: table, json, yaml or csv")
	flags.StringVar(&c.logLevel, "log-level", "info", "least `level` of log lines: debug, info, warn or error")
	flags.StringVar(&c.logFormat, "log-format", telemetry.FormatConsole, "`form` of log lines: console or json")
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.AddCommand(
		newRunCommand(c),
		newDemoCommand(c),
		newPlanCommand(c),
		newStatusCommand(c),
		newHistoryCommand(c),
		newRotateCommand(c),
		newRollbackCommand(c),
		newPauseCommand(c),
		newResumeCommand(c),
		newAdoptCommand(c),
		newEvictCommand(c),
		newAckCommand(c),
		newAlarmCommand(c),
		newCheckCommand(c),
		newJournalCommand(c),
		newVersionCommand(c),
	)
	return root
}

// configPlaces are where the configuration is looked for when nobody says.
func configPlaces() []string {
	places := []string{"keyrotator.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "keyrotator", "keyrotator.yaml"))
	}
	return append(places, "/etc/keyrotator/keyrotator.yaml")
}

// findConfig returns the path that was given, else the first usual place that
// has a file.
func (c *cli) findConfig() (string, error) {
	if c.configPath != "" {
		return c.configPath, nil
	}
	places := configPlaces()
	for _, path := range places {
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", usageError(fmt.Errorf("look for the configuration: %w", err))
		}
	}
	return "", usageError(fmt.Errorf("there is no configuration in %s: name one with --config", strings.Join(places, ", ")))
}

// loadConfig reads and checks the configuration. Whatever is wrong with it is
// an error of usage, with all findings at once.
func (c *cli) loadConfig() (*config.Config, error) {
	path, err := c.findConfig()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, usageError(err)
	}
	return cfg, nil
}

// logger writes to stderr, because stdout is data.
func (c *cli) logger() (*zap.Logger, error) {
	log, err := telemetry.NewLogger(c.stderr, c.logLevel, c.logFormat)
	if err != nil {
		return nil, usageError(err)
	}
	return log, nil
}
