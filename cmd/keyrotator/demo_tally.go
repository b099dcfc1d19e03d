package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// tally is what the demo counted.
type tally struct {
	SignIns signIns     `json:"sign_ins"`
	Users   []userTally `json:"users"`
}

// userTally is how one user went through the demo.
type userTally struct {
	User   string        `json:"user"`
	Before rotator.KeyID `json:"key_before"`
	// After are the keys that the embedded AWS has in the end: the truth.
	After []keyTally `json:"keys_after"`
	// Calls and Took are of the rotation that closed, by the history.
	Calls  map[string]int `json:"calls"`
	Took   time.Duration  `json:"took_ns"`
	Closed bool           `json:"closed"`
	Cycles []cycleSummary `json:"cycles"`
	Halt   *haltStatus    `json:"halt,omitempty"`
	story  string
}

type keyTally struct {
	Key    rotator.KeyID `json:"key"`
	Status string        `json:"status"`
}

// tally asks the journal how it went, and the embedded AWS what is there now.
func (w *demoWorld) tally(ctx context.Context, db *journal.DB) (tally, error) {
	t := tally{Users: []userTally{}}
	for _, u := range w.users {
		row, err := db.Row(ctx, u.user)
		if err != nil {
			return t, err
		}
		entries, err := db.History(ctx, u.user, 0, 0)
		if err != nil {
			return t, err
		}
		keys, err := w.emu.Keys(demoID, u.user.Name)
		if err != nil {
			return t, err
		}
		one := userTally{User: u.user.String(), Before: u.key, Cycles: summarise(entries)}
		for _, k := range keys {
			one.After = append(one.After, keyTally{rotator.KeyID(k.ID), string(k.Status)})
		}
		for _, cycle := range one.Cycles {
			if cycle.Purpose == rotator.PurposeRotation && cycle.End == "closed" {
				one.Closed, one.Calls, one.Took = true, cycle.Calls, cycle.Ended.Sub(cycle.Began)
			}
		}
		if row.Progress.Halt != nil {
			configured, known := configOf(w.config, u.user)
			s := statusOf(w.config, configured, known, row)
			one.Halt, one.story = s.Halt, s.story(time.Now())
		}
		t.Users = append(t.Users, one)
	}
	return t, nil
}

// verdict is the demo's exit. With faults only a failed sign-in is a failure: a
// user may end halted, and a cycle may need more time than the demo has.
func (t tally) verdict(faults bool) error {
	if t.SignIns.Failed > 0 {
		return fmt.Errorf("%d sign-ins failed, the first: %s", t.SignIns.Failed, t.SignIns.First)
	}
	open := slices.ContainsFunc(t.Users, func(u userTally) bool { return !u.Closed || len(u.After) != 1 || u.After[0].Key == u.Before })
	if open && !faults {
		return errors.New("a cycle did not close")
	}
	return nil
}

func (u userTally) after() string {
	var keys []string
	for _, k := range u.After {
		text := short(k.Key)
		if k.Status != string(rotator.Active) {
			text += " (" + k.Status + ")"
		}
		keys = append(keys, text)
	}
	return strings.Join(keys, " ")
}

func (u userTally) how() string {
	switch {
	case u.Halt != nil:
		return "halted: " + string(u.Halt.Reason)
	case u.Closed:
		return "rotated in " + roughly(u.Took)
	default:
		return "still under way"
	}
}

func (c *cli) printTally(s *stage, t tally) error {
	columns := []column[userTally]{
		{head: "USER", cell: func(u userTally) string { return u.User }},
		{head: "KEY BEFORE", cell: func(u userTally) string { return c.keyCell(u.Before) }},
		{head: "KEYS AFTER", cell: userTally.after},
		{head: "OUTCOME", cell: userTally.how},
	}
	for _, service := range callNames()[:3] {
		columns = append(columns, column[userTally]{head: service[1] + " CALLS", cell: func(u userTally) string { return fmt.Sprint(u.Calls[service[0]]) }})
	}
	if c.output != formTable && c.output != "" {
		return emit(c, t, t.Users, columns)
	}
	for _, u := range t.Users {
		if u.story != "" {
			s.printf("%s", s.paint.warn(u.story))
		}
	}
	s.printf("\n")
	if err := emit(c, t, t.Users, columns); err != nil {
		return err
	}
	text := s.paint.good(t.SignIns.String())
	if t.SignIns.Failed > 0 {
		text = s.paint.bad(t.SignIns.String())
	}
	s.printf("\n%s, in %s\n", text, roughly(time.Since(s.began)))
	return nil
}
