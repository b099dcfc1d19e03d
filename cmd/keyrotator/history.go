package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func newHistoryCommand(c *cli) *cobra.Command {
	var cycle int
	var verify bool
	cmd := &cobra.Command{
		Use:   "history USER",
		Short: "Show everything that was done for a user, and what it cost",
		Long: `Shows every entry of a user's history: intents before effects, their outcomes,
halts and the requests of operators, each with its reason and with the calls that
were made since the entry before. A line for each cycle sums them up.

With --verify it first checks the chain of hashes through the histories of all
users, and fails if an entry was changed, added or removed.`,
		Example: "  keyrotator history prod/ci-deployer\n  keyrotator history prod/ci-deployer --cycle 3 -o json\n  keyrotator history prod/ci-deployer --verify",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.history(cmd.Context(), args[0], cycle, verify)
		},
	}
	cmd.Flags().IntVar(&cycle, "cycle", 0, "only the cycle of this `number`")
	cmd.Flags().BoolVar(&verify, "verify", false, "check the chain of hashes first")
	return cmd
}

// userHistory is what history shows in JSON and YAML.
type userHistory struct {
	User    string                 `json:"user"`
	Entries []journal.HistoryEntry `json:"entries"`
	Cycles  []cycleSummary         `json:"cycles"`
}

// cycleSummary says how one cycle went and what it cost.
type cycleSummary struct {
	Cycle   int             `json:"cycle"`
	Purpose rotator.Purpose `json:"purpose,omitempty"`
	Began   time.Time       `json:"began"`
	Ended   time.Time       `json:"ended,omitzero"`
	// End is open, closed, halted, discarded, abandoned, given up, or unknown
	// where an entry was written by a newer version.
	End     string         `json:"end"`
	Entries int            `json:"entries"`
	Calls   map[string]int `json:"calls"`
}

func (c *cli) history(ctx context.Context, name string, cycle int, verify bool) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	user, err := rotator.ParseUser(name)
	if err != nil {
		return usageError(err)
	}
	db, _, err := openJournal(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read
	if verify {
		if err := db.Verify(ctx); err != nil {
			return err
		}
	}
	entries, err := db.History(ctx, user, 0, 0)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		names, err := knownUsers(ctx, cfg, db)
		if err != nil {
			return err
		}
		if !slices.Contains(names, name) {
			return unknownUser(name, names)
		}
	}
	if verify && len(entries) > 0 {
		c.sayf("verified: %d entries of %s, unbroken up to hash %s", len(entries), user, entries[len(entries)-1].Hash)
	}
	h := userHistory{User: user.String(), Entries: entries, Cycles: summarise(entries)}
	if cycle != 0 {
		h.Entries = slices.DeleteFunc(h.Entries, func(e journal.HistoryEntry) bool { return e.Entry.Cycle != cycle })
		h.Cycles = slices.DeleteFunc(h.Cycles, func(s cycleSummary) bool { return s.Cycle != cycle })
		if len(h.Entries) == 0 {
			return usageError(fmt.Errorf("%s has no cycle %d in its history", user, cycle))
		}
	}
	return c.printHistory(h)
}

