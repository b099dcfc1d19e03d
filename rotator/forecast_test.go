package rotator_test

import (
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

func TestAForecastAddsUpWhatThePolicyAllows(t *testing.T) {
	policy := rotator.Policy{
		Overlap: 10 * time.Hour, Quiet: 3 * time.Hour, LastUsedLag: time.Hour, Trial: 100 * time.Hour,
		Settle: 10 * time.Minute, PushLimit: 15 * time.Minute, WindowGap: 30 * time.Hour,
		Verify: rotator.Quorum{Over: time.Minute, Limit: 20 * time.Minute},
	}
	const (
		serve = 15 * time.Minute
		cut   = 40 * time.Hour  // the overlap, then a window
		gone  = 130 * time.Hour // the trial, then a window
	)
	tests := []struct {
		name   string
		phase  rotator.Phase
		change func(*rotator.Cycle)
		ends   time.Duration
		gone   time.Duration // zero: nobody knows
	}{
		{"a create with an unclear answer settles first", rotator.PhaseCreating, nil, 10 * time.Minute, 11*time.Minute + serve + cut + gone},
		{"a proof has its limit, and is planned with its span", rotator.PhaseProving, nil, 20 * time.Minute, time.Minute + serve + cut + gone},
		{"consumers are served within the limit of pushes", rotator.PhasePropagating, nil, serve, serve + cut + gone},
		{
			"and within their own limits", rotator.PhasePropagating,
			func(c *rotator.Cycle) {
				c.Consumers = []rotator.Pinned{{Name: "a", Required: true, Acked: true, AckWithin: 5 * time.Hour}}
			},
			serve + 5*time.Hour, serve + 5*time.Hour + cut + gone,
		},
		{"an overlap waits for a window", rotator.PhaseOverlap, nil, cut, cut + gone},
		{"an intended cut is still of the overlap", rotator.PhaseDeactivating, nil, cut, cut + gone},
		{
			"readers that are slow to read their store make the overlap longer", rotator.PhaseOverlap,
			func(c *rotator.Cycle) { c.Consumers = []rotator.Pinned{{Name: "a", Refreshes: 8 * time.Hour}} },
			42 * time.Hour, 42*time.Hour + gone,
		},
		{
			"an emergency has no overlap", rotator.PhaseOverlap,
			func(c *rotator.Cycle) { c.Emergency = true }, 30 * time.Hour, 30*time.Hour + gone,
		},
		{
			"a key that was cut first has no overlap to come", rotator.PhasePropagating,
			func(c *rotator.Cycle) { c.Inactive = genesis }, serve, serve + gone,
		},
		{
			"a first key takes no other's place", rotator.PhasePropagating,
			func(c *rotator.Cycle) { c.Purpose = rotator.PurposeBootstrap }, serve, serve,
		},
		{"a trial ends with the old key", rotator.PhaseTrial, func(c *rotator.Cycle) { c.Inactive = genesis }, gone, gone},
		{"an intended delete is still of the trial", rotator.PhaseDeleting, func(c *rotator.Cycle) { c.Inactive = genesis }, gone, gone},
		{"on a way back no key goes", rotator.PhaseRollingBack, nil, serve, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := rotator.Progress{Phase: tt.phase, Since: genesis, Cycle: &rotator.Cycle{Opening: rotator.Opening{Purpose: rotator.PurposeRotation, Policy: policy}}}
			if tt.change != nil {
				tt.change(p.Cycle)
			}
			got := p.Forecast()
			if want := genesis.Add(tt.ends); !got.Phase.Equal(want) {
				t.Errorf("the phase ends after %s, want %s", got.Phase.Sub(genesis), tt.ends)
			}
			if tt.gone == 0 {
				if !got.Gone.IsZero() {
					t.Errorf("the old key is gone after %s", got.Gone.Sub(genesis))
				}
			} else if want := genesis.Add(tt.gone); !got.Gone.Equal(want) {
				t.Errorf("the old key is gone after %s, want %s", got.Gone.Sub(genesis), tt.gone)
			}
		})
	}
}

func TestNothingIsForeseenOfWhatAPersonDecides(t *testing.T) {
	for _, p := range []rotator.Progress{
		{Phase: rotator.PhaseIdle, Since: genesis},
		{Phase: rotator.PhaseRolledBack, Since: genesis, Cycle: &rotator.Cycle{}},
		{Phase: rotator.PhaseOverlap, Cycle: &rotator.Cycle{}},
	} {
		if got := p.Forecast(); got != (rotator.Forecast{}) {
			t.Errorf("%s since %v: foreseen %+v", p.Phase, p.Since, got)
		}
	}
}

func TestACycleThatBeganInTimeIsForeseenToEndInTime(t *testing.T) {
	policy := rotator.Policy{
		MaxAge: 90 * 24 * time.Hour, Overlap: 24 * time.Hour, Quiet: 24 * time.Hour, LastUsedLag: 5 * time.Hour, Trial: 7 * 24 * time.Hour,
		Settle: 10 * time.Minute, Jitter: 6 * time.Hour, PushLimit: 15 * time.Minute, WindowGap: 48 * time.Hour,
		Verify: rotator.Quorum{Successes: 3, Over: time.Minute, Limit: 15 * time.Minute},
	}
	consumers := []rotator.Pinned{{Name: "a", Required: true, Refreshes: 48 * time.Hour, Acked: true, AckWithin: time.Hour}}
	begun := policy.Start(rotator.User{Account: "prod", Name: "ci"}, genesis, consumers)
	// The create may wait for a window, which the lead has room for.
	p := rotator.Progress{Phase: rotator.PhaseCreating, Since: begun.Add(policy.WindowGap), Cycle: &rotator.Cycle{
		Opening: rotator.Opening{Purpose: rotator.PurposeRotation, Policy: policy, Consumers: consumers},
	}}
	if gone, deadline := p.Forecast().Gone, genesis.Add(policy.MaxAge); gone.After(deadline) {
		t.Errorf("the old key is foreseen to be gone %s after its deadline", gone.Sub(deadline))
	}
}
