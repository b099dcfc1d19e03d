package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// ask appends a request to the journal, unless the journal shows that it would
// be refused anyway.
func (c *cli) ask(ctx context.Context, q rotator.Request, args []string, a asking) error {
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	if err := address(&q, args, a.all); err != nil {
		return usageError(err)
	}
	db, _, err := openJournal(ctx, cfg, false)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; start keyrotator run once", err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // every write was confirmed on its own
	q.By, q.Why, q.At = operator(), a.why, c.now()
	if q.Consumer, err = consumerOf(cfg, q); err != nil {
		return err
	}
	if q.User != rotator.AllUsers() {
		if err := c.foresee(ctx, cfg, db, q); err != nil {
			return err
		}
	}
	if a.dryRun {
		c.sayf("dry run: nothing was asked for")
		return c.printRequest(q)
	}
	if danger := dangerOf(cfg, q); danger != "" {
		if err := c.confirm(danger, a.yes); err != nil {
			return err
		}
	}
	before, err := lastSeq(ctx, db, q.User)
	if err != nil {
		return err
	}
	if q, err = db.Append(ctx, q); err != nil {
		return err
	}
	if err := c.printRequest(q); err != nil {
		return err
	}
	c.sayf("%s", nextOf(q))
	if !a.wait || q.User == rotator.AllUsers() {
		return nil
	}
	return c.follow(ctx, db, q, before, a.timeout)
}

// accessKeyID is IAM's rule for the id of an access key (API reference of
// UpdateAccessKey: 16 to 128 word characters; AWS itself makes capitals and digits).
var accessKeyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// address fills in whom the request is for.
func address(q *rotator.Request, args []string, all bool) error {
	switch {
	case all && len(args) > 0:
		return errors.New("name a user or say --all, not both")
	case all:
		q.User = rotator.AllUsers()
		return nil
	case len(args) == 0:
		return errors.New("name a user, or say --all")
	}
	var err error
	if q.User, err = rotator.ParseUser(args[0]); err != nil {
		return err
	}
	if (q.Verb == rotator.RequestAdopt || q.Verb == rotator.RequestEvict) && !accessKeyID.MatchString(string(q.Key)) {
		return fmt.Errorf("%q is not the id of an access key, such as AKIAIOSFODNN7EXAMPLE", string(q.Key))
	}
	return nil
}