// knownUsers are the names in the configuration and in the journal.
func knownUsers(ctx context.Context, cfg *config.Config, db *journal.DB) ([]string, error) {
	var names []string
	for _, u := range cfg.Users {
		names = append(names, u.User)
	}
	rows, err := db.Rows(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, row := range rows {
		names = append(names, row.User.String())
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// summarise folds a history into its cycles. The calls of an entry were made
// since the one before, so those of a cycle's first entry include the look that
// found the cycle due.
func summarise(entries []journal.HistoryEntry) []cycleSummary {
	cycles := []cycleSummary{}
	var p rotator.Progress
	unfolded := false
	for _, h := range entries {
		e := h.Entry
		next, err := p.Apply(e)
		p, unfolded = next, unfolded || err != nil
		if e.Cycle == 0 {
			continue
		}
		if len(cycles) == 0 || cycles[len(cycles)-1].Cycle != e.Cycle {
			cycles = append(cycles, cycleSummary{Cycle: e.Cycle, Began: e.At, End: "open", Calls: map[string]int{}})
		}
		s := &cycles[len(cycles)-1]
		s.Entries++
		for service, n := range e.Calls {
			s.Calls[service] += n
		}
		if e.Opening != nil && e.Opening.Purpose != "" {
			s.Purpose = e.Opening.Purpose
		}
		switch {
		case unfolded:
			s.End, s.Ended = "unknown", time.Time{}
		case p.Cycle == nil:
			s.End, s.Ended = endOf(e), e.At
		case p.Halt != nil:
			s.End, s.Ended = "halted", p.Halt.At
		default:
			s.End, s.Ended = "open", time.Time{}
		}
	}
	return cycles
}

// endOf names the way in which the entry that closed a cycle did so.
func endOf(e rotator.Entry) string {
	switch {
	case e.Verb == rotator.VerbDiscard:
		return "discarded"
	case e.Verb == rotator.VerbAbandon, e.Verb == rotator.VerbCreate:
		return "abandoned"
	case e.Verb == rotator.VerbForget, e.Kind == rotator.KindAdopted:
		return "given up"
	default:
		return "closed"
	}
}

func (s cycleSummary) line() string {
	text := fmt.Sprintf("cycle %d: %s, %s", s.Cycle, s.Purpose, s.End)
	if !s.Ended.IsZero() {
		text += " after " + roughly(s.Ended.Sub(s.Began))
	}
	return fmt.Sprintf("%s, %d entries; %s", text, s.Entries, countedCalls(s.Calls))
}

func (c *cli) printHistory(h userHistory) error {
	now := c.now()
	machine := c.output != formTable && c.output != ""
	columns := []column[journal.HistoryEntry]{
		{head: "SEQ", cell: func(e journal.HistoryEntry) string { return fmt.Sprint(e.Seq) }, more: true},
		{head: "TIME", cell: func(e journal.HistoryEntry) string {
			if machine {
				return stamp(e.Entry.At)
			}
			return clock(e.Entry.At, now)
		}},
		{head: "CYCLE", cell: func(e journal.HistoryEntry) string { return numberOrNone(int64(e.Entry.Cycle)) }},
		{head: "KIND", cell: func(e journal.HistoryEntry) string { return string(e.Entry.Kind) }},
		{head: "VERB", cell: func(e journal.HistoryEntry) string { return string(e.Entry.Verb) }},
		{head: "KEY", cell: func(e journal.HistoryEntry) string { return c.keyCell(e.Entry.Key) }},
		{head: "REASON", cell: func(e journal.HistoryEntry) string { return string(e.Entry.Reason) }},
		{head: "CALLS", cell: func(e journal.HistoryEntry) string { return callsCell(e.Entry.Calls) }},
		{head: "CONSUMER AND DETAIL", cell: func(e journal.HistoryEntry) string {
			return strings.TrimSpace(e.Entry.Consumer + " " + e.Entry.Detail)
		}},
		{head: "REQUEST", cell: func(e journal.HistoryEntry) string { return numberOrNone(e.Entry.Request) }, more: true},
		{head: "AWS DATE", cell: func(e journal.HistoryEntry) string { return stamp(e.Entry.Date) }, more: true},
		{head: "HASH", cell: func(e journal.HistoryEntry) string { return e.Hash.String() }, more: true},
	}
	if machine {
		return emit(c, h, h.Entries, columns)
	}
	if err := emit(c, h, h.Entries, columns); err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range h.Cycles {
		b.WriteString("\n" + s.line())
	}
	if len(h.Cycles) > 0 {
		b.WriteString("\n")
	}
	_, err := io.WriteString(c.stdout, b.String())
	return err
}

func numberOrNone(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// callsCell is short: "iam 2 sts 1".
func callsCell(calls map[string]int) string {
	var parts []string
	for _, service := range slices.Sorted(maps.Keys(calls)) {
		if calls[service] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", service, calls[service]))
		}
	}
	return strings.Join(parts, " ")
}
