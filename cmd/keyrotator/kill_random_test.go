package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// TestADaemonKilledAgainAndAgainBreaksNobody kills a daemon of several users,
// who rotate without a pause, at random moments, also while it starts.
//
// KEYROTATOR_KILLS=n kills n times.
func TestADaemonKilledAgainAndAgainBreaksNobody(t *testing.T) {
	t.Parallel()
	kills := number(t, "KEYROTATOR_KILLS", 12)
	w, err := newKillWorld(t.Context(), t.TempDir(), "8s", 4)
	if err != nil {
		t.Fatal(err)
	}
	w.startConsumers()
	err = w.spawn("keyrotator")
	for w.kills = 0; w.kills < kills && err == nil; w.kills++ {
		pause := time.NewTimer(rand.N(4 * time.Second))
		select {
		case <-pause.C:
			w.kill()
		case <-w.current().dead:
			t.Fatalf("the daemon ended by itself: %s\n%s", w.current().cmd.ProcessState, w.current().log)
		}
		err = w.spawn("keyrotator")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*killLead+killOrphan+killMachine)
	defer cancel()
	var before map[rotator.User]rotator.Progress
	if err == nil {
		before, err = w.rows(ctx)
	}
	if err == nil {
		err = w.await(ctx, "a whole cycle after the last kill", func(u killUser, p rotator.Progress) bool {
			return p.Halt == nil && p.Number >= before[u.user].Number+2
		})
	}
	if err = errors.Join(err, w.stop(ctx)); err != nil {
		t.Error(err)
	}
	cycles := 0
	for _, p := range before {
		cycles += p.Number
	}
	t.Logf("%d users, %d kills, %d cycles, %d sign-ins, 0 failed unless said above", len(w.users), w.kills, cycles, w.signIns)
	if keys := w.keys(); len(keys) > 2*len(w.users) {
		t.Errorf("%d users have %d keys: %v", len(w.users), len(keys), keys)
	}
}
