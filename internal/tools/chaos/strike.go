package main

import (
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// trap waits for a replica's call of an operation, any when it is empty, at a
// stage, and does something to the replica in the middle of it.
type trap struct {
	operation string
	stage     awsemu.Stage
	hit       func(r *replica, c awsemu.Call, stage awsemu.Stage)
	sprung    chan struct{} // closed when it was hit
}

// draw makes a trap for a call by chance; "" stands for any call.
func (w *world) draw(hit func(r *replica, c awsemu.Call, stage awsemu.Stage)) *trap {
	operations := []string{
		"", "", "", "", "", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "PutSecretValue", "UpdateSecretVersionStage",
		"ListAccessKeys", "GetAccessKeyLastUsed",
	}
	stages := []awsemu.Stage{awsemu.Before, awsemu.After}
	return &trap{
		operation: operations[w.rng.IntN(len(operations))], stage: stages[w.rng.IntN(len(stages))],
		hit: hit, sprung: make(chan struct{}),
	}
}

// set sets a trap and tells whether it was hit within its time.
func (w *world) set(t *trap) bool {
	w.mu.Lock()
	w.trap = t
	w.mu.Unlock()
	over := time.NewTimer(5 * time.Second)
	defer over.Stop()
	select {
	case <-t.sprung:
		return true
	case <-over.C:
	case <-w.ctx.Done():
	}
	w.mu.Lock()
	missed := w.trap == t
	w.trap = nil
	w.mu.Unlock()
	if !missed {
		<-t.sprung // it is being hit
	}
	return !missed
}

// strike kills a replica in the middle of a call that was drawn before: before
// its effect, after it and before the answer, or so that the effect comes a while
// after the death. When nobody makes the call in time, just somebody dies.
func (w *world) strike() {
	fault := awsemu.Fault{Kind: awsemu.DropBefore, Count: 1} // a call killed before its effect never has it
	if w.rng.IntN(2) == 0 {
		fault.Kind, fault.For = awsemu.LateEffect, w.between(100*time.Millisecond, 900*time.Millisecond)
	}
	struck := w.set(w.draw(func(r *replica, c awsemu.Call, stage awsemu.Stage) {
		if stage == awsemu.Before {
			fault.Service, fault.Operation, fault.KeyID = c.Service, c.Operation, c.KeyID
			w.aws.Inject(fault)
		}
		r.kill()
		w.wake.died(userOf(c))
	}))
	if struck {
		w.struck++
	} else {
		w.kill()
	}
}

// freeze stops a replica in the middle of a call for a while, so that it goes on
// with what it knew before; when nobody makes the call in time, just somebody.
func (w *world) freeze(from, to time.Duration) {
	var frozen *replica
	if !w.set(w.draw(func(r *replica, _ awsemu.Call, _ awsemu.Stage) { frozen = r; r.freeze() })) {
		frozen = w.any()
		frozen.freeze()
	}
	wait(w.ctx, w.between(from, to))
	frozen.thaw()
}

// userOf is the user whom a call is for; a user's secret has the user's name.
func userOf(c awsemu.Call) string {
	if c.Service == "secretsmanager" {
		return c.Target
	}
	return c.User
}

// spring hits the caller if this is the call that the trap waits for.
func (w *world) spring(c awsemu.Call, stage awsemu.Stage) {
	at := slices.IndexFunc(w.replicas, func(r *replica) bool { return r.name == c.Owner })
	if at < 0 || userOf(c) == "" {
		return
	}
	w.mu.Lock()
	t := w.trap
	hit := t != nil && t.stage == stage && (t.operation == "" || t.operation == c.Operation)
	if hit {
		w.trap = nil
	}
	w.mu.Unlock()
	if hit {
		t.hit(w.replicas[at], c, stage)
		close(t.sprung)
	}
}
