package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func newPlanCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "plan [USER]",
		Short: "Look at AWS and the stores now, and say what would be done next",
		Long: `Looks at every user, or one, as the daemon would, and prints the one step that it
would take next, why, and the calls that the step would make after looking again.
It changes nothing: no key, no store, no journal row.

Secrets in custody are not opened: where only one of those could prove that the
new key signs in, the plan goes on as if it did. The exit code is 3 if a user
needs a person, and 5 if AWS denied the look.`,
		Example: "  keyrotator plan\n  keyrotator plan prod/ci-deployer -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.plan(cmd.Context(), args, reach{})
		},
	}
}

// plannedStep is the step that a user's next look would lead to.
type plannedStep struct {
	User     string         `json:"user"`
	Verb     rotator.Verb   `json:"verb"`
	Key      rotator.KeyID  `json:"key,omitempty"`
	Consumer string         `json:"consumer,omitempty"`
	Reason   rotator.Reason `json:"reason"`
	Sentence string         `json:"sentence"`
	Detail   string         `json:"detail,omitempty"`
	Until    time.Time      `json:"until,omitzero"`
	Phase    rotator.Phase  `json:"phase"`
	// Calls are what the step would call, after a look like the one just taken.
	Calls []string `json:"calls"`
}

func (p plannedStep) needsPerson() bool {
	return p.Verb == rotator.VerbHalt || p.Reason == rotator.ReasonHalted
}

func (c *cli) plan(ctx context.Context, args []string, r reach) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	rows, global, err := c.rowsAsTheyAre(ctx, cfg)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		at := slices.IndexFunc(rows, func(row rotator.Row) bool { return row.User.String() == args[0] })
		if at < 0 {
			var names []string
			for _, row := range rows {
				names = append(names, row.User.String())
			}
			return unknownUser(args[0], names)
		}
		rows = rows[at : at+1]
	}
	fleet, err := buildFleet(ctx, cfg, r)
	if err != nil {
		return err
	}
	steps, err := c.planAll(ctx, fleet, rows, global)
	if err != nil {
		return err
	}
	if err := c.printPlan(steps); err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(steps, plannedStep.needsPerson):
		return &exitError{code: exitFindings}
	case slices.ContainsFunc(steps, func(p plannedStep) bool { return p.Reason == rotator.ReasonDenied }):
		return &exitError{code: exitDenied}
	default:
		return nil
	}
}

// rowsAsTheyAre reads the journal's rows of all users, empty for those that the
// daemon has not seen.
func (c *cli) rowsAsTheyAre(ctx context.Context, cfg *config.Config) ([]rotator.Row, rotator.Global, error) {
	var rows []rotator.Row
	var global rotator.Global
	db, _, err := openJournal(ctx, cfg, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.sayf("there is no journal yet: every user is planned as one never seen before")
	case err != nil:
		return nil, global, err
	default:
		defer func() { _ = db.Close() }() // only read
		if rows, err = db.Rows(ctx); err != nil {
			return nil, global, err
		}
		if global, err = db.Global(ctx); err != nil {
			return nil, global, err
		}
	}
	for _, u := range cfg.Users {
		who := rotator.User{Account: u.Account(), Name: u.Name()}
		if !slices.ContainsFunc(rows, func(row rotator.Row) bool { return row.User == who }) {
			rows = append(rows, rotator.Row{User: who})
		}
	}
	slices.SortFunc(rows, func(a, b rotator.Row) int { return strings.Compare(a.User.String(), b.User.String()) })
	return rows, global, nil
}

// planWorkers is how many users are looked at at once; each account bounds its
// calls besides.
const planWorkers = 8

