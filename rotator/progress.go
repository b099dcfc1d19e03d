package rotator

import "time"

// Phase is where a user stands. Phases are strings in the journal; one that
// this version does not know is never acted on.
type Phase string

// The phases of a cycle, in order, and those beside it.
const (
	PhaseUnseen       Phase = ""             // nothing is known of the user yet
	PhaseIdle         Phase = "idle"         // one key, in use
	PhaseCreating     Phase = "creating"     // a create was intended; a key may exist
	PhaseProving      Phase = "proving"      // the new key's secret is in custody; it must sign in
	PhasePropagating  Phase = "propagating"  // stores receive the new key
	PhaseOverlap      Phase = "overlap"      // both keys Active
	PhaseDeactivating Phase = "deactivating" // the cut was intended; the old key may be Inactive
	PhaseTrial        Phase = "trial"        // the old key is Inactive
	PhaseDeleting     Phase = "deleting"     // the delete was intended; the old key may be gone
	PhaseRollingBack  Phase = "rolling-back" // the old key returns to the stores
	PhaseRolledBack   Phase = "rolled-back"  // it did; a person decides what comes next
)

// Purpose is what a cycle is for. The tail of every cycle is the same: one key
// is kept, the other retired by overlap, cut, trial and delete.
type Purpose string

// The purposes.
const (
	PurposeRotation  Purpose = "rotation"
	PurposeBootstrap Purpose = "bootstrap" // a first key, nothing to retire
	PurposeOrphan    Purpose = "orphan"    // our own key whose secret was lost
	PurposeEvict     Purpose = "evict"     // a key that an operator named
)

// Schema is the version of Progress that this program writes.
const Schema = 1

// Known reports whether this version knows the phase; it never acts on another.
func (p Phase) Known() bool {
	switch p {
	case PhaseUnseen, PhaseIdle, PhaseCreating, PhaseProving, PhasePropagating, PhaseOverlap,
		PhaseDeactivating, PhaseTrial, PhaseDeleting, PhaseRollingBack, PhaseRolledBack:
		return true
	default:
		return false
	}
}

// Progress is the fold of a user's history: everything the journal knows.
type Progress struct {
	// Schema is the version of this form; a newer one is never acted on.
	Schema int `json:"schema"`
	// UserID is IAM's unique id, known from first sight on.
	UserID string `json:"user_id,omitempty"`
	// ARN is how AWS names the user; a proven key must sign in as this.
	ARN string `json:"arn,omitempty"`
	// Current is the key in use and Created its age by IAM's list.
	Current KeyID     `json:"current,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Phase   Phase     `json:"phase"`
	// Since is when the phase, or its present grace, began on the local clock.
	// It only decides when to look; graces are measured on AWS's clock.
	Since time.Time `json:"since,omitzero"`
	// Number is the number of the latest cycle.
	Number int `json:"number,omitempty"`
	// Cycle is the open cycle, nil when there is none.
	Cycle *Cycle `json:"cycle,omitempty"`
	// Halt is why the user stands still, nil when it does not.
	Halt *Halt `json:"halt,omitempty"`
	// Paused by an operator.
	Paused bool `json:"paused,omitempty"`
	// Handled is the number of the last request taken up.
	Handled int64 `json:"handled,omitempty"`
	// Asked is the request to rotate now that waits for its cycle to open.
	Asked *Request `json:"asked,omitempty"`
	// Written are the consumers whose store this program has written, or was
	// about to, by name in order; some services cannot tell.
	Written []string `json:"written,omitempty"`
	// Drifted is the consumer whose store was found to hold something else while
	// no cycle was open, by a policy that only reports it.
	Drifted string `json:"drifted,omitempty"`
	// Suspect is AWS's date at which the world first contradicted the journal.
	Suspect time.Time `json:"suspect,omitzero"`
}

// Halt is a full stop with its reason.
type Halt struct {
	Reason Reason    `json:"reason"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
}

// Intent is an effect that may have happened.
type Intent struct {
	Verb     Verb   `json:"verb"`
	Key      KeyID  `json:"key,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	Reason   Reason `json:"reason,omitempty"`
}

// Cycle is one rotation, or another retirement of a key, under way. Instants
// are of AWS's clock unless a field says otherwise.
type Cycle struct {
	Number int `json:"number"`
	Opening
	// Request is the operator's request behind the cycle or its haste.
	Request int64 `json:"request,omitempty"`
	// Opened is the local time at which the cycle began, for people.
	Opened time.Time `json:"opened"`
	Intent *Intent   `json:"intent,omitempty"`
	// Before are the keys listed right before the create, Intended its date.
	Before   []KeyID   `json:"before,omitempty"`
	Intended time.Time `json:"intended,omitzero"`
	// Signed counts the successes in a row of the quorum, SignedFrom and
	// SignedLast are the first and the last of them.
	Signed     int       `json:"signed,omitempty"`
	SignedFrom time.Time `json:"signed_from,omitzero"`
	SignedLast time.Time `json:"signed_last,omitzero"`
	// SignedAt is the local time of the last success, which spaces the next.
	SignedAt time.Time `json:"signed_at,omitzero"`
	// Touched is set by the first intent to push: from then on a store may
	// hold the new key.
	Touched bool `json:"touched,omitempty"`
	// Pushed tells when each consumer was verified to have the kept key.
	Pushed map[string]time.Time `json:"pushed,omitempty"`
	// StagedAt is when the store of record took the key unseen.
	StagedAt time.Time `json:"staged_at,omitzero"`
	// Taking tells how far each consumer has come in taking the kept key, once
	// its store holds it.
	Taking map[string]Taking `json:"taking,omitempty"`
	// Adopted is when somebody else than this program used the kept key, as far
	// as a policy that wants to know has seen.
	Adopted time.Time `json:"adopted,omitzero"`
	// Missed counts what failed in a row, by consumer.
	Missed map[string]int `json:"missed,omitempty"`
	// Probed tells when each consumer last passed its probe, on the local clock.
	Probed map[string]time.Time `json:"probed,omitempty"`
	// ProbeFailed is the consumer whose probe failed last, if it has not passed since.
	ProbeFailed string `json:"probe_failed,omitempty"`
	// Verified is when the last required consumer was; the overlap counts from it.
	Verified time.Time `json:"verified,omitzero"`
	// Healed is when all stores were written again because the old key was
	// still used; that is done once a grace.
	Healed time.Time `json:"healed,omitzero"`
	// Inactive is when the old key was first known Inactive; the trial counts from it.
	Inactive time.Time `json:"inactive,omitzero"`
	// UseAtCut is the old key's last use as the cut knew it.
	UseAtCut time.Time `json:"use_at_cut,omitzero"`
	// Restored tells which consumers have the old key back, on a way back, and
	// Unrestored which could not get it.
	Restored   []string `json:"restored,omitempty"`
	Unrestored []string `json:"unrestored,omitempty"`
}
