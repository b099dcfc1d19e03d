package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// sayf writes a message to stderr, where messages belong.
func (c *cli) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, "keyrotator: "+format+"\n", args...) // a stream that is gone has no reader
}

// keyID is how IAM spells the ids of access keys.
var keyID = regexp.MustCompile(`\b[A-Z0-9]{16,128}\b`)

// haltOf fills the advice on a halt with the keys that the journal knows.
func haltOf(user rotator.User, p rotator.Progress) *haltStatus {
	h := &haltStatus{Reason: p.Halt.Reason, Detail: p.Halt.Detail, At: p.Halt.At, Commands: []string{}}
	advice, ok := rotator.Advise(p.Halt.Reason, user)
	if !ok {
		h.Sentence = sentence(p.Halt.Reason)
		h.Commands = append(h.Commands, "keyrotator resume "+user.String())
		return h
	}
	h.Sentence = advice.Sentence
	known := knownKeys(p)
	listed := keyID.FindAllString(p.Halt.Detail, -1)
	for _, command := range advice.Commands {
		if known["KEY-IN-USE"] == "" && len(listed) == 2 {
			// Nobody but the reader knows which of the two is in use.
			h.Commands = append(h.Commands, eitherWay(command, listed[0], listed[1]), eitherWay(command, listed[1], listed[0]))
			continue
		}
		for word, key := range known {
			if key != "" {
				command = strings.ReplaceAll(command, word, key)
			}
		}
		h.Commands = append(h.Commands, command)
	}
	return h
}

// knownKeys are the placeholders of the advice with their keys, where the
// journal can tell.
func knownKeys(p rotator.Progress) map[string]string {
	known := map[string]string{"KEY-IN-USE": string(p.Current)}
	switch p.Halt.Reason {
	case rotator.ReasonKeyGone, rotator.ReasonKeyInactive, rotator.ReasonRecreated, rotator.ReasonSecretLost:
		known["KEY-IN-USE"] = "" // the one that the journal knows is just the one that cannot be
	default:
	}
	if p.Cycle != nil {
		known["NEW-KEY"], known["OLD-KEY"] = string(p.Cycle.Keep), string(p.Cycle.Retire)
	}
	if in := known["KEY-IN-USE"]; in != "" {
		var others []string
		for _, id := range keyID.FindAllString(p.Halt.Detail, -1) {
			if id != in {
				others = append(others, id)
			}
		}
		if len(others) == 1 {
			known["OTHER-KEY"] = others[0]
		}
	}
	return known
}

// eitherWay is a command for the case that inUse is the key in use.
func eitherWay(command, inUse, other string) string {
	filled := strings.NewReplacer("KEY-IN-USE", inUse, "OTHER-KEY", other).Replace(command)
	if filled == command {
		return command
	}
	return filled + "   # if " + inUse + " is the one in use"
}

