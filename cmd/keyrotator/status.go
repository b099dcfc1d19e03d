package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

func newStatusCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "status [USER]",
		Short: "Show where every user stands, and what needs a person",
		Long: `Shows every managed user, or one: the phase of its cycle, its key in use with age
and deadline, what it waits for, and whether its consumers have the new key. For
a user that is halted it says why, and the commands to type.

It reads the journal alone, beside a running daemon or without one, and asks AWS
nothing: what plan shows is newer. The exit code is 3 if a user needs a person.`,
		Example: "  keyrotator status\n  keyrotator status prod/ci-deployer -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.status(cmd.Context(), args)
		},
	}
}

// fleetStatus is all that status shows.
type fleetStatus struct {
	Paused  bool         `json:"paused"`
	Tripped bool         `json:"breaker_open"`
	Users   []userStatus `json:"users"`
}

// userStatus is where one user stands, by the journal.
type userStatus struct {
	User   string        `json:"user"`
	Phase  rotator.Phase `json:"phase"`
	Policy string        `json:"policy,omitempty"`
	// Key is the key in use, Deadline the end of its maximum age.
	Key      rotator.KeyID   `json:"key,omitempty"`
	Created  time.Time       `json:"created,omitzero"`
	Deadline time.Time       `json:"deadline,omitzero"`
	Cycle    int             `json:"cycle,omitempty"`
	Purpose  rotator.Purpose `json:"purpose,omitempty"`
	// NewKey and OldKey are those of the open cycle.
	NewKey rotator.KeyID `json:"new_key,omitempty"`
	OldKey rotator.KeyID `json:"old_key,omitempty"`
	// Waiting is the reason of the last decision to wait, Until when the user
	// is looked at next; none means on a request or at the next sweep.
	Waiting   rotator.Reason   `json:"waiting,omitempty"`
	Detail    string           `json:"detail,omitempty"`
	Until     time.Time        `json:"until,omitzero"`
	Attempts  int              `json:"attempts,omitempty"`
	Consumers []consumerStatus `json:"consumers"`
	// Drifted is the store that was found not to hold the key in use.
	Drifted  string            `json:"drifted,omitempty"`
	Paused   bool              `json:"paused"`
	Halt     *haltStatus       `json:"halt,omitempty"`
	Requests []rotator.Request `json:"requests"`
	// Unreadable is set for a row of a newer version.
	Unreadable string `json:"unreadable,omitempty"`
}

// consumerStatus tells whether a consumer has the key it should have.
type consumerStatus struct {
	// Name is what the configuration calls it, by default its Store.
	Name     string `json:"name"`
	Store    string `json:"store"`
	Required bool   `json:"required"`
	InSync   bool   `json:"in_sync"`
	// Standing says more: whether it is behind, being reloaded, unprobed, …
	Standing rotator.Standing `json:"standing"`
}

// haltStatus is why a user needs a person and what that person may type.
type haltStatus struct {
	Reason   rotator.Reason `json:"reason"`
	Sentence string         `json:"sentence"`
	Detail   string         `json:"detail,omitempty"`
	At       time.Time      `json:"at"`
	Commands []string       `json:"commands"`
}

func (u userStatus) needsPerson() bool { return u.Halt != nil || u.Unreadable != "" }

func (c *cli) status(ctx context.Context, args []string) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	all, err := c.gatherStatus(ctx, cfg)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		at := slices.IndexFunc(all.Users, func(u userStatus) bool { return u.User == args[0] })
		if at < 0 {
			return unknownUser(args[0], all.names())
		}
		all.Users = all.Users[at : at+1]
	}
	if err := c.printStatus(all); err != nil {
		return err
	}
	if slices.ContainsFunc(all.Users, userStatus.needsPerson) {
		return &exitError{code: exitFindings}
	}
	return nil
}

// unknownUser refuses a name that neither configuration nor journal has.
func unknownUser(name string, known []string) error {
	text := fmt.Sprintf("user %q is neither in the configuration nor in the journal", name)
	if near := nearest(name, known); near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	return usageError(errors.New(text))
}

func (s fleetStatus) names() []string {
	names := make([]string, 0, len(s.Users))
	for _, u := range s.Users {
		names = append(names, u.User)
	}
	return names
}

// gatherStatus reads the journal. Without one every user is unseen.
func (c *cli) gatherStatus(ctx context.Context, cfg *config.Config) (fleetStatus, error) {
	all := fleetStatus{Users: []userStatus{}}
	rows := map[string]rotator.Row{}
	db, _, err := openJournal(ctx, cfg, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.sayf("there is no journal yet: keyrotator run makes it")
	case err != nil:
		return all, err
	default:
		defer func() { _ = db.Close() }() // only read
		read, err := db.Rows(ctx)
		if err != nil {
			return all, err
		}
		for _, row := range read {
			rows[row.User.String()] = row
		}
		global, err := db.Global(ctx)
		if err != nil {
			return all, err
		}
		all.Paused, all.Tripped = global.Paused, global.Tripped
	}
	configured := map[string]config.User{}
	for _, u := range cfg.Users {
		configured[u.User] = u
		if _, seen := rows[u.User]; !seen {
			rows[u.User] = rotator.Row{User: rotator.User{Account: u.Account(), Name: u.Name()}}
		}
	}
	for name, row := range rows {
		if row.User == rotator.AllUsers() {
			continue
		}
		u, known := configured[name]
		all.Users = append(all.Users, statusOf(cfg, u, known, row))
	}
	slices.SortFunc(all.Users, func(a, b userStatus) int { return strings.Compare(a.User, b.User) })
	return all, nil
}

func statusOf(cfg *config.Config, u config.User, configured bool, row rotator.Row) userStatus {
	p, destinations := row.Progress, destinationsOf(cfg, u)
	s := userStatus{
		User: row.User.String(), Phase: p.Phase, Key: p.Current, Created: p.Created, Cycle: p.Number,
		Waiting: row.Waiting, Detail: row.Detail, Until: row.Due, Attempts: row.Attempts,
		Consumers: []consumerStatus{}, Drifted: nameOf(destinations, p.Drifted), Paused: p.Paused, Requests: append([]rotator.Request{}, row.Requests...),
	}
	if p.Phase == rotator.PhaseUnseen {
		s.Phase = "unseen"
	}
	if err := journal.Readable(p); err != nil {
		s.Unreadable = "the journal row was written by a newer version of keyrotator, which alone may act on it"
	}
	if configured {
		s.Policy = u.Policy
		if !p.Created.IsZero() {
			s.Deadline = p.Created.Add(cfg.PolicyOf(u).MaxAge)
		}
	}
	if cycle := p.Cycle; cycle != nil {
		s.Purpose, s.NewKey, s.OldKey = cycle.Purpose, cycle.Keep, cycle.Retire
		for _, consumer := range cycle.Consumers {
			s.Consumers = append(s.Consumers, standingOf(p, destination{consumer.Name, nameOf(destinations, consumer.Name), consumer.Required}))
		}
	} else {
		for _, at := range destinations {
			s.Consumers = append(s.Consumers, standingOf(p, at))
		}
	}
	if p.Halt != nil {
		s.Halt = haltOf(row.User, p)
	}
	return s
}

func standingOf(p rotator.Progress, at destination) consumerStatus {
	standing := p.Standing(at.store)
	return consumerStatus{Name: at.name, Store: at.store, Required: at.required, InSync: standing.InSync(), Standing: standing}
}
