package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// overdue is a journal whose one user has been due for long.
type overdue struct{ rotator.Journal }

func (overdue) Due(context.Context, time.Time, int) ([]rotator.User, time.Time, error) {
	return []rotator.User{alice}, time.Time{}, nil
}

func TestAWakeUpThatDoesNotMoveIsFreed(t *testing.T) {
	tests := []struct {
		name, before string
		lease        time.Duration
		between      string // what happens between the two looks
		want         string
	}{
		{"whose replica died", "state = 'running', attempt = 1, attempted_at = now()", 1, "", "available"},
		{"whose replica died while the database's clock was ahead", "state = 'running', attempt = 1, attempted_at = now() + interval '5 hours'", 1, "", "available"},
		{"placed while the database's clock was ahead", "state = 'available', scheduled_at = now() + interval '5 hours'", 1, "", "available"},
		{"but not before a step may take so long", "state = 'running', attempt = 1, attempted_at = now()", time.Hour, "", "running"},
		{"but not when it was taken up meanwhile", "state = 'running', attempt = 1, attempted_at = now()", 1, "UPDATE river_job SET attempt = 2", "running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pool, wakes := queued(t), newWakes(t, nil)
			d, err := New(nil, overdue{}, pool, wakes, Options{Lease: tt.lease})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.wakeAll(t.Context(), []rotator.User{alice}, false); err != nil {
				t.Fatal(err)
			}
			exec := func(statement string) {
				if _, err := pool.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			exec("UPDATE river_job SET " + tt.before)
			for range 2 {
				users, _, err := d.overlooked(t.Context())
				if err != nil || len(users) != 0 {
					t.Fatalf("a user with a wake-up was overlooked: %v, %v", users, err)
				}
				if tt.between != "" {
					exec(tt.between)
				}
			}
			got := only(t, pool)
			if got.State != tt.want || tt.want == "available" && got.In > 0 {
				t.Errorf("the wake-up is %s in %s, want it %s", got.State, got.In, tt.want)
			}
		})
	}
}
