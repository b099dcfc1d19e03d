package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/keyrotator/keyrotator/rotator"
)

// Rows returns the rows of all users; see DB.Rows.
func (m *Memory) Rows(ctx context.Context) ([]rotator.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []rotator.Row
	for _, user := range slices.SortedFunc(maps.Keys(m.users), compareUsers) {
		row, err := m.look(user)
		if err != nil {
			return nil, fmt.Errorf("read the rows: %w", err)
		}
		all = append(all, row)
	}
	return all, nil
}

// Row returns a user's row; see DB.Row.
func (m *Memory) Row(ctx context.Context, user rotator.User) (rotator.Row, error) {
	if err := ctx.Err(); err != nil {
		return rotator.Row{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.users[user]; !known {
		return rotator.Row{}, fmt.Errorf("read the row of %s: %w", user, ErrUnknownUser)
	}
	return m.look(user)
}

// look decodes a user's row without the bytes in custody.
func (m *Memory) look(user rotator.User) (rotator.Row, error) {
	row, err := m.row(m.users[user])
	for key := range row.Sealed {
		row.Sealed[key] = nil
	}
	return row, err
}

// History returns entries of a user's history; see DB.History.
func (m *Memory) History(ctx context.Context, user rotator.User, after int64, limit int) ([]HistoryEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []HistoryEntry
	for _, l := range m.users[user].history() {
		if l.seq <= after || (limit > 0 && len(all) == limit) {
			continue
		}
		h, err := l.entry(user)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// Requests returns all requests for a user; see DB.Requests.
func (m *Memory) Requests(ctx context.Context, user rotator.User) ([]rotator.Request, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requestsFor(user, 0), nil
}

// Verify checks the hash chain of every user's history; see DB.Verify.
func (m *Memory) Verify(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range slices.SortedFunc(maps.Keys(m.users), compareUsers) {
		f := m.users[user]
		c := chain{user: user}
		for _, l := range f.history() {
			if err := c.follow(l); err != nil {
				return fmt.Errorf("verify the journal: %w", err)
			}
		}
		if err := c.end(f.record); err != nil {
			return fmt.Errorf("verify the journal: %w", err)
		}
	}
	return nil
}

// Canary returns what SetCanary stored, nil if nothing.
func (m *Memory) Canary(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.canary), ctx.Err()
}

// SetCanary stores bytes sealed by the identity of the custody.
func (m *Memory) SetCanary(ctx context.Context, sealed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() == nil {
		m.canary = slices.Clone(sealed)
	}
	return ctx.Err()
}
