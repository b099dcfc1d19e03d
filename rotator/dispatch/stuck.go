package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/keyrotator/keyrotator/rotator"
)

// sighting is the wake-up of a user who is due, as it was first seen.
type sighting struct {
	job     int64
	attempt int
	state   rivertype.JobState
	since   time.Time // of our clock, monotonic
}

// stuck reports whether a wake-up of a due user has not moved for longer than a
// step may take: the replica that ran it is dead, or it was placed while the
// database's clock was ahead. River's own rescuer takes minutes, and goes by
// stamps of the very clock that may have jumped; this goes by nothing but how
// long we have seen it.
func (d *Dispatcher) stuck(user rotator.User, job *rivertype.JobRow) bool {
	now := sighting{job.ID, job.Attempt, job.State, time.Now()}
	first, seen := d.sights[user]
	if !seen || first.job != now.job || first.attempt != now.attempt || first.state != now.state {
		d.sights[user] = now
		return false
	}
	return now.since.Sub(first.since) > d.options.Lease
}

// free makes a stuck wake-up available again, unless it has moved meanwhile.
// Should its worker live after all, the claim keeps the second one off the user.
func (d *Dispatcher) free(ctx context.Context, user rotator.User, job *rivertype.JobRow) error {
	_, err := d.pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE id = $1 AND attempt = $2 AND (state = 'running' OR state = 'available' AND scheduled_at > now())`, job.ID, job.Attempt)
	if err != nil {
		return fmt.Errorf("free the wake-up of %s: %w", user, err)
	}
	delete(d.sights, user)
	return nil
}
