package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// demonstration is what the flags of demo say.
type demonstration struct {
	users  int
	faults string
	limit  time.Duration
	serve  bool
	listen string
	// made, when set, sees the world before anything happens in it: the tests
	// look for its secrets.
	made func(*demoWorld)
}

func newDemoCommand(c *cli) *cobra.Command {
	var d demonstration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Rotate a few keys in seconds, in an AWS inside this process",
		Long: `Starts an AWS inside this process, users whose keys are too old, and consumers
that sign in a few times a second with whatever their store holds. Then it rotates
every user through the whole cycle, with graces of seconds instead of days, and
says of every step why it was taken. At the end it counts: sign-ins that failed,
keys before and after, API calls. It needs no account and no network, and leaves
nothing behind. The exit code is 1 if a sign-in failed or a cycle did not close.

With --fault things break. A script is faults parted by semicolons, each of them

  KIND [SERVICE:OPERATION] [xN | always] [skip=N] [user=NAME] [p=0.25] [for=5s]

where KIND is throttle, refuse, server-error, server-error-after, lose-answer,
drop-before, late-effect, flap-new-key, keep-alive, stale-list, quota-race,
no-date or delay. A user may end halted then, which is what a halt is for; the
exit code is 1 only if a sign-in failed.

With --serve nothing is rotated: the AWS listens on loopback, with a configuration
made for it, until Ctrl-C, and you point keyrotator run, aws and curl at it.`,
		Example: `  keyrotator demo
  keyrotator demo --fault 'lose-answer iam:CreateAccessKey'
  keyrotator demo --serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forgetEnvironment(); err != nil {
				return err
			}
			return c.demo(cmd.Context(), d)
		},
	}
	f := cmd.Flags()
	f.IntVar(&d.users, "users", 3, "how many `users` there are, 1 to 50")
	f.StringVar(&d.faults, "fault", "", "fault `script`: what breaks, and when")
	f.DurationVar(&d.limit, "limit", 90*time.Second, "how long the demo may take")
	f.BoolVar(&d.serve, "serve", false, "listen, and leave the rotating to you")
	f.StringVar(&d.listen, "listen", "127.0.0.1:0", "loopback `address` of --serve; port 0 picks one")
	return cmd
}

// forgetEnvironment keeps the reader's own AWS profile out of the demo: one that
// does not exist would stop it, and none is needed.
func forgetEnvironment() error {
	return errors.Join(
		os.Unsetenv("AWS_PROFILE"), os.Unsetenv("AWS_DEFAULT_PROFILE"), os.Unsetenv("AWS_CA_BUNDLE"),
		os.Setenv("AWS_CONFIG_FILE", os.DevNull), os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull),
		os.Setenv("AWS_EC2_METADATA_DISABLED", "true"),
	)
}

func (c *cli) demo(ctx context.Context, d demonstration) (err error) {
	if d.users < 1 || d.users > 50 {
		return usageError(fmt.Errorf("--users %d: want 1 to 50", d.users))
	}
	faults, err := awsemu.ParseFaults(d.faults)
	if err != nil {
		return usageError(fmt.Errorf("--fault: %w", err))
	}
	w, err := newDemoWorld(d.users)
	if err != nil {
		return fmt.Errorf("set the demo up: %w", err)
	}
	defer func() { err = errors.Join(err, w.remove()) }()
	if d.made != nil {
		d.made(w)
	}
	for _, f := range faults {
		w.emu.Inject(f)
	}
	if d.serve {
		return c.demoServe(ctx, w, d)
	}
	return c.demoRotate(ctx, w, d)
}

// afterglow is how long consumers go on signing in after the last cycle: longer
// than a deleted key goes on working in the embedded AWS.
const afterglow = 2 * deadKeyGrace

// demoRotate rotates every user once and counts.
func (c *cli) demoRotate(ctx context.Context, w *demoWorld, d demonstration) (err error) {
	out := c.stdout
	if c.output != formTable && c.output != "" {
		out = c.stderr // stdout is for the tally
	}
	s := newStage(out)
	s.introduce(w, d)
	crowd := startCrowd(ctx, w)
	defer crowd.stop()
	s.signIns = crowd.counts
	a, err := newApp(w.config, w.appOptions(s))
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	ended := false
	end := func() error {
		if ended {
			return nil
		}
		ended = true
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return a.Stop(limit)
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := s.follow(ctx, w, d.limit); err != nil {
		return err
	}
	t, err := w.tally(ctx, a.journal)
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	crowd.stop()
	t.SignIns = crowd.counts()
	if err := c.printTally(s, t); err != nil {
		return err
	}
	return t.verdict(d.faults != "")
}

// demoServe keeps the embedded AWS and its consumers alive until the context ends.
func (c *cli) demoServe(ctx context.Context, w *demoWorld, d demonstration) (err error) {
	listener, err := w.emu.Listen(d.listen) //nolint:contextcheck // the socket lives until it is closed
	if err != nil {
		return usageError(err)
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	if _, err := io.WriteString(c.stdout, w.serving(listener.URL())); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	crowd := startCrowd(ctx, w)
	defer crowd.stop()
	s := newStage(c.stderr)
	s.signIns = crowd.counts
	s.watch(ctx)
	crowd.stop()
	n := crowd.counts()
	_, err = fmt.Fprintf(c.stdout, "\n%s\n", n)
	if err == nil && n.Failed > 0 {
		return fmt.Errorf("%d sign-ins failed: %s", n.Failed, n.First)
	}
	return err
}