func (c *cli) planAll(ctx context.Context, fleet *rotator.Fleet, rows []rotator.Row, global rotator.Global) ([]plannedStep, error) {
	for i, row := range rows {
		if target, ok := fleet.Targets[row.User]; ok {
			target.Witness = custodian{target.Witness, row.Progress}
			fleet.Targets[row.User] = target
		}
		rows[i].Sealed = inCustody(row)
	}
	planner, err := rotator.New(rotator.Deps{Journal: journal.NewMemory(), Sealer: unopened{}}, fleet, rotator.Options{Owner: "plan"})
	if err != nil {
		return nil, err
	}
	steps := make([]plannedStep, len(rows))
	slots := make(chan struct{}, planWorkers)
	var looks sync.WaitGroup
	for i, row := range rows {
		slots <- struct{}{}
		looks.Go(func() {
			defer func() { <-slots }()
			if err := journal.Readable(row.Progress); err != nil {
				steps[i] = plannedStep{User: row.User.String(), Verb: rotator.VerbWait, Reason: rotator.ReasonHalted, Sentence: err.Error(), Calls: []string{}}
				return
			}
			d, state := planner.Plan(ctx, row, global)
			steps[i] = planned(row, d, fleet.Targets[row.User], state)
		})
	}
	looks.Wait()
	return steps, ctx.Err()
}

func planned(row rotator.Row, d rotator.Decision, target rotator.Target, state rotator.State) plannedStep {
	p := plannedStep{
		User: row.User.String(), Verb: d.Verb, Key: d.Key, Consumer: d.Consumer, Reason: d.Reason,
		Sentence: explain(d), Detail: d.Detail, Until: d.Until, Phase: row.Progress.Phase, Calls: callsOf(d, target, state),
	}
	if p.Phase == rotator.PhaseUnseen {
		p.Phase = "unseen"
	}
	return p
}

// explain says a decision in words.
func explain(d rotator.Decision) string {
	words := map[rotator.Verb]string{
		rotator.VerbAdopt:      "take the key for the one in use",
		rotator.VerbOpen:       "begin a cycle",
		rotator.VerbSuspect:    "look again later, because this contradicts the journal",
		rotator.VerbClear:      "go on: what looked wrong was a stale answer",
		rotator.VerbHalt:       "halt, for a person to decide",
		rotator.VerbCreate:     "make a new key",
		rotator.VerbProve:      "sign in with the new key",
		rotator.VerbPush:       "write the new key to a store",
		rotator.VerbProbe:      "ask a consumer whether it works",
		rotator.VerbRestore:    "write the old key back",
		rotator.VerbDeactivate: "make the old key inactive",
		rotator.VerbReactivate: "make the old key active again",
		rotator.VerbDelete:     "delete the old key",
		rotator.VerbDiscard:    "delete a new key that no store ever held",
	}
	if d.Verb == rotator.VerbWait {
		return "wait: " + sentence(d.Reason)
	}
	if text, ok := words[d.Verb]; ok {
		return text
	}
	return string(d.Verb)
}

func (c *cli) printPlan(steps []plannedStep) error {
	columns := []column[plannedStep]{
		{head: "USER", cell: func(p plannedStep) string { return p.User }},
		{head: "PHASE", cell: func(p plannedStep) string { return string(p.Phase) }},
		{head: "NEXT", cell: func(p plannedStep) string { return string(p.Verb) }},
		{head: "KEY", cell: func(p plannedStep) string { return c.keyCell(p.Key) }},
		{head: "REASON", cell: func(p plannedStep) string { return string(p.Reason) }},
		{head: "UNTIL", cell: func(p plannedStep) string {
			if c.output == formCSV {
				return stamp(p.Until)
			}
			return clock(p.Until, c.now())
		}},
		{head: "CONSUMER", cell: func(p plannedStep) string { return p.Consumer }, more: true},
		{head: "DETAIL", cell: func(p plannedStep) string { return p.Detail }, more: true},
		{head: "CALLS", cell: func(p plannedStep) string { return strings.Join(p.Calls, "; ") }, more: true},
	}
	if err := emit(c, steps, steps, columns); err != nil || c.output != formTable && c.output != "" {
		return err
	}
	var b strings.Builder
	for _, p := range steps {
		fmt.Fprintf(&b, "\n%s: %s\n", p.User, oneLine(p.Sentence))
		if p.Detail != "" {
			fmt.Fprintf(&b, "  seen: %s\n", oneLine(p.Detail))
		}
		for _, call := range p.Calls {
			fmt.Fprintf(&b, "  calls %s\n", oneLine(call))
		}
	}
	if _, err := io.WriteString(c.stdout, b.String()); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}
