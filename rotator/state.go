package rotator

import (
	"slices"
	"time"
)

// State is one user's whole observed world, as one decision sees it. Decide
// reads it and changes nothing in it.
type State struct {
	User User
	// Configured is false for a user that the configuration no longer names.
	Configured bool
	// Bootstrap allows the first key of a user without one.
	Bootstrap bool
	// Consumers are those of the present configuration, in its order.
	Consumers []Pinned
	Progress  Progress
	Requests  []Request
	// Custody tells whose sealed secrets the journal keeps.
	Custody map[KeyID]bool
	// Attempts counts the failures in a row, and Waiting is why the latest was one.
	Attempts int
	Waiting  Reason
	// Look asks for a live look even if nothing is due: a sweep, or a plan.
	Look bool
	// OwnKey is the key that this program signs with, empty for a role.
	OwnKey KeyID
	// Live is what was read in this step, nil before anything was.
	Live *Live
}

// Live is what one look at the world saw, in one step.
type Live struct {
	// Needs is what was looked at.
	Needs Needs
	// Read is when the look ended, on the local clock.
	Read time.Time
	// Date is AWS's clock in the list, or zero.
	Date     time.Time
	Identity Identity
	Keys     []Key
	// Use is the last use of the key Needs.UseOf; zero means unknown.
	Use LastUse
	// Signed is who the key Needs.SignIn signed in as; SignTrouble why not.
	Signed      Identity
	SignTrouble Trouble
	// Stores are the consumers' stores, by consumer name.
	Stores map[string]StoreView
	// Reload is how the reload of the consumer Needs.Reload stands.
	Reload ReloadView
	// Rewritten are the write-only consumers written again in this step.
	Rewritten map[string]bool
	// Trouble is why the look is not complete; zero when it is.
	Trouble Trouble
}

// Trouble is a failure that a decision may wait on. The zero value is none.
type Trouble struct {
	Reason Reason
	Detail string
}

// None reports that nothing failed.
func (t Trouble) None() bool { return t.Reason == "" }

// ReloadView is how a reload stands.
type ReloadView struct {
	// Done is set when it is complete and the consumer healthy.
	Done bool
	// Detail says what is missing.
	Detail string
	// Trouble is why that is not known.
	Trouble Trouble
}

// StoreView is what one store showed.
type StoreView struct {
	// Held is the key a consumer would read now; empty for an empty store and
	// for one that cannot be read.
	Held KeyID
	// Owner is the user in the ownership mark, Previous the key held before.
	Owner    string
	Previous KeyID
	// Staged is the key that waits unseen in a store of record that can stage,
	// under a mark that names StagedOwner.
	Staged      KeyID
	StagedOwner string
	// Mismatch is set when the store holds the key that was signed in with, but
	// beside another secret.
	Mismatch bool
	// Trouble is why a readable store could not be read.
	Trouble Trouble
	// Refusal is what the preflight found against a write.
	Refusal Trouble
}

// saw reports whether the state's look answers all of want.
func (s State) saw(want Needs) bool { return s.Live != nil && s.Live.Needs.Covers(want) }

// record is the store of record among consumers: the one marked, else the
// first readable one that is required.
func record(consumers []Pinned) (Pinned, bool) {
	i := recordIndex(consumers)
	if i < 0 {
		return Pinned{}, false
	}
	return consumers[i], true
}

// recordIndex is where the store of record is among consumers, -1 for none.
func recordIndex(consumers []Pinned) int {
	marked := slices.IndexFunc(consumers, func(c Pinned) bool { return c.Record && c.Readable && c.Required })
	if marked >= 0 {
		return marked
	}
	return slices.IndexFunc(consumers, func(c Pinned) bool { return c.Readable && c.Required })
}

// refreshes is the longest time any of the consumers takes to read its store again.
func refreshes(consumers []Pinned) time.Duration {
	longest := time.Duration(0)
	for _, c := range consumers {
		longest = max(longest, c.Refreshes)
	}
	return longest
}

// dateSlack is the grain of the Date header: two of them tell an elapsed time
// only to within a second.
const dateSlack = time.Second

// passed reports whether at least d has surely passed from since to date, both
// of AWS's clock. Without either it has not.
func passed(date, since time.Time, d time.Duration) bool {
	return !date.IsZero() && !since.IsZero() && date.Sub(since) >= d+dateSlack
}

// untilPassed is the local time at which passed will be true, if now is date.
func untilPassed(now, date, since time.Time, d time.Duration) time.Time {
	return now.Add(d + 2*dateSlack - date.Sub(since))
}

// ready reports on the local clock whether a grace that began at since may be
// over, which is only ever a reason to look; at is when it will be.
func ready(now, since time.Time, d time.Duration) (at time.Time, ok bool) {
	at = since.Add(d + 2*dateSlack)
	return at, !now.Before(at)
}