func (c *cli) printStatus(all fleetStatus) error {
	now := c.now()
	columns := []column[userStatus]{
		{head: "USER", cell: func(u userStatus) string { return u.User }},
		{head: "PHASE", cell: func(u userStatus) string { return u.phase() }},
		{head: "KEY", cell: func(u userStatus) string { return c.keyCell(u.Key) }},
		{head: "AGE", cell: func(u userStatus) string { return since(now, u.Created) }},
		{head: "DEADLINE", cell: func(u userStatus) string { return c.instantCell(u.Deadline, now) }},
		{head: "CYCLE", cell: func(u userStatus) string { return fmt.Sprint(u.Cycle) }},
		{head: "IN SYNC", cell: userStatus.syncCell},
		{head: "WAITS FOR", cell: func(u userStatus) string { return c.waitCell(u, now) }},
		{head: "UNTIL", more: true, cell: func(u userStatus) string { return stamp(u.Until) }},
		{head: "DETAIL", more: true, cell: func(u userStatus) string { return u.Detail }},
		{head: "POLICY", more: true, cell: func(u userStatus) string { return u.Policy }},
		{head: "CREATED", more: true, cell: func(u userStatus) string { return stamp(u.Created) }},
		{head: "PURPOSE", more: true, cell: func(u userStatus) string { return string(u.Purpose) }},
		{head: "NEW KEY", more: true, cell: func(u userStatus) string { return string(u.NewKey) }},
		{head: "OLD KEY", more: true, cell: func(u userStatus) string { return string(u.OldKey) }},
		{head: "PAUSED", more: true, cell: func(u userStatus) string { return fmt.Sprint(u.Paused) }},
		{head: "HALTED", more: true, cell: userStatus.haltCell},
		{head: "REQUESTS", more: true, cell: func(u userStatus) string { return fmt.Sprint(len(u.Requests)) }},
	}
	if c.output != formTable && c.output != "" {
		return emit(c, all, all.Users, columns)
	}
	var b strings.Builder
	if all.Paused {
		b.WriteString("ALL USERS ARE PAUSED: no key is created, cut or deleted, and no store written. To go on: keyrotator resume --all\n\n")
	}
	if all.Tripped {
		b.WriteString("THE BREAKER IS OPEN: too many users were halted, so no key is created, cut or deleted. To go on: keyrotator resume --all\n\n")
	}
	err := writeTable(&b, all.Users, columns)
	for _, u := range all.Users {
		b.WriteString(u.story(now))
	}
	_, writeErr := io.WriteString(c.stdout, b.String())
	if err := errors.Join(err, writeErr); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

func (u userStatus) phase() string {
	switch {
	case u.Unreadable != "":
		return "UNREADABLE"
	case u.Halt != nil:
		return "HALTED"
	case u.Paused:
		return string(u.Phase) + " (paused)"
	default:
		return string(u.Phase)
	}
}

// keyCell is short for people and whole for machines, as instantCell is.
func (c *cli) keyCell(key rotator.KeyID) string {
	if c.output == formCSV {
		return string(key)
	}
	return short(key)
}

func (c *cli) instantCell(at, now time.Time) string {
	switch {
	case c.output == formCSV:
		return stamp(at)
	case at.IsZero():
		return ""
	case at.Before(now):
		return roughly(now.Sub(at)) + " AGO"
	default:
		return "in " + roughly(at.Sub(now))
	}
}

func since(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return roughly(now.Sub(at))
}

func (u userStatus) syncCell() string {
	have := 0
	for _, consumer := range u.Consumers {
		if consumer.InSync {
			have++
		}
	}
	return fmt.Sprintf("%d/%d", have, len(u.Consumers))
}

func (u userStatus) haltCell() string {
	if u.Halt == nil {
		return ""
	}
	return string(u.Halt.Reason)
}

// overdue is how late a user may be before status wonders about the daemon.
const overdue = time.Minute

func (c *cli) waitCell(u userStatus, now time.Time) string {
	switch {
	case c.output == formCSV:
		return string(u.Waiting)
	case u.Unreadable != "":
		return "a newer version of keyrotator"
	case u.Halt != nil:
		return "you: " + string(u.Halt.Reason)
	case len(u.Requests) > 0:
		return fmt.Sprintf("the daemon, to take up request %d", u.Requests[0].Number)
	case u.Phase == "unseen":
		return "the daemon's first look"
	case !u.Until.IsZero() && now.Sub(u.Until) > overdue:
		return fmt.Sprintf("the daemon: due since %s (is it running?)", clock(u.Until, now))
	case u.Waiting == "":
		return "its next step, due now"
	case u.Until.IsZero():
		return string(u.Waiting)
	default:
		return string(u.Waiting) + " until " + clock(u.Until, now)
	}
}

// story is what does not fit the table: what a person must know or decide.
func (u userStatus) story(now time.Time) string {
	var b strings.Builder
	if u.Unreadable != "" {
		fmt.Fprintf(&b, "\n%s: %s\n", u.User, u.Unreadable)
	}
	if h := u.Halt; h != nil {
		fmt.Fprintf(&b, "\n%s needs a person (%s, since %s)\n  %s\n", u.User, h.Reason, clock(h.At, now), oneLine(h.Sentence))
		if h.Detail != "" {
			fmt.Fprintf(&b, "  seen: %s\n", oneLine(h.Detail))
		}
		b.WriteString("  type one of:\n")
		for _, command := range h.Commands {
			fmt.Fprintf(&b, "    %s\n", oneLine(command))
		}
	}
	if u.Attempts > 1 && u.Halt == nil {
		fmt.Fprintf(&b, "\n%s: %s (%d times in a row)\n", u.User, oneLine(sentence(u.Waiting)+": "+u.Detail), u.Attempts)
	}
	if behind := u.behind(); u.NewKey != "" && len(behind) > 0 {
		fmt.Fprintf(&b, "\n%s: these have not taken the key %s yet: %s\n", u.User, short(u.NewKey), strings.Join(behind, ", "))
	}
	for _, consumer := range u.Consumers {
		if consumer.Standing == rotator.StandingUnacked {
			fmt.Fprintf(&b, "\n%s: once it has the new key: keyrotator ack %s %q\n", u.User, u.User, consumer.Name)
		}
	}
	if u.Drifted != "" {
		fmt.Fprintf(&b, "\n%s: %s does not hold the key in use any more\n", u.User, u.Drifted)
	}
	for _, r := range u.Requests {
		fmt.Fprintf(&b, "\n%s: request %d waits to be taken up: %s\n", u.User, r.Number, oneLine(describeRequest(r)))
	}
	return b.String()
}

// behind are the consumers that do not have the key they should have, and how
// they stand.
func (u userStatus) behind() []string {
	var names []string
	for _, consumer := range u.Consumers {
		if !consumer.InSync {
			names = append(names, fmt.Sprintf("%s (%s)", consumer.Name, consumer.Standing))
		}
	}
	return names
}
