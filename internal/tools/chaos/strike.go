package main

import (
	"slices"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// trap kills the replica that makes a certain call, while it makes it: before
// its effect, or after it and before the answer.
type trap struct {
	operation string
	stage     awsemu.Stage
	sprung    chan struct{} // closed when it has
}

// strike kills a replica in the middle of a call that was drawn before; when
// nobody makes it in time, just somebody.
func (w *world) strike() {
	operations := []string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "PutSecretValue", "UpdateSecretVersionStage", "ListAccessKeys", "ListAccessKeys", "ListAccessKeys", "GetAccessKeyLastUsed"}
	t := &trap{
		operation: operations[w.rng.IntN(len(operations))],
		stage:     []awsemu.Stage{awsemu.Before, awsemu.After}[w.rng.IntN(2)],
		sprung:    make(chan struct{}),
	}
	w.mu.Lock()
	w.trap = t
	w.mu.Unlock()
	patience := time.NewTimer(2 * time.Second)
	defer patience.Stop()
	select {
	case <-t.sprung:
		return
	case <-patience.C:
	case <-w.ctx.Done():
	}
	w.mu.Lock()
	missed := w.trap == t
	w.trap = nil
	w.mu.Unlock()
	if missed {
		w.kill()
	}
}

// spring kills the caller if this is the call that the trap waits for. A call
// killed before its effect never has it.
func (w *world) spring(c awsemu.Call, stage awsemu.Stage) {
	at := slices.IndexFunc(w.replicas, func(r *replica) bool { return r.name == c.Owner })
	if at < 0 {
		return
	}
	w.mu.Lock()
	t := w.trap
	hit := t != nil && t.stage == stage && t.operation == c.Operation
	if hit {
		w.trap = nil
	}
	w.mu.Unlock()
	if !hit {
		return
	}
	user := c.User
	if c.Service == "secretsmanager" {
		user = c.Target
	}
	if stage == awsemu.Before {
		w.aws.Inject(awsemu.Fault{Kind: awsemu.DropBefore, Service: c.Service, Operation: c.Operation, KeyID: c.KeyID, Count: 1})
	}
	w.replicas[at].kill()
	w.front.wake.died(user)
	close(t.sprung)
}
