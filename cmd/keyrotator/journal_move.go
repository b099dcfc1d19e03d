package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// exporting is what the flags of journal export say.
type exporting struct{ keep, live bool }

func newExportCommand(c *cli) *cobra.Command {
	var e exporting
	cmd := &cobra.Command{
		Use:   "export FILE | -",
		Short: "Write the whole journal to a file, to go on in another database",
		Long: `Writes the whole journal as JSON Lines, for journal import: users, histories,
requests and the custody, which stays sealed. The file is made with mode 0600 and
never takes the place of another. Its last line has a SHA-256 of the rest. The
identity is not in it.

An export is a move: the journal is marked, and no daemon runs on it any more,
because two daemons on two copies of one journal would each rotate the same users.
It may be exported again. With --keep it is not marked, and goes on where it is.

Stop all daemons first. While one holds the journal, or a replica works on a user,
the export is refused. With --live it is not; such a copy is not to be run.`,
		Example: "  keyrotator journal export /var/backups/journal.jsonl\n  keyrotator journal export --keep - | sha256sum",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.journalExport(cmd.Context(), args[0], e)
		},
	}
	cmd.Flags().BoolVar(&e.keep, "keep", false, "go on with this journal: do not mark it as moved")
	cmd.Flags().BoolVar(&e.live, "live", false, "export beside a running daemon; the copy must not be run")
	return cmd
}

func newImportCommand(c *cli) *cobra.Command {
	var o journal.ImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE | -",
		Short: "Fill an empty journal with an exported one",
		Long: `Takes a file of journal export into the configured journal, which must be empty;
it is made if there is none. All of the file is taken, or nothing: one that was cut
off or changed, or whose chains of hashes do not hold, is refused. The numbers of
requests stay, and claims end when they would have.

Put the identity in its place before the daemon starts: it is not in the file.`,
		Example: "  keyrotator journal import /var/backups/journal.jsonl --config postgres.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.journalImport(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().BoolVar(&o.Live, "live", false, "take a copy that was made beside a daemon, whose own journal is lost")
	return cmd
}

func (c *cli) journalExport(ctx context.Context, path string, e exporting) (err error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	db, err := openForExport(ctx, cfg, e.live)
	if err != nil {
		return journalError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	o := journal.ExportOptions{Live: e.live}
	if !e.live && !e.keep {
		if o.Moved, err = movedTo(path); err != nil {
			return err
		}
	}
	counts, err := c.exportTo(ctx, db, path, o)
	if err != nil {
		return journalError(err)
	}
	c.sayf("exported %s", counted(counts))
	c.sayf("the identity is not in the export: %s is needed where the journal goes on, carry it there by another way", cfg.Sealing.Identity)
	switch {
	case e.live:
		c.sayf("this copy must not be run: the daemon went on since")
	case e.keep:
		c.sayf("the journal goes on here: run no daemon on the copy while one runs on %s", db)
	default:
		c.sayf("%s is marked as moved: no daemon runs on it any more", db)
	}
	return nil
}

// openForExport opens a journal that exists. A file is locked, to be alone with
// it; it may have been exported before.
func openForExport(ctx context.Context, cfg *config.Config, live bool) (*journal.DB, error) {
	db, err := journal.Open(ctx, cfg.Journal, journal.Options{})
	if err != nil || live || cfg.SharedJournal() {
		return db, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return journal.Open(ctx, cfg.Journal, journal.Options{Exclusive: true, Takeover: cfg.Limits.CallTimeout, Moved: true})
}

// movedTo is what the mark says of where the journal went.
func movedTo(path string) (string, error) {
	if path == "-" {
		return "a pipe", nil
	}
	return filepath.Abs(path)
}

// exportTo writes to a new file, which is gone again when something fails.
func (c *cli) exportTo(ctx context.Context, db *journal.DB, path string, o journal.ExportOptions) (journal.Counts, error) {
	if path == "-" {
		return db.Export(ctx, c.stdout, o)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return journal.Counts{}, fmt.Errorf("make the file of the export: %w", err)
	}
	o.Durable = func() error { return errors.Join(f.Sync(), syncDir(filepath.Dir(path))) }
	counts, err := db.Export(ctx, f, o)
	if err != nil {
		return journal.Counts{}, errors.Join(err, f.Close(), os.Remove(path))
	}
	return counts, f.Close()
}

// syncDir has a new file's name survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (c *cli) journalImport(ctx context.Context, path string, o journal.ImportOptions) (err error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	from := io.NopCloser(c.stdin)
	if path != "-" {
		if from, err = os.Open(path); err != nil {
			return usageError(fmt.Errorf("open the file to import: %w", err))
		}
	}
	defer func() { _ = from.Close() }() // only read
	db, _, err := openJournal(ctx, cfg, true)
	if err != nil {
		return journalError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	counts, err := db.Import(ctx, from, o)
	if errors.Is(err, journal.ErrLive) {
		err = fmt.Errorf("%w: stop it and export again, or say --live if its journal is lost", err)
	}
	if err != nil {
		return journalError(err)
	}
	c.sayf("imported %s", counted(counts))
	c.sayf("the identity is not in the import: put it at %s before the daemon starts", cfg.Sealing.Identity)
	return c.verify(ctx, db)
}

func counted(n journal.Counts) string {
	return fmt.Sprintf("%d users, %d rows of history, %d sealed secrets, %d requests", n.Users, n.History, n.Sealed, n.Requests)
}
