package rotator

import (
	"context"
	"errors"
	"time"
)

// Sentinels of a Journal.
var (
	// ErrConflict: the row was saved by somebody else since it was claimed.
	// Nothing was written; observe again.
	ErrConflict = errors.New("the journal row was changed by somebody else")
	// ErrClaimed: another replica is working on this user.
	ErrClaimed = errors.New("the user is claimed by another replica")
	// ErrUnreadable: the row was written by a newer version of this program;
	// it is never acted on.
	ErrUnreadable = errors.New("the journal row is of a newer version")
)

// Journal is the durable record. A save is atomic and durable before it
// returns; an error from it means that nothing may be assumed, and the step
// that needed it ends without its effect.
//
// There is one row a user: state, timer and lock in one. History rows carry
// the hash of the row before them and are written in the row's transaction.
type Journal interface {
	// Claim takes the user's row for owner until now plus lease and returns it
	// with everything a step needs; a user never seen gets an empty row. It
	// fails with ErrClaimed while another owner's lease runs. All instants are
	// of the local clock.
	Claim(ctx context.Context, user User, owner string, now time.Time, lease time.Duration) (Row, error)
	// Save writes the change if the row still has the version and the owner
	// that it was claimed or last saved with, else ErrConflict. It returns the
	// row as saved, with its next version.
	Save(ctx context.Context, row Row, change Change) (Row, error)
	// Due lists at most limit users whose time has come or who have a request
	// waiting, those with an open cycle first, then the longest overdue.
	// Claimed rows are left out. next is when the earliest of the others
	// becomes due, zero when none ever does.
	Due(ctx context.Context, now time.Time, limit int) (users []User, next time.Time, err error)
	// Append adds an operator's request and returns it with its number; it
	// touches no row, so that a command line may do it beside a running daemon.
	Append(ctx context.Context, request Request) (Request, error)
	// Global tells what holds for all users.
	Global(ctx context.Context) (Global, error)
}

// Roster lists what a journal knows, for sweeps.
type Roster interface {
	// Rows lists every user's row, without the bytes of secrets in custody.
	Rows(ctx context.Context) ([]Row, error)
}

// Row is a user's journal row as one step sees it.
type Row struct {
	User User
	// Progress is the fold of the user's history.
	Progress Progress
	// Due is when the user is to be looked at next, on the local clock; zero
	// means not before a request or a sweep.
	Due time.Time
	// Waiting is the reason of the last decision to wait, for people to read.
	Waiting Reason
	// Detail is what the reason is about, such as a service and a Region.
	Detail string
	// Attempts counts the failures in a row; it drives the back-off.
	Attempts int
	// Calls are the service calls made since the last history entry.
	Calls map[string]int
	// Version and Owner are the fence; Claim and Save set them.
	Version int64
	Owner   string
	// LeaseUntil is when the claim ends, on the local clock of its owner; zero
	// when it was released.
	LeaseUntil time.Time
	// Sealed holds the user's secrets in custody, sealed, by key id.
	Sealed map[KeyID][]byte
	// Requests are the operator's requests not handled yet, oldest first.
	Requests []Request
}

// Change is what one save writes.
type Change struct {
	// Entries are appended to the history; the row's Progress is folded over
	// them by the caller before the save.
	Entries []Entry
	// Seal adds secrets to the custody, Erase removes them beyond recovery.
	Seal  map[KeyID][]byte
	Erase []KeyID
	// Release gives the claim up: the step is over.
	Release bool
}

// Verbs of requests.
const (
	RequestRotate   = "rotate"
	RequestRollback = "rollback"
	RequestPause    = "pause"
	RequestResume   = "resume"
	RequestAdopt    = "adopt"
	RequestEvict    = "evict"
	// RequestAck tells that a consumer has the new key, RequestAlarm that one
	// fails: the old key comes back, and the user halts.
	RequestAck   = "ack"
	RequestAlarm = "alarm"
	// RequestTrip opens the breaker; the program itself appends it.
	RequestTrip = "trip"
)

// AllUsers is the pseudo-user whose requests hold for everybody: pause,
// resume and the breaker.
func AllUsers() User { return User{Account: "*", Name: "*"} }

// Request is what an operator asked for. Requests are numbered by the journal.
type Request struct {
	Number int64  `json:"number"`
	User   User   `json:"user"`
	Verb   string `json:"verb"`
	// Key is what adopt and evict are about. An ack or an alarm may name the new
	// key, and is refused when that is another one by then.
	Key KeyID `json:"key,omitempty"`
	// Consumer is what ack is about, by the name of its store.
	Consumer string `json:"consumer,omitempty"`
	// Emergency waives the graces of a rotation, CutFirst cuts before creating.
	Emergency bool `json:"emergency,omitempty"`
	CutFirst  bool `json:"cut_first,omitempty"`
	// By and Why are recorded for the auditor.
	By  string    `json:"by,omitempty"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Global is what holds for all users.
type Global struct {
	// Paused is true between a pause and a resume of AllUsers.
	Paused bool
	// Tripped is true between a trip of the breaker and a resume of AllUsers.
	Tripped bool
	// Resumed is when AllUsers was resumed last; zero if never.
	Resumed time.Time
	// Halts are the instants, on the local clock, at which users were halted
	// since Resumed, the newest at most a thousand.
	Halts []time.Time
}
