package journaltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
)

func concurrent(t *testing.T, j Journal) {
	const users, owners, each = 3, 4, 5
	var group sync.WaitGroup
	for o := range owners {
		group.Go(func() {
			for saved := 0; saved < users*each; {
				u := user(fmt.Sprintf("user-%d", saved%users))
				row, err := j.Claim(t.Context(), u, fmt.Sprintf("owner-%d", o), start, lease)
				if errors.Is(err, rotator.ErrClaimed) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				row.Attempts++
				entry := noted(fmt.Sprint(row.Attempts))
				if _, err := j.Save(t.Context(), row, rotator.Change{Entries: []rotator.Entry{entry}, Release: true}); err != nil {
					t.Error(err)
					return
				}
				saved++
			}
		})
	}
	group.Go(func() {
		for range 20 {
			_, _, err := j.Due(t.Context(), start, 2)
			_, errRows := j.Rows(t.Context())
			if err := errors.Join(err, errRows, j.Verify(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	for i := range users {
		for k, h := range must[[]entries](t)(history(t, j, user(fmt.Sprintf("user-%d", i)))) {
			if h.Entry.Detail != fmt.Sprint(k+1) {
				t.Fatalf("entry %d of user %d was made from a row that was not the last: %q", k+1, i, h.Entry.Detail)
			}
		}
		if row := must[rotator.Row](t)(j.Row(t.Context(), user(fmt.Sprintf("user-%d", i)))); row.Attempts != owners*each {
			t.Errorf("user %d was saved %d times, want %d", i, row.Attempts, owners*each)
		}
	}
}

func oneWins(t *testing.T, j Journal) {
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for o := range 16 {
		group.Go(func() {
			_, err := j.Claim(t.Context(), alice, fmt.Sprintf("owner-%d", o%2), start, lease)
			if err != nil && !errors.Is(err, rotator.ErrClaimed) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("%d claims of one user won", won)
	}
}
