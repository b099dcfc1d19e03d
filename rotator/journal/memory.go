package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Memory is a journal that forgets everything with the process. It shares
// nothing with its callers, and it can be cloned at little cost: what it holds
// is replaced, never changed.
type Memory struct {
	mu       sync.Mutex
	now      func() time.Time
	users    map[rotator.User]file
	requests []rotator.Request
	canary   []byte
}

// file is all that is kept of one user. Its slices and maps are never changed.
type file struct {
	record record
	last   *past
	halts  []stamp // when the user was halted
	sealed map[rotator.KeyID][]byte
}

// past is a history from its last row back, so that clones share what they
// have in common.
type past struct {
	link
	before *past
}

// history is the whole history, oldest first.
func (f file) history() []link {
	var all []link
	for p := f.last; p != nil; p = p.before {
		all = append(all, p.link)
	}
	slices.Reverse(all)
	return all
}

var _ rotator.Journal = (*Memory)(nil)

// NewMemory returns an empty journal.
func NewMemory() *Memory {
	return &Memory{now: time.Now, users: map[rotator.User]file{}}
}

// Clone returns an independent copy.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{now: m.now, users: maps.Clone(m.users), requests: slices.Clone(m.requests), canary: slices.Clone(m.canary)}
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

// TakeOver ends every claim at most at until, as an exclusive Open does.
func (m *Memory) TakeOver(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for user, f := range m.users {
		f.record.lease = min(f.record.lease, stampOf(until))
		m.users[user] = f
	}
}

// Claim implements rotator.Journal.
func (m *Memory) Claim(ctx context.Context, user rotator.User, owner string, now time.Time, lease time.Duration) (rotator.Row, error) {
	if err := errors.Join(ctx.Err(), checkClaim(user, owner, lease)); err != nil {
		return rotator.Row{}, fmt.Errorf("claim %s: %w", user, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.users[user]
	f.record.user = user
	r, err := f.record.claim(owner, now, lease)
	if err != nil {
		return rotator.Row{}, fmt.Errorf("claim %s: %w", user, err)
	}
	f.record = r
	row, err := m.row(f)
	if err != nil {
		return rotator.Row{}, err
	}
	m.users[user] = f
	return row, nil
}

// row decodes a user's file.
func (m *Memory) row(f file) (rotator.Row, error) {
	row, err := f.record.row()
	if err != nil {
		return rotator.Row{}, err
	}
	if len(f.sealed) > 0 {
		row.Sealed = map[rotator.KeyID][]byte{}
	}
	for key, sealed := range f.sealed {
		row.Sealed[key] = slices.Clone(sealed)
	}
	row.Requests = m.requestsFor(f.record.user, f.record.handled)
	return row, nil
}

func (m *Memory) requestsFor(user rotator.User, after int64) []rotator.Request {
	var all []rotator.Request
	for _, q := range m.requests {
		if q.User == user && q.Number > after {
			all = append(all, q)
		}
	}
	return all
}

// Save implements rotator.Journal.
func (m *Memory) Save(ctx context.Context, row rotator.Row, change rotator.Change) (rotator.Row, error) {
	if err := ctx.Err(); err != nil {
		return rotator.Row{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, known := m.users[row.User]
	if !known {
		return rotator.Row{}, fmt.Errorf("save %s: %w", row.User, rotator.ErrConflict)
	}
	r, links, err := f.record.save(row, change)
	if err != nil {
		return rotator.Row{}, fmt.Errorf("save %s: %w", row.User, err)
	}
	said := r.said.clone()
	r.said = &said
	next := f
	next.record = r
	for _, l := range links {
		next.last = &past{l, next.last}
		if l.kind == rotator.KindHalted && l.at != 0 {
			next.halts = append(slices.Clip(next.halts), l.at)
		}
	}
	if len(change.Seal)+len(change.Erase) > 0 {
		next.sealed = map[rotator.KeyID][]byte{}
		maps.Copy(next.sealed, f.sealed)
		for key, sealed := range change.Seal {
			next.sealed[key] = slices.Clone(sealed)
		}
		for _, key := range change.Erase {
			delete(next.sealed, key)
		}
	}
	m.users[row.User] = next
	return r.result(row, change), nil
}

// Due implements rotator.Journal.
func (m *Memory) Due(ctx context.Context, now time.Time, limit int) ([]rotator.User, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ripe []ripeUser
	waiting := map[rotator.User]bool{}
	for _, q := range m.requests {
		r := m.users[q.User].record
		if q.User == rotator.AllUsers() || q.Number <= r.handled || r.lease != 0 || r.readable() != nil {
			continue
		}
		waiting[q.User] = true
		ripe = append(ripe, ripeUser{user: q.User, open: r.open, at: stampOf(q.At)})
	}
	var next stamp
	for user, f := range m.users {
		at := f.record.ripe()
		switch {
		case at == 0 || f.record.readable() != nil:
		case at <= stampOf(now):
			ripe = append(ripe, ripeUser{user: user, open: f.record.open, at: at})
		case !waiting[user]:
			next = next.earlier(at)
		}
	}
	users, at := pick(unite(ripe), limit, now, next)
	return users, at, nil
}

// Append implements rotator.Journal. A request without a time gets the present.
func (m *Memory) Append(ctx context.Context, request rotator.Request) (rotator.Request, error) {
	if err := errors.Join(ctx.Err(), checkRequest(request)); err != nil {
		return rotator.Request{}, err
	}
	if request.At.IsZero() {
		request.At = m.now()
	}
	text, err := encodeRequest(request)
	if err != nil {
		return rotator.Request{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if request, err = decodeRequest(int64(len(m.requests)+1), text); err != nil {
		return rotator.Request{}, err
	}
	m.requests = append(m.requests, request)
	return request, nil
}

// Global implements rotator.Journal.
func (m *Memory) Global(ctx context.Context) (rotator.Global, error) {
	if err := ctx.Err(); err != nil {
		return rotator.Global{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	g := globally(m.requestsFor(rotator.AllUsers(), 0))
	for _, f := range m.users {
		for _, at := range f.halts {
			if at.time().After(g.Resumed) {
				g.Halts = append(g.Halts, at.time())
			}
		}
	}
	slices.SortFunc(g.Halts, time.Time.Compare)
	g.Halts = g.Halts[max(0, len(g.Halts)-haltsLimit):]
	return g, nil
}

// Register makes a row for a user that has none; see DB.Register.
func (m *Memory) Register(ctx context.Context, user rotator.User, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !user.Valid() {
		return fmt.Errorf("register %q: want account and name of a user", user.String())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, known := m.users[user]
	if !known {
		f.record = record{user: user, version: 1}
	}
	if f.record.due == 0 && f.record.said == nil {
		f.record.due = stampOf(due)
	}
	m.users[user] = f
	return nil
}

// Wake makes a known user due; see DB.Wake.
func (m *Memory) Wake(ctx context.Context, user rotator.User, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, known := m.users[user]
	if !known {
		return nil
	}
	f.record.due = f.record.due.earlier(stampOf(at))
	if f.record.lease != 0 {
		f.record.wake = f.record.wake.earlier(stampOf(at))
	}
	m.users[user] = f
	return nil
}
