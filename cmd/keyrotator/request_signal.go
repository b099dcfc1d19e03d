package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

func newAckCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "ack USER CONSUMER",
		Short: "Tell that a consumer has the new key",
		Long: `Answers for a consumer whose configuration says ack: it has taken the new key of the
rotation that is under way. CONSUMER is its name in the configuration, or its store
as status shows it. The old key is not touched before.` + aboutRequests,
		Example: "  keyrotator ack prod/ci-deployer on-premises --why \"deployed by hand\"",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestAck, Consumer: args[1]}, args[:1], a)
		},
	}
	a.flags(cmd)
	return cmd
}

func newAlarmCommand(c *cli) *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "alarm USER",
		Short: "A consumer fails: take the old key back into use and stop",
		Long: `Makes the old key active again at once if it was cut already, and halts the user.
Nothing is written to any store: the new key stays where it is, so that both work.
Afterwards resume goes on, and rollback gives the stores their old key back.` + aboutRequests,
		Example: "  keyrotator alarm prod/ci-deployer --why \"builds fail to sign in since 14:02\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ask(cmd.Context(), rotator.Request{Verb: rotator.RequestAlarm}, args, a)
		},
	}
	a.flags(cmd)
	return cmd
}

// consumerOf turns the name that somebody calls a consumer by into the one that
// the journal knows it by: that of its store.
func consumerOf(cfg *config.Config, q rotator.Request) (string, error) {
	if _, configured := configOf(cfg, q.User); q.Consumer == "" || !configured {
		return q.Consumer, nil
	}
	name, known := consumerNamed(cfg, q.User, q.Consumer)
	if name == "" {
		return "", usageError(fmt.Errorf("%s has no consumer %q; it has %s", q.User, q.Consumer, strings.Join(known, ", ")))
	}
	return name, nil
}

// consumerNamed finds a consumer of a user by its name in the configuration or
// by its store; empty, with the names there are, when there is none.
func consumerNamed(cfg *config.Config, user rotator.User, called string) (name string, known []string) {
	u, _ := configOf(cfg, user)
	for _, at := range destinationsOf(cfg, u) {
		if called == at.name || called == at.store {
			return at.store, nil
		}
		known = append(known, at.name)
	}
	return "", known
}
