package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
)

// severity tells what a finding means for whoever runs check.
type severity string

const (
	severityWarning severity = "warning" // allowed, but unsafe against the real AWS
	severityProblem severity = "problem" // a user would halt or wait
	severityDenied  severity = "denied"  // AWS refuses what keyrotator needs
	severityUnknown severity = "unknown" // it could not be looked at
)

// finding is one thing that a person should look at.
type finding struct {
	Severity severity `json:"severity"`
	// Where is a place of the configuration, an account, a user or a store.
	Where   string `json:"where"`
	Finding string `json:"finding"`
	Hint    string `json:"hint,omitempty"`
}

// checkReport is everything that check has to say.
type checkReport struct {
	Findings []finding `json:"findings"`
	// Accounts, Users and Stores count what was looked at in AWS or in place.
	Accounts int `json:"accounts"`
	Users    int `json:"users"`
	Stores   int `json:"stores"`
}

func newCheckCommand(c *cli) *cobra.Command {
	return newCheckCommandIn(c, reach{})
}

// newCheckCommandIn is check against any AWS.
func newCheckCommandIn(c *cli, r reach) *cobra.Command {
	offline := false
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, then the permissions, and change nothing",
		Long: `Checks the configuration and, unless --offline is given, what AWS and the stores
allow: for each account who keyrotator signs in as, for each user whether it
exists and can be listed, for each store whether it is there, ours or to be
adopted, and permitted. Nothing is changed, and so permissions to create, cut and
write cannot all be proven here.

Exit codes: 0 nothing was found, 2 the configuration has errors (all are shown),
3 there are findings, 4 something could not be looked at, 5 AWS or a store denied something.`,
		Example: `  keyrotator check --offline --config keyrotator.yaml
  keyrotator check -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.check(cmd.Context(), r, offline)
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "check the configuration only; call nobody")
	return cmd
}

func (c *cli) check(ctx context.Context, r reach, offline bool) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	report := checkReport{Findings: configWarnings(cfg)}
	if !offline {
		if err := report.lookAtAWS(ctx, cfg, r); err != nil {
			return err
		}
	}
	if err := c.emitReport(report); err != nil {
		return err
	}
	if len(report.Findings) == 0 {
		_, _ = fmt.Fprintln(c.stderr, "nothing was found: "+report.lookedAt(offline)) // a stream that is gone has no reader
	}
	if code := report.exitCode(); code != exitOK {
		return &exitError{code, nil}
	}
	return nil
}

// configWarnings are what the configuration may say, but should not.
func configWarnings(cfg *config.Config) []finding {
	found := []finding{}
	for _, w := range cfg.Warnings() {
		where := w.File + ":" + strconv.Itoa(w.Line) + ":" + strconv.Itoa(w.Column)
		found = append(found, finding{severityWarning, where, w.Path + ": " + w.Message, w.Hint})
	}
	return found
}

func (c *cli) emitReport(report checkReport) error {
	if len(report.Findings) == 0 && (c.output == formTable || c.output == "") {
		return nil // a head without a row tells nothing
	}
	return emit(c, report, report.Findings, []column[finding]{
		{head: "SEVERITY", cell: func(f finding) string { return string(f.Severity) }},
		{head: "WHERE", cell: func(f finding) string { return f.Where }},
		{head: "FINDING", cell: func(f finding) string { return f.Finding }},
		{head: "HINT", cell: func(f finding) string { return f.Hint }},
	})
}

func (r checkReport) lookedAt(offline bool) string {
	if offline {
		return "the configuration was looked at, and nothing else"
	}
	return fmt.Sprintf("the configuration, %d accounts, %d users and %d stores were looked at", r.Accounts, r.Users, r.Stores)
}

// exitCode is that of the gravest finding.
func (r checkReport) exitCode() int {
	code := exitOK
	for _, f := range r.Findings {
		switch f.Severity {
		case severityDenied:
			code = max(code, exitDenied)
		case severityUnknown:
			code = max(code, exitPartly)
		case severityWarning, severityProblem:
			code = max(code, exitFindings)
		}
	}
	return code
}
