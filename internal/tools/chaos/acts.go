package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// act is something bad that happens, so often in a run that the weights say.
type act struct {
	name   string
	weight int
	do     func()
}

const (
	// rest is how long every user may take for two cycles when the faults have
	// stopped, on a busy machine.
	rest = 3 * time.Minute
	// progress is after how many acts a line tells how far a run is.
	progress = 100
)

// live has acts, of which the first two kill, happen at random moments until there
// were enough kills, then waits for everybody to reach rest, and tells what happened.
func (w *world) live(ctx context.Context, p plan, acts []act) error {
	done := w.disturb(p, acts)
	w.aws.ClearFaults()
	w.awaitRest(ctx, p.cycles)
	interrupted := w.ctx.Err()
	err := w.stop(ctx)
	w.summary(p, acts, done)
	return errors.Join(err, interrupted)
}

// disturb does every act once, then others by chance, and counts them by name.
func (w *world) disturb(p plan, acts []act) (done map[string]int) {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	done = map[string]int{}
	began := time.Now()
	enough := func() bool { return done[acts[0].name]+done[acts[1].name] >= p.kills || time.Since(began) > p.atMost }
	for i := 0; (!enough() || i < len(acts)) && w.ctx.Err() == nil && w.wrong.number() == 0; i++ {
		a := acts[min(i, len(acts)-1)]
		if i >= len(acts) {
			n := w.rng.IntN(total)
			a = acts[slices.IndexFunc(acts, func(a act) bool { n -= a.weight; return n < 0 })]
		}
		wait(w.ctx, time.Duration(w.rng.Int64N(int64(time.Second))))
		a.do()
		done[a.name]++
		if i%progress == progress-1 {
			w.out.linef("%d acts, %d rotations begun, %d sign-ins", i+1, w.ledger.sums().rotated, w.signIns.Load())
		}
	}
	return done
}

// awaitRest waits until every user has ended so many cycles more.
func (w *world) awaitRest(ctx context.Context, cycles int) {
	ctx, cancel := context.WithTimeout(ctx, rest)
	defer cancel()
	began := time.Now()
	before := w.ledger.closed()
	for w.wrong.number() == 0 && ctx.Err() == nil {
		behind := w.ledger.rested(before, cycles)
		if behind == nil {
			w.out.linef("without faults every user ended %d cycles within %s", cycles, time.Since(began).Round(100*time.Millisecond))
			return
		}
		if ctx.Err() != nil {
			w.wrong.addf(stuck, "the faults have stopped, and not everybody goes on: %w", behind)
			return
		}
		wait(ctx, 200*time.Millisecond)
	}
}

// summary tells what was done and what came of it; the last line has it all.
func (w *world) summary(p plan, acts []act, done map[string]int) {
	for _, r := range w.replicas {
		w.out.linef("%s", r)
	}
	sums := w.ledger.sums()
	w.out.linef("%d users: %d history entries, %d changing calls, %d lost keys recognised; the journal was out of reach of %d reads, %d writes met a full disk",
		len(w.users), sums.entries, w.front.changes, sums.orphans, w.ledger.misses, w.full)
	w.out.linef("%d of the sign-ins were accepted, %d hit by a fault meant for the program; %d were refused to a consumer that this machine let read too late",
		w.accepted.Load(), w.signIns.Load()-w.accepted.Load()-w.late.Load(), w.late.Load())
	w.out.linef("a person decided %d times on keys that a restored journal had never heard of, and closed the breaker %d times", w.ledger.decided, w.ledger.resumed)
	w.out.linef("limits %s: from a death in a call to the next call for the user in hand: %s", p.limits, w.wake)
	what := make([]string, 0, len(acts))
	for _, a := range acts {
		what = append(what, fmt.Sprintf("%d × %s", done[a.name], a.name))
	}
	w.out.linef("%s, seed %d: %s (%d hit); %d rotations, %d sign-ins; %s: %d anomalies", p.name, w.out.seed, strings.Join(what, ", "),
		w.struck, sums.rotated, w.signIns.Load(), w.wrong, w.wrong.number())
}

// kill ends a random replica.
func (w *world) kill() { w.any().kill() }

func (w *world) any() *replica { return w.replicas[w.rng.IntN(len(w.replicas))] }

func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)))
}

// shift moves AWS's clock by hours. Dates that lie ahead of it make graces
// wait, so that a shift back is followed by one beyond what was there before.
func (w *world) shift() {
	if w.rng.IntN(2) == 0 {
		w.aws.SetClockSkew(w.latest - w.between(time.Hour, 5*time.Hour))
		wait(w.ctx, w.between(time.Second, 4*time.Second))
	}
	w.latest += w.between(time.Hour, 5*time.Hour)
	w.aws.SetClockSkew(w.latest)
}

// refuse has AWS throttle, fail, and lose answers for a while.
func (w *world) refuse() {
	kinds := []awsemu.Kind{awsemu.Throttle, awsemu.ServerError, awsemu.ServerErrorAfter, awsemu.LoseAnswer, awsemu.DropBefore}
	for range 1 + w.rng.IntN(3) {
		w.aws.Inject(awsemu.Fault{
			Kind: kinds[w.rng.IntN(len(kinds))], Service: []string{"iam", "sts", "secretsmanager"}[w.rng.IntN(3)],
			Count: 1 + w.rng.IntN(10), Probability: 0.5,
		})
	}
	wait(w.ctx, w.between(500*time.Millisecond, 3*time.Second))
	w.aws.ClearFaults()
}
