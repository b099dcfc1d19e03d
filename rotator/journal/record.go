package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// stamp is an instant as it is stored: nanoseconds since 1970, zero for none.
// Instants beyond the years 1678 to 2262 are stored as the nearest that fits.
type stamp int64

func stampOf(t time.Time) stamp {
	switch {
	case t.IsZero():
		return 0
	case t.Year() >= 2262:
		return math.MaxInt64
	case t.Year() <= 1678:
		return math.MinInt64
	case t.UnixNano() == 0:
		return 1 // the epoch itself, which is not "none"
	default:
		return stamp(t.UnixNano())
	}
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(s)).UTC()
}

// earlier returns the earlier of two instants, where none is never.
func (s stamp) earlier(t stamp) stamp {
	if s == 0 || (t != 0 && t < s) {
		return t
	}
	return s
}

// record is a row of the table users. Memory and SQL share it, and with it the
// rules of who may claim, what a save changes and when a user is due.
type record struct {
	user    rotator.User
	phase   rotator.Phase
	schema  int
	open    bool // a cycle is open
	due     stamp
	wake    stamp // the earliest wake since the claim
	version int64
	owner   string
	lease   stamp
	handled int64
	seq     int64 // of the last history row
	hash    Hash  // of the last history row
	body    []byte
	// said is the body before it is encoded, nil in what was read from a database.
	said *body
}

// body is the part of a row that no query looks into.
type body struct {
	Progress rotator.Progress `json:"progress"`
	Waiting  rotator.Reason   `json:"waiting,omitempty"`
	Detail   string           `json:"detail,omitempty"`
	Attempts int              `json:"attempts,omitempty"`
	Calls    map[string]int   `json:"calls,omitempty"`
}

// clone shares no memory with b.
func (b body) clone() body {
	b.Progress, b.Calls = b.Progress.Clone(), maps.Clone(b.Calls)
	return b
}

// Readable returns nil if this version may act on the progress, and else an
// error that wraps rotator.ErrUnreadable.
func Readable(p rotator.Progress) error {
	if p.Schema > rotator.Schema {
		return fmt.Errorf("read progress of schema %d, this version knows %d: %w", p.Schema, rotator.Schema, rotator.ErrUnreadable)
	}
	if !p.Phase.Known() {
		return fmt.Errorf("read progress in phase %q, which this version does not know: %w", string(p.Phase), rotator.ErrUnreadable)
	}
	return nil
}

func (r record) readable() error {
	return Readable(rotator.Progress{Schema: r.schema, Phase: r.phase})
}

// row decodes the record into fresh memory; Sealed and Requests are the
// caller's to fill.
func (r record) row() (rotator.Row, error) {
	row := rotator.Row{User: r.user, Due: r.due.time(), Version: r.version, Owner: r.owner, LeaseUntil: r.lease.time()}
	var b body
	switch {
	case r.said != nil:
		b = r.said.clone()
	case len(r.body) == 0:
		return row, nil
	default:
		if err := json.Unmarshal(r.body, &b); err != nil {
			return rotator.Row{}, fmt.Errorf("decode the journal row of %s: %w", r.user, err)
		}
	}
	row.Progress, row.Waiting, row.Detail, row.Attempts, row.Calls = b.Progress, b.Waiting, b.Detail, b.Attempts, b.Calls
	return row, nil
}

func (r record) claimed(now stamp) bool { return r.lease != 0 && r.lease > now }

// ripe is the instant from which on the row itself is due, zero for never:
// its due time, or the end of a claim that was not released.
func (r record) ripe() stamp {
	if r.lease != 0 {
		return r.lease
	}
	return r.due
}

// claim gives the record to owner. A record without a version is new.
func (r record) claim(owner string, now time.Time, lease time.Duration) (record, error) {
	if r.claimed(stampOf(now)) {
		return record{}, fmt.Errorf("%w until %s", rotator.ErrClaimed, r.lease.time().Format(time.RFC3339))
	}
	if err := r.readable(); err != nil {
		return record{}, err
	}
	r.version, r.owner, r.lease, r.wake = r.version+1, owner, stampOf(now.Add(lease)), 0
	return r, nil
}

func checkClaim(user rotator.User, owner string, lease time.Duration) error {
	switch {
	case !user.Valid():
		return fmt.Errorf("%q does not name a user", user.String())
	case owner == "":
		return errors.New("the owner is empty")
	case lease <= 0:
		return fmt.Errorf("a lease of %s is none", lease)
	}
	return nil
}

// save applies the row and the change to the record as it is now stored. It
// returns the next record and the history rows to append.
func (r record) save(row rotator.Row, change rotator.Change) (record, []link, error) {
	if row.Owner == "" || row.Version != r.version || row.Owner != r.owner {
		return record{}, nil, rotator.ErrConflict
	}
	if err := Readable(row.Progress); err != nil {
		return record{}, nil, err
	}
	for key, sealed := range change.Seal {
		if key == "" || len(sealed) == 0 {
			return record{}, nil, errors.New("sealed bytes or key id are empty")
		}
	}
	links, err := r.extend(change.Entries)
	if err != nil {
		return record{}, nil, err
	}
	if len(links) > 0 {
		r.seq, r.hash = links[len(links)-1].seq, links[len(links)-1].hash
	}
	r.said = &body{row.Progress, row.Waiting, row.Detail, row.Attempts, row.Calls}
	r.phase, r.schema, r.open = row.Progress.Phase, row.Progress.Schema, row.Progress.Cycle != nil
	r.due, r.handled = stampOf(row.Due), row.Progress.Handled
	if r.wake != 0 {
		r.due = r.due.earlier(r.wake)
	}
	r.version++
	if change.Release {
		r.owner, r.lease, r.wake = "", 0, 0
	}
	return r, links, nil
}

// encode is the record with its body as databases hold it.
func (r record) encode() (record, error) {
	text, err := json.Marshal(r.said)
	if err != nil {
		return record{}, fmt.Errorf("encode the row: %w", err)
	}
	r.body, r.said = text, nil
	return r, nil
}

// result is the caller's row as it was saved.
func (r record) result(row rotator.Row, change rotator.Change) rotator.Row {
	row.Due, row.Version, row.Owner, row.LeaseUntil = r.due.time(), r.version, r.owner, r.lease.time()
	row.Sealed = maps.Clone(row.Sealed)
	for key, sealed := range change.Seal {
		if row.Sealed == nil {
			row.Sealed = map[rotator.KeyID][]byte{}
		}
		row.Sealed[key] = slices.Clone(sealed)
	}
	for _, key := range change.Erase {
		delete(row.Sealed, key)
	}
	row.Requests = slices.DeleteFunc(slices.Clone(row.Requests), func(q rotator.Request) bool { return q.Number <= r.handled })
	return row
}