// operator names who asks, for the auditor.
func operator() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if behind := os.Getenv("SUDO_USER"); behind != "" && behind != name {
		name += " (" + behind + ")"
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// foresee asks the core what it would decide about the request by what the
// journal knows. A request that must look at AWS first is never refused here,
// nor one behind others, which may change everything.
func (c *cli) foresee(ctx context.Context, cfg *config.Config, db *journal.DB, q rotator.Request) error {
	names, err := knownUsers(ctx, cfg, db)
	if err != nil {
		return err
	}
	if !slices.Contains(names, q.User.String()) {
		return unknownUser(q.User.String(), names)
	}
	row, err := db.Row(ctx, q.User)
	if err != nil && !errors.Is(err, journal.ErrUnknownUser) {
		return err
	}
	if err := journal.Readable(row.Progress); err != nil {
		return &exitError{exitRefused, err}
	}
	if len(row.Requests) > 0 {
		last := row.Requests[len(row.Requests)-1]
		c.sayf("request %d of this user is not taken up yet, this one comes after it: %s", last.Number, describeRequest(last))
		return nil
	}
	_, configured := configOf(cfg, q.User)
	q.Number = row.Progress.Handled + 1
	d := rotator.Decide(c.now(), rotator.Policy{}, rotator.State{
		User: q.User, Configured: configured, Progress: row.Progress, Requests: []rotator.Request{q},
	})
	if d.Verb == rotator.VerbReject {
		return &exitError{exitRefused, fmt.Errorf("%s %s: %s; nothing was asked for", q.Verb, q.User, d.Detail)}
	}
	return nil
}

func configOf(cfg *config.Config, who rotator.User) (config.User, bool) {
	at := slices.IndexFunc(cfg.Users, func(u config.User) bool { return u.User == who.String() })
	if at < 0 {
		return config.User{}, false
	}
	return cfg.Users[at], true
}

// lastSeq is the number of a user's last history entry.
func lastSeq(ctx context.Context, db *journal.DB, who rotator.User) (int64, error) {
	entries, err := db.History(ctx, who, 0, 0)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	return entries[len(entries)-1].Seq, nil
}

// dangerOf is what a person must agree to, empty for a request that breaks nobody.
func dangerOf(cfg *config.Config, q rotator.Request) string {
	var consumers []string
	u, _ := configOf(cfg, q.User)
	for _, at := range destinationsOf(cfg, u) {
		consumers = append(consumers, "  "+at.name)
	}
	list := strings.Join(consumers, "\n")
	switch {
	case q.CutFirst:
		return fmt.Sprintf("The key of %s is cut before there is a new one.\n"+
			"Everybody who reads one of these fails until it holds the new key, and until they read it again:\n%s", q.User, list)
	case q.Emergency:
		return fmt.Sprintf("The old key of %s is cut as soon as these hold the new one, without overlap or quiet time.\n"+
			"Whoever does not read them again at once fails:\n%s", q.User, list)
	case q.Verb == rotator.RequestRollback:
		return fmt.Sprintf("The old key of %s goes back into these, and the user is halted until you decide:\n%s", q.User, list)
	case q.Verb == rotator.RequestEvict:
		return fmt.Sprintf("Key %s of %s is made inactive after the overlap and deleted after the trial. A deleted key never comes back.", q.Key, q.User)
	default:
		return ""
	}
}

// nextOf says what comes of a request.
func nextOf(q rotator.Request) string {
	follow := "; follow it with: keyrotator status " + q.User.String()
	switch {
	case q.User == rotator.AllUsers() && q.Verb == rotator.RequestPause:
		return "all users are paused from their next step on; to go on: keyrotator resume --all"
	case q.User == rotator.AllUsers():
		return "the pause of all users is over and the breaker closed, from their next step on"
	case q.CutFirst:
		return "the daemon cuts the old key and then makes the new one" + follow
	case q.Emergency:
		return "the daemon rotates now and cuts the old key without graces" + follow
	}
	next := map[string]string{
		rotator.RequestRotate:   "the daemon begins the rotation now, if no window or freeze is against it",
		rotator.RequestRollback: "the daemon goes back to the old key, then waits for your resume or evict",
		rotator.RequestPause:    "the daemon changes nothing for this user from its next step on",
		rotator.RequestResume:   "the daemon looks at this user at once and goes on",
		rotator.RequestAdopt:    "the daemon looks whether the key is listed, active and the one in the stores, and takes it for the one in use",
		rotator.RequestEvict:    "the daemon retires the key: overlap, quiet time, trial, then it is deleted",
		rotator.RequestAck:      "the daemon takes it that this consumer has the new key",
		rotator.RequestAlarm:    "the daemon makes the old key active again if it was cut, and waits for your resume or rollback",
	}
	return next[q.Verb] + follow
}

// describeRequest is a request in words.
func describeRequest(q rotator.Request) string {
	text := q.Verb + " " + q.User.String()
	if q.User == rotator.AllUsers() {
		text = q.Verb + " all users"
	}
	if q.Key != "" {
		text += " " + string(q.Key)
	}
	if q.Consumer != "" {
		text += " " + q.Consumer
	}
	switch {
	case q.CutFirst:
		text += " in an emergency, cutting first"
	case q.Emergency:
		text += " in an emergency"
	}
	if q.By != "" {
		text += ", asked by " + q.By
	}
	if q.Why != "" {
		text += ": " + q.Why
	}
	return text
}

func (c *cli) printRequest(q rotator.Request) error {
	number := func(q rotator.Request) string { return numberOrNone(q.Number) }
	if c.output == formTable || c.output == "" {
		head := "request " + number(q)
		if q.Number == 0 {
			head = "a request"
		}
		_, err := fmt.Fprintf(c.stdout, "%s: %s\n", head, oneLine(describeRequest(q)))
		return err
	}
	return emit(c, q, []rotator.Request{q}, []column[rotator.Request]{
		{head: "NUMBER", cell: number},
		{head: "USER", cell: func(q rotator.Request) string { return q.User.String() }},
		{head: "VERB", cell: func(q rotator.Request) string { return q.Verb }},
		{head: "KEY", cell: func(q rotator.Request) string { return string(q.Key) }},
		{head: "CONSUMER", cell: func(q rotator.Request) string { return q.Consumer }},
		{head: "EMERGENCY", cell: func(q rotator.Request) string { return fmt.Sprint(q.Emergency) }},
		{head: "CUT FIRST", cell: func(q rotator.Request) string { return fmt.Sprint(q.CutFirst) }},
		{head: "BY", cell: func(q rotator.Request) string { return q.By }},
		{head: "WHY", cell: func(q rotator.Request) string { return q.Why }},
		{head: "AT", cell: func(q rotator.Request) string { return stamp(q.At) }},
	})
}
