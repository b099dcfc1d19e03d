package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/store"
)

// checkWorkers is how many users are looked at at once; the calls in flight
// are bounded by each account's own limit.
const checkWorkers = 16

// lookAtAWS asks AWS and the stores, and changes nothing. Users of an account
// that cannot be signed in to are not asked for: their answers would all be
// the same.
func (r *checkReport) lookAtAWS(ctx context.Context, cfg *config.Config, reach reach) error {
	accounts, err := buildAccounts(ctx, cfg, reach)
	if err != nil {
		return err
	}
	fleet, err := assembleFleet(cfg, accounts)
	if err != nil {
		return err
	}
	usable := map[string]bool{}
	for _, name := range cfg.AccountNames() {
		found, ok := checkAccount(ctx, accounts[name])
		r.Findings = append(r.Findings, found...)
		r.Accounts++
		usable[name] = ok
	}
	var targets []rotator.Target
	for user, target := range fleet.Targets {
		if usable[user.Account] {
			targets = append(targets, target)
			r.Stores += len(target.Consumers)
		}
	}
	r.Users = len(targets)
	slices.SortFunc(targets, func(a, b rotator.Target) int {
		return cmp.Compare(a.User.String(), b.User.String())
	})
	known, err := recordedIn(ctx, cfg)
	if err != nil {
		r.Findings = append(r.Findings, finding{severityUnknown, "journal", err.Error(), "stores that keep no mark of their owner were judged without it"})
	}
	for _, found := range checkTargets(ctx, targets, known) {
		r.Findings = append(r.Findings, found...)
	}
	return ctx.Err()
}

// recordedIn is what the journal knows of each user; nothing where there is no
// journal yet. Some services keep no mark of who wrote a value.
func recordedIn(ctx context.Context, cfg *config.Config) (map[rotator.User]rotator.Progress, error) {
	db, _, err := openJournal(ctx, cfg, false)
	if errors.Is(err, fs.ErrNotExist) {
		return map[rotator.User]rotator.Progress{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // it was only read
	rows, err := db.Rows(ctx)
	known := map[rotator.User]rotator.Progress{}
	for _, row := range rows {
		known[row.User] = row.Progress
	}
	return known, err
}

// checkAccount reports whether the account's users can be asked for.
func checkAccount(ctx context.Context, a *account.Account) ([]finding, bool) {
	_, err := a.VerifyIdentity(ctx)
	switch {
	case err == nil:
		return nil, true
	case errors.Is(err, account.ErrWrongAccount):
		return []finding{{severityProblem, "account " + a.Name(), err.Error(), "correct its id, or give keyrotator credentials or a role of that account"}}, false
	default:
		return []finding{failure("account "+a.Name(), err, "its users were not looked at")}, false
	}
}

// checkTargets looks at users side by side; the findings are in their order.
func checkTargets(ctx context.Context, targets []rotator.Target, known map[rotator.User]rotator.Progress) [][]finding {
	found := make([][]finding, len(targets))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(checkWorkers, len(targets)) {
		workers.Go(func() {
			for i := range next {
				found[i] = checkTarget(ctx, targets[i], known[targets[i].User])
			}
		})
	}
	for i := range targets {
		next <- i
	}
	close(next)
	workers.Wait()
	return found
}

func checkTarget(ctx context.Context, target rotator.Target, known rotator.Progress) []finding {
	where := "user " + target.User.String()
	found := checkUser(ctx, target, where)
	for _, consumer := range target.Consumers {
		for _, err := range consumer.Preflight(ctx, known.Wrote(consumer.Name())) {
			found = append(found, failure(where+", "+consumer.Name(), err, ""))
		}
	}
	return found
}

// checkUser asks for what every look of the daemon asks for.
func checkUser(ctx context.Context, target rotator.Target, where string) []finding {
	if _, err := target.Witness.Identify(ctx, target.User); err != nil {
		if errors.Is(err, rotator.ErrNoSuchEntity) {
			return []finding{{severityProblem, where, "IAM does not know this user", "correct the name, or take the user out of the configuration"}}
		}
		return []finding{failure(where, err, "")}
	}
	listing, err := target.Keyring.List(ctx, target.User)
	if err != nil {
		return []finding{failure(where, err, "")}
	}
	var found []finding
	if len(listing.Keys) == 0 && !target.Bootstrap {
		found = append(found, finding{severityProblem, where, "the user has no access key", "set bootstrap: true to have the first one made"})
	}
	own, err := target.Witness.OwnKey(ctx)
	if err != nil {
		found = append(found, failure(where, err, ""))
	}
	for _, key := range listing.Keys {
		if own != "" && key.ID == own {
			what := fmt.Sprintf("keyrotator itself signs with key %s of this user", key.ID)
			found = append(found, finding{severityProblem, where, what, "give keyrotator a role or another user"})
		}
		if _, err := target.Witness.LastUse(ctx, target.User, key.ID); err != nil {
			found = append(found, failure(where, err, ""))
		}
	}
	return found
}

// failure is a finding of what went wrong.
func failure(where string, err error, hint string) finding {
	switch {
	case denied(err):
		return finding{severityDenied, where, err.Error(), cmp.Or(hint, "grant keyrotator the permission")}
	case unanswered(err):
		return finding{severityUnknown, where, err.Error(), cmp.Or(hint, "check again later")}
	default:
		return finding{severityProblem, where, err.Error(), hint}
	}
}

// unanswered reports whether a look ended without a clear answer.
func unanswered(err error) bool {
	for _, unclear := range []error{
		rotator.ErrThrottled, rotator.ErrAmbiguous, store.ErrThrottled, store.ErrAmbiguous,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, unclear) {
			return true
		}
	}
	var connection interface{ ConnectionError() bool }
	return errors.As(err, &connection)
}
