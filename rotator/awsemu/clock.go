package awsemu

import (
	"context"
	"time"
)

// SetClockSkew moves the emulator's own clock d ahead of Options.Now (behind, when negative). Everything the
// emulator stamps follows: Date headers, creation dates, last use, session expiry and the 15-minute limit on
// signatures. Propagation delays (NewKeyDelay, DeadKeyGrace, ListLag, LastUsedLag) are spans of time and do not jump.
func (s *Server) SetClockSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Now is the emulator's own clock: what a Date header would say at this moment.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stamp()
}

// stamp is the emulator's clock. The caller holds s.mu.
func (s *Server) stamp() time.Time { return s.opt.Now().UTC().Add(s.skew) }

// span picks a duration of a closed range with the seeded generator. The caller holds s.mu.
func (s *Server) span(r [2]time.Duration) time.Duration {
	if r[1] <= r[0] {
		return r[0]
	}
	return r[0] + time.Duration(s.rng.Int64N(int64(r[1]-r[0])+1))
}

// pause waits on the caller's goroutine, so that it works in a synctest bubble, and ends early with ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
