package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/rotator"
)

// asking is how an operator asks: the flags that the requests share.
type asking struct {
	all, yes, dryRun, wait bool
	why                    string
	timeout                time.Duration
}

func (a *asking) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.why, "why", "", "the `reason`, for the history")
	f.BoolVar(&a.dryRun, "dry-run", false, "show the request and ask for nothing")
	f.BoolVar(&a.wait, "wait", false, "follow the user until the request is dealt with")
	f.DurationVar(&a.timeout, "timeout", 0, "how long --wait waits; 0 is without end")
}

func (a *asking) confirming(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.yes, "yes", false, "do not ask for confirmation")
}

const aboutRequests = `

A request is an entry in the journal, which a running daemon takes up within a
second and any later one when it starts. The history keeps who asked, and why.`

func newRotateCommand(c *cli) *cobra.Command {
	var a asking
	var emergency, cutFirst bool
	cmd := &cobra.Command{
		Use:   "rotate USER",
		Short: "Rotate a user's key now, whatever its age",
		Long: `Asks for a rotation now. All graces hold, and so do windows and freezes.

With --emergency the old key counts as compromised: it is cut as soon as the new
one is proven and every required consumer has it; overlap and quiet time are
waived, windows too. A rotation that is under way is hurried.

With --cut-first as well, the old key is cut before the new one exists. Every
consumer fails until the new key has reached its store.` + aboutRequests,
		Example: "  keyrotator rotate prod/ci-deployer --why \"offboarding\" --wait\n  keyrotator rotate prod/ci-deployer --emergency --yes --why \"key in a public log\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cutFirst && !emergency {
				return usageError(fmt.Errorf("--cut-first is for emergencies alone: say --emergency too"))
			}
			q := rotator.Request{Verb: rotator.RequestRotate, Emergency: emergency, CutFirst: cutFirst}
			return c.ask(cmd.Context(), q, args, a)
		},
	}
	cmd.Flags().BoolVar(&emergency, "emergency", false, "the old key is compromised: waive the graces")
	cmd.Flags().BoolVar(&cutFirst, "cut-first", false, "cut the old key before the new one exists, which breaks every consumer for a while")
	a.flags(cmd)
	a.confirming(cmd)
	return cmd
}

func newRollbackCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "rollback USER",
		Short: "Go back to the old key of the open cycle",
		Long: `Makes the old key active again and gives it back to every store whose old secret
can be had; status says of the others. The new key stays active as long as a
store holds it. The user is halted then, until resume goes on with the new key
or evict retires it.` + aboutRequests,
		Example: "  keyrotator rollback prod/ci-deployer --why \"the vendor pins key ids\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestRollback}, args, a)
		},
	}
	a.flags(cmd)
	a.confirming(cmd)
	return cmd
}

func newPauseCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "pause USER | --all",
		Short: "Change nothing for a user, or for all, until resume",
		Long: `Holds everything but the way back to a working key: nothing is created, written,
cut or deleted. What was begun is finished.` + aboutRequests,
		Example: "  keyrotator pause prod/ci-deployer --why \"release week\"\n  keyrotator pause --all",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestPause}, args, a)
		},
	}
	cmd.Flags().BoolVar(&a.all, "all", false, "all users")
	a.flags(cmd)
	return cmd
}

func newResumeCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "resume USER | --all",
		Short: "Go on after a halt or a pause; with --all also close the breaker",
		Long: `Ends a pause, and a halt whose cause was seen to: the cycle goes on from where it
stands, under the present configuration. Whatever is still wrong halts it again.

With --all it ends the pause of all users and closes the breaker. Users that are
halted or paused themselves stay so.` + aboutRequests,
		Example: "  keyrotator resume prod/ci-deployer --wait\n  keyrotator resume --all",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestResume}, args, a)
		},
	}
	cmd.Flags().BoolVar(&a.all, "all", false, "all users, and the breaker")
	a.flags(cmd)
	return cmd
}

func newAdoptCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "adopt USER KEY",
		Short: "Tell which key is the one in use",
		Long: `Answers the question of a halt: KEY is the user's key in use. It must be listed
and active, and no store may hold another one. An open cycle is given up; no key is
touched.` + aboutRequests,
		Example: "  keyrotator adopt prod/ci-deployer AKIAIOSFODNN7EXAMPLE",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestAdopt, Key: rotator.KeyID(args[1])}, args[:1], a)
		},
	}
	a.flags(cmd)
	return cmd
}

func newEvictCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "evict USER KEY",
		Short: "Retire a key that is not the one in use",
		Long: `Retires KEY by the same overlap, quiet time, trial and proof as every other key:
it is made inactive, and deleted after the trial. Whoever uses it shows, and holds
it up.` + aboutRequests,
		Example: "  keyrotator evict prod/ci-deployer AKIAI44QH8DHBEXAMPLE --yes",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestEvict, Key: rotator.KeyID(args[1])}, args[:1], a)
		},
	}
	a.flags(cmd)
	a.confirming(cmd)
	return cmd
}
