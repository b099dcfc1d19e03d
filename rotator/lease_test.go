package rotator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/rotatortest"
)

// watched notes what a create is told about its time.
type watched struct {
	rotator.Keyring

	before func() // called in the middle of the step, before the fence is asked
	fence  error
	limit  time.Duration
}

func (k *watched) Create(ctx context.Context, user rotator.User) (rotator.Created, error) {
	deadline, _ := ctx.Deadline()
	k.limit = time.Until(deadline)
	if k.before != nil {
		k.before()
	}
	if k.fence = rotator.CheckFence(ctx); k.fence != nil {
		return rotator.Created{}, k.fence
	}
	return k.Keyring.Create(ctx, user)
}

// creates steps a due user until its create was tried, and returns what that
// saw. slow is called at every list, of which the step before has one, too.
func creates(t *testing.T, k *watched, lease, effect time.Duration, slow func()) {
	t.Helper()
	w := rotatortest.New(searchPolicy(), places("readable")...)
	w.Now, w.Keys[0].Created = time.Now(), time.Now().Add(-w.Policy.MaxAge)
	k.Keyring = rotatortest.IAM{World: w}
	target := w.Target()
	target.Keyring = slowList{k, slow}
	r, err := rotator.New(
		rotator.Deps{Journal: rotatortest.Ledger{World: w}, Sealer: rotatortest.Sealer{}},
		&rotator.Fleet{Targets: map[rotator.User]rotator.Target{rotatortest.User: target}},
		rotator.Options{Owner: "one", Lease: lease, EffectLimit: effect},
	)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.AdvanceTo(time.Now())
		d, err := r.Step(t.Context(), rotatortest.User, false)
		if d.Verb == rotator.VerbCreate {
			if !errors.Is(err, k.fence) {
				t.Fatalf("the step ended with %v, the fence with %v", err, k.fence)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no create was tried")
}

type slowList struct {
	rotator.Keyring

	slow func()
}

func (l slowList) List(ctx context.Context, user rotator.User) (rotator.Listing, error) {
	l.slow()
	return l.Keyring.List(ctx, user)
}

// TestNoEffectIsSentAfterItsLease is I7: a process that was stopped for longer
// than its lease does not do what it was about to do.
func TestNoEffectIsSentAfterItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &watched{before: func() { time.Sleep(2 * time.Minute) }} // of the bubble's fake clock
		creates(t, k, time.Minute, 45*time.Second, func() {})
		if !errors.Is(k.fence, rotator.ErrFenced) {
			t.Errorf("the fence said %v a minute after the lease", k.fence)
		}
	})
}

// TestACallEndsBeforeItsLease: what a look took is taken off the time that the
// effect after it may take.
func TestACallEndsBeforeItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &watched{}
		creates(t, k, time.Minute, 45*time.Second, func() { time.Sleep(50 * time.Second) }) // fake, too
		if k.fence != nil || k.limit != 10*time.Second {
			t.Errorf("a call may take %s with ten seconds of the lease left, fence %v", k.limit, k.fence)
		}
	})
}

// unanswered cannot tell what holds for all users.
type unanswered struct{ *journal.Memory }

func (unanswered) Global(context.Context) (rotator.Global, error) {
	return rotator.Global{}, errors.New("the journal does not answer")
}

// TestAClaimThatCouldNotBeginIsGivenUp: the next try need not wait for a lease.
func TestAClaimThatCouldNotBeginIsGivenUp(t *testing.T) {
	ledger := journal.NewMemory()
	r, err := rotator.New(rotator.Deps{Journal: unanswered{ledger}, Sealer: noSealer{}}, &rotator.Fleet{}, rotator.Options{Owner: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Step(t.Context(), rotatortest.User, false); err == nil {
		t.Fatal("a step began without knowing what holds for all")
	}
	if _, err := ledger.Claim(t.Context(), rotatortest.User, "two", time.Now(), time.Minute); err != nil {
		t.Errorf("the claim was not given up: %v", err)
	}
}
