package main

import (
	"context"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// arm puts the year's faults in force. They concern the daemon and, at STS, the
// consumers too, who do not count an answer that blames nobody's key.
func (w *yearWorld) arm() {
	for _, service := range []string{"iam", "sts", "secretsmanager"} {
		for _, f := range []awsemu.Fault{
			{Kind: awsemu.Throttle, Probability: 0.02},
			{Kind: awsemu.ServerError, Probability: 0.005},
			{Kind: awsemu.ServerErrorAfter, Probability: 0.005},
			{Kind: awsemu.DropBefore, Probability: 0.005},
			{Kind: awsemu.LoseAnswer, Probability: 0.01},
			{Kind: awsemu.NoDate, Probability: 0.01},
			{Kind: awsemu.Delay, Probability: 0.01, For: 7 * time.Second},
		} {
			f.Service = service
			w.emu.Inject(f)
		}
		if service != "sts" { // nobody may be denied GetCallerIdentity
			w.emu.Inject(awsemu.Fault{Kind: awsemu.Refuse, Service: service, Probability: 0.003})
			w.emu.Inject(awsemu.Fault{Kind: awsemu.LateEffect, Service: service, Probability: 0.003, For: 40 * time.Second})
		}
	}
	w.emu.Inject(awsemu.Fault{Kind: awsemu.StaleList, Probability: 0.05, For: 2 * time.Minute})
	// A new key that flaps does so before the quorum of three is full, so that
	// waiting for the quorum is enough.
	for i, u := range w.users {
		if i%3 == 0 {
			w.emu.Inject(awsemu.Fault{Kind: awsemu.FlapNewKey, User: u.user.Name, Skip: 1 + i%2, Count: 2})
		}
	}
}

// watch checks every change of a user's keys at the moment of its effect.
func (w *yearWorld) watch(c awsemu.Call, stage awsemu.Stage) {
	if stage != awsemu.After {
		return
	}
	switch c.Fault {
	case "", awsemu.LoseAnswer, awsemu.LateEffect: // the last two are counted where the answer is missed
	default:
		if c.Agent != consumerAgent {
			w.tally.faults.Add(1)
		}
	}
	switch c.Operation {
	case "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey":
	case "UpdateSecretVersionStage":
		w.readAtOnce(c.Target)
		return
	default:
		return
	}
	keys, err := w.emu.Keys(testAccount, c.User)
	if err != nil {
		w.t.Errorf("%s acted on %q: %v", c.Operation, c.User, err)
		return
	}
	if len(keys) > 2 {
		w.t.Errorf("%s has %d keys", c.User, len(keys))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	active := map[string]bool{}
	listed := map[string]bool{}
	for _, k := range keys {
		if k.Created.After(w.began) {
			w.born[k.ID] = k.Created
		}
		listed[k.ID], active[k.ID] = true, k.Status == awsemu.Active
	}
	if made, known := w.born[c.Target]; c.Operation == "DeleteAccessKey" && known && !listed[c.Target] {
		w.oldest[c.User] = max(w.oldest[c.User], w.emu.Now().Sub(made))
		delete(w.born, c.Target)
	}
	for _, u := range w.users {
		if u.user.Name != c.User {
			continue
		}
		for _, p := range u.places {
			if held, err := p.read(); err != nil || !active[held.AccessKeyID] {
				w.t.Errorf("after %s of %s, %s of %s holds %s, which is not Active (%v)", c.Operation, c.Target, p.name, u.user, held.AccessKeyID, err)
			}
		}
	}
}

// readAtOnce is a consumer that starts right after a secret was promoted.
func (w *yearWorld) readAtOnce(secret string) {
	for _, u := range w.users {
		if u.user.Name != secret {
			continue
		}
		held, err := u.places[0].read()
		if err != nil {
			w.t.Errorf("%s: read the secret: %v", u.user, err)
			continue
		}
		w.trySignIn(context.Background(), u, u.places[0], held)
	}
}
