package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/rotator/journal"
)

func newJournalCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look after the journal: its schema, its chains, its move to another database",
		Long: `Commands for the journal itself, which the configuration names. None of them
touches AWS, a store or a secret in the clear.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMigrateCommand(c), newVerifyCommand(c), newExportCommand(c), newImportCommand(c))
	return cmd
}

func newMigrateCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Make the journal, or bring its schema up to date",
		Long: `Does to the journal what the daemon does at its start, and nothing else: it makes
it if there is none, and brings its schema up to this version. Run again, it finds
nothing to do. A SQLite journal that a daemon holds is refused.`,
		Example: "  keyrotator journal migrate",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.journalMigrate(cmd.Context()) },
	}
}

func newVerifyCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check the chain of hashes of every user's history",
		Long: `Checks the chain of hashes through the histories of all users, beside a running
daemon or without one. The exit code is 3 if a row was changed, added or removed;
the first such row is named.`,
		Example: "  keyrotator journal verify -o json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.journalVerify(cmd.Context()) },
	}
}

// migrated is what journal migrate shows.
type migrated struct {
	Journal string `json:"journal"`
	// Found is the schema before, zero for none, and Schema the one now.
	Found  int `json:"found"`
	Schema int `json:"schema"`
}

func (c *cli) journalMigrate(ctx context.Context) (err error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	db, _, err := openJournal(ctx, cfg, true)
	if err != nil {
		return journalError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	m := migrated{Journal: db.String()}
	m.Found, m.Schema = db.Schema()
	switch {
	case m.Found == 0:
		c.sayf("the journal was made, with schema %d", m.Schema)
	case m.Found == m.Schema:
		c.sayf("the journal has schema %d already: nothing to do", m.Schema)
	default:
		c.sayf("the journal had schema %d and has schema %d now", m.Found, m.Schema)
	}
	return emit(c, m, []migrated{m}, []column[migrated]{
		{head: "JOURNAL", cell: func(m migrated) string { return m.Journal }},
		{head: "FOUND", cell: func(m migrated) string { return fmt.Sprint(m.Found) }},
		{head: "SCHEMA", cell: func(m migrated) string { return fmt.Sprint(m.Schema) }},
	})
}

func (c *cli) journalVerify(ctx context.Context) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	db, _, err := openJournal(ctx, cfg, false)
	if err != nil {
		return journalError(err)
	}
	defer func() { _ = db.Close() }() // only read
	return c.verify(ctx, db)
}

// verify says on stdout how much it checked.
func (c *cli) verify(ctx context.Context, db *journal.DB) error {
	checked, err := db.Check(ctx)
	if err != nil {
		return journalError(err)
	}
	return emit(c, checked, []journal.Checked{checked}, []column[journal.Checked]{
		{head: "USERS", cell: func(v journal.Checked) string { return fmt.Sprint(v.Users) }},
		{head: "ROWS", cell: func(v journal.Checked) string { return fmt.Sprint(v.Rows) }},
	})
}

// journalError gives an error of the journal the exit code of its kind.
func journalError(err error) error {
	if errors.Is(err, journal.ErrTampered) {
		return &exitError{exitFindings, err}
	}
	for _, refusal := range []error{journal.ErrHeld, journal.ErrMoved, journal.ErrNotEmpty, journal.ErrDump, journal.ErrLive} {
		if errors.Is(err, refusal) {
			return &exitError{exitRefused, err}
		}
	}
	return err
}
