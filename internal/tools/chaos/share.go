package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

const (
	// dueUsers are due at once in the comparison of one replica with three.
	dueUsers = 300
	// latency is how long each call of AWS takes there.
	latency = 50 * time.Millisecond
	// shareLimits allow each replica eight calls at a time.
	shareLimits = "{calls_in_flight: 8}"
	// sharePolicy waits as little as AWS's dates allow, and rotates once.
	sharePolicy = "{max_age: 30m, overlap: 0s, quiet: 0s, trial: 0s, settle: 1s, jitter: 0s, last_used_lag: 0s, verify: {successes: 1, over: 0s}}"
	// wanted is how many times as fast three replicas must be.
	wanted = 2.5
	// shareLimit is how long one of the runs may take.
	shareLimit = 10 * time.Minute
)

// runShare rotates the same users with one replica and with three, and compares.
func runShare(ctx context.Context, p plan) error {
	var took [2]time.Duration
	for i, replicas := range []int{1, 3} {
		var err error
		part := p
		part.dir = filepath.Join(p.dir, fmt.Sprint(replicas))
		if err = os.Mkdir(part.dir, 0o700); err == nil {
			took[i], err = share(ctx, part, replicas)
		}
		if err != nil {
			return err
		}
	}
	ratio := float64(took[0]) / float64(took[1])
	p.out.linef("share, seed %d: %d users, %s a call, limits %s: three replicas are %.2f times as fast as one; 0 anomalies", p.out.seed, dueUsers, latency, p.limits, ratio)
	if ratio < wanted {
		return fmt.Errorf("that is less than %.1f times", wanted)
	}
	return nil
}

// share is one run: how long it takes until every user has a new key alone.
func share(ctx context.Context, p plan, replicas int) (took time.Duration, err error) {
	c, err := newCluster(ctx, p, size{users: dueUsers, replicas: replicas, policy: sharePolicy},
		awsemu.Options{LastUsedGranularity: -1, Seed: p.out.seed, Latency: [2]time.Duration{latency, latency}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	var once sync.Once
	var began time.Time
	gone := make(chan struct{}, dueUsers)
	c.aws.OnCall(func(call awsemu.Call, stage awsemu.Stage) {
		once.Do(func() { began = time.Now() })
		if stage == awsemu.After && call.Operation == "DeleteAccessKey" && call.ErrorCode == "" {
			gone <- struct{}{}
		}
	})
	c.startReplicas()
	over := time.NewTimer(shareLimit)
	defer over.Stop()
	for n := 0; n < dueUsers && err == nil; {
		select {
		case <-gone:
			n++
		case <-over.C:
			err = fmt.Errorf("after %s only %d of %d users have a new key", shareLimit, n, dueUsers)
		case <-c.ctx.Done():
			err = c.ctx.Err()
		}
	}
	took = time.Since(began)
	err = errors.Join(err, c.stop(ctx))
	calls := 0
	for _, n := range c.front.calls {
		calls += n
	}
	c.out.linef("%d replicas: %d users in %s, %.1f calls a user, %.0f calls a second; users by the number of replicas that changed them: %v; %s",
		replicas, dueUsers, took.Round(100*time.Millisecond), float64(calls)/dueUsers, float64(calls)/took.Seconds(), c.front.sharing(), c.wrong)
	return took, err
}

// sharing counts the users by how many replicas changed them.
func (f *front) sharing() map[int]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[int]int{}
	for _, by := range f.shared {
		all[len(by)]++
	}
	return all
}
