package main

import "github.com/spf13/cobra"

func newCheckCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "check",
		RunE: func(*cobra.Command, []string) error {
			_, err := c.loadConfig()
			return err
		},
	}
}
