package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// failoverLimit is how long one death may take to be got over; with the default
// limits that is lease and takeover margin, 17 minutes.
const failoverLimit = 30 * time.Minute

// runFailover measures how long the users of a dead replica wait, on either
// journal: replicas die in calls, one after the other, and nothing else happens.
func runFailover(ctx context.Context, p plan) error {
	journals := []struct {
		name string
		run  func(ctx context.Context, p plan) error
	}{
		{"SQLite, one replica that is started again at once", failoverSQLite},
		{"PostgreSQL, three replicas", failoverPostgres},
	}
	for i, j := range journals {
		part := p
		part.name, part.dir = j.name, filepath.Join(p.dir, fmt.Sprint(i))
		if err := os.Mkdir(part.dir, 0o700); err != nil {
			return err
		}
		if err := j.run(ctx, part); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

func failoverSQLite(ctx context.Context, p plan) error {
	w, err := newWorldOnSQLite(ctx, p, p.dir)
	if err != nil {
		return err
	}
	w.start()
	return w.dieOneByOne(ctx, p)
}

func failoverPostgres(ctx context.Context, p plan) (err error) {
	c, err := newCluster(ctx, p, size{users: 8, replicas: 3, policy: policy}, emulator(p))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	c.start()
	return c.dieOneByOne(ctx, p)
}

// dieOneByOne kills a replica in a call and waits until somebody goes on with the
// user whom it had in hand, as often as the plan says.
func (w *world) dieOneByOne(ctx context.Context, p plan) error {
	for w.struck < p.kills && ctx.Err() == nil && w.wrong.number() == 0 {
		// Deaths fall on any moment of a lease, of a poll and of a start.
		wait(ctx, w.between(0, 2*time.Second))
		if !w.set(w.draw(func(r *replica, c awsemu.Call, _ awsemu.Stage) {
			r.kill()
			w.wake.died(userOf(c))
		})) {
			continue // nobody made the call
		}
		w.struck++
		over := time.NewTimer(failoverLimit)
		select {
		case <-w.wake.over:
		case <-over.C:
			w.wrong.addf(stuck, "nobody has gone on with a dead replica's user after %s", failoverLimit)
		case <-ctx.Done():
		}
		over.Stop()
	}
	err := errors.Join(ctx.Err(), w.stop(ctx))
	w.out.linef("%s, limits %s: from a death in a call to the next call for the user in hand: %s; %s: %d anomalies",
		p.name, p.limits, w.wake, w.wrong, w.wrong.number())
	return err
}
