package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

const day = 24 * time.Hour

// TestAYearOfFaultsFailsNoSignIn runs the real daemon (its executor, the AWS
// SDK, SQLite, both kinds of store) against the embedded AWS through a year of
// fake time, while consumers sign in. A seed repeats the world and its dice; the
// order of what happens at one instant is the scheduler's.
//
// KEYROTATOR_YEARS=n runs n seeds; KEYROTATOR_YEAR_SEED=s begins with s.
func TestAYearOfFaultsFailsNoSignIn(t *testing.T) {
	years, length, users := number(t, "KEYROTATOR_YEARS", 2), 365*day, 50
	if raceDetector {
		years, length, users = number(t, "KEYROTATOR_YEARS", 1), 20*day, 10
	}
	first := number(t, "KEYROTATOR_YEAR_SEED", 1)
	for seed := first; seed < first+years; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { liveThrough(t, yearPlan{uint64(seed), users, length, true}) })
		})
	}
}

// TestAYearWithoutFaultsKeepsEveryKeyUnderItsMaxAge has everything that AWS does
// every day (slow new keys, stale lists, late last use) and no fault at all.
func TestAYearWithoutFaultsKeepsEveryKeyUnderItsMaxAge(t *testing.T) {
	plan := yearPlan{seed: 42, users: 10, length: 365 * day}
	if raceDetector {
		plan.length = 20 * day
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { liveThrough(t, plan) })
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a whole number above zero", variable, text)
	}
	return n
}

type yearPlan struct {
	seed   uint64
	users  int
	length time.Duration
	faults bool
}

func liveThrough(t *testing.T, plan yearPlan) {
	w := newYear(t, plan)
	ctx, end := context.WithCancel(t.Context())
	w.startConsumers(ctx)
	w.keepRunning(ctx)
	end()
	w.consumers.Wait()
	w.emu.ClearFaults()
	w.judge()
}

// judge looks at what the year left behind.
func (w *yearWorld) judge() {
	w.t.Helper()
	db, err := journal.Open(w.t.Context(), w.config.Journal, journal.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Verify(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	rotations, orphans := 0, 0
	for _, u := range w.users {
		rotated, lost := w.judgeUser(db, u)
		rotations, orphans = rotations+rotated, orphans+lost
	}
	calls := 0
	for _, n := range w.emu.Counts() {
		calls += n
	}
	n := &w.tally
	w.t.Logf("seed %d: %d users, %s, %d rotations, %d lost creates, %d calls, %d AWS faults, %d journal faults, %d restarts, %d sign-ins (%d unanswered), %d failed",
		w.plan.seed, len(w.users), w.plan.length, rotations, orphans, calls, n.faults.Load(), n.journalFaults.Load(), n.restarts,
		n.signIns.Load(), n.unanswered.Load(), n.failed.Load())
	if n.failed.Load() > 0 {
		w.t.Errorf("%d sign-ins failed", n.failed.Load())
	}
	if n.signIns.Load() == 0 || w.plan.faults && n.faults.Load() == 0 {
		w.t.Error("nobody signed in, or no fault hit: the test proves nothing")
	}
}

// judgeUser checks one user's history, keys and stores.
func (w *yearWorld) judgeUser(db *journal.DB, u yearUser) (rotations, orphans int) {
	w.t.Helper()
	row, err := db.Row(w.t.Context(), u.user)
	if err != nil {
		w.t.Fatal(err)
	}
	if row.Progress.Halt != nil {
		w.t.Errorf("%s is halted: %s %s", u.user, row.Progress.Halt.Reason, row.Progress.Halt.Detail)
		w.explain(db, u)
	}
	history, err := db.History(w.t.Context(), u.user, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	closed := 0
	for _, h := range history {
		e := h.Entry
		switch {
		case e.Kind == rotator.KindDone && e.Verb == rotator.VerbCreate:
			rotations++
		case e.Kind == rotator.KindNoted && e.Verb == rotator.VerbRecognise:
			orphans++
		case e.Kind == rotator.KindDone && e.Verb == rotator.VerbDelete, e.Kind == rotator.KindNoted && e.Verb == rotator.VerbClose:
			closed++
		default:
		}
	}
	least, most := w.expected(u, orphans)
	if rotations < least || rotations > most {
		w.t.Errorf("%s (%s) has %d new keys, want %d to %d", u.user, u.policy.Name, rotations, least, most)
	}
	if closed < rotations+orphans-1 {
		w.t.Errorf("%s has %d new keys, %d lost ones, and only %d old ones are gone", u.user, rotations, orphans, closed)
	}
	if age := w.oldest[u.user.Name]; age > w.ageLimit(u, orphans) {
		w.t.Errorf("%s (%s): a key became %s old", u.user, u.policy.Name, age)
		w.explain(db, u)
	}
	w.judgeStores(u)
	return rotations, orphans
}

func (w *yearWorld) judgeStores(u yearUser) {
	w.t.Helper()
	for _, p := range u.places {
		held, err := p.read()
		if err != nil {
			w.t.Fatal(err)
		}
		if err := signIn(w.t.Context(), w.emu.Transport(), stsURL, held); err != nil {
			w.t.Errorf("%s: what %s holds does not sign in: %v", u.user, p.name, err)
		}
	}
}

// expected bounds the number of new keys: a rotation starts when the key before
// is old enough by its policy, at the latest the slack after that.
func (w *yearWorld) expected(u yearUser, orphans int) (least, most int) {
	slack := time.Hour
	if w.plan.faults {
		slack = 3 * time.Hour
	}
	count := func(late, end time.Duration) (n int) {
		at := max(u.start(u.created).Sub(w.began), 0) + late
		for ; at < end; n++ {
			at = u.start(w.began.Add(at)).Sub(w.began) + late
		}
		return n
	}
	lost := time.Duration(orphans) * (u.policy.Quiet + u.policy.Trial + 2*slack)
	return count(slack, w.plan.length-lost), count(0, w.plan.length)
}

// ageLimit is how old a key may become: its policy's maximum, unless a fault
// lost the answer to a create, or held up every try for a while.
func (w *yearWorld) ageLimit(u yearUser, orphans int) time.Duration {
	limit := u.policy.MaxAge
	if w.plan.faults {
		limit += 3 * time.Hour
	}
	return limit + time.Duration(orphans)*(u.policy.Quiet+u.policy.Trial+6*time.Hour)
}

// explain shows the end of a user's history.
func (w *yearWorld) explain(db *journal.DB, u yearUser) {
	w.t.Helper()
	history, err := db.History(w.t.Context(), u.user, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range history[max(0, len(history)-40):] {
		e := h.Entry
		w.t.Logf("  %s %d %s %s %s %s %s %s", e.At.UTC().Format(time.DateTime), e.Cycle, e.Kind, e.Verb, e.Key, e.Consumer, e.Reason, e.Detail)
	}
	keys, err := w.emu.Keys(testAccount, u.user.Name)
	w.t.Logf("  keys %v %v", keys, err)
}
