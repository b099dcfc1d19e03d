package main

import (
	"context"
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

// live has acts, of which the first two kill, happen at random moments until there were enough kills, then
// waits for everybody to reach rest, and tells what happened.
func (w *world) live(p plan, acts []act) error {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	done := map[string]int{}
	// Every act once, then by chance.
	for i := 0; (done[acts[0].name]+done[acts[1].name] < p.kills || i < len(acts)) && w.ctx.Err() == nil && !w.failed(); i++ {
		a := acts[min(i, len(acts)-1)]
		if i >= len(acts) {
			n := w.rng.IntN(total)
			a = acts[slices.IndexFunc(acts, func(a act) bool { n -= a.weight; return n < 0 })]
		}
		wait(w.ctx, time.Duration(w.rng.Int64N(int64(time.Second))))
		a.do()
		done[a.name]++
		if i%progress == progress-1 {
			rotated, _, _ := w.ledger.sums()
			w.out.linef("%d acts, %d rotations begun, %d sign-ins", i+1, rotated, w.signIns.Load())
		}
	}
	w.aws.ClearFaults()
	w.awaitRest()
	interrupted := w.ctx.Err()
	err := w.stop()
	w.summary(acts, done, err)
	if err == nil {
		err = interrupted
	}
	return err
}

// awaitRest waits until every user has gone through a whole cycle.
func (w *world) awaitRest() {
	ctx, cancel := context.WithTimeout(w.ctx, rest)
	defer cancel()
	began := time.Now()
	before := w.ledger.numbers()
	for !w.failed() {
		behind := w.ledger.rested(before)
		if behind == nil {
			w.out.linef("without faults every user went a whole cycle in %s", time.Since(began).Round(100*time.Millisecond))
			return
		}
		if ctx.Err() != nil {
			w.failf("the faults have stopped, and not everybody goes on: %w", behind)
			return
		}
		wait(ctx, 200*time.Millisecond)
	}
}

func (w *world) summary(acts []act, done map[string]int, err error) {
	var what []string
	for _, a := range acts {
		what = append(what, fmt.Sprintf("%d × %s", done[a.name], a.name))
	}
	for _, r := range w.replicas {
		what = append(what, r.String())
	}
	rotated, orphans, entries := w.ledger.sums()
	w.out.linef("seed %d: %s", w.out.seed, strings.Join(what, ", "))
	w.out.linef("%d users: %d rotations, %d lost keys recognised, %d history entries, %d changing calls; the journal was out of reach of %d reads",
		len(w.users), rotated, orphans, entries, w.front.changes, w.ledger.misses)
	w.out.linef("%d sign-ins, %d of them with a key held longer than declared and refused", w.signIns.Load(), w.late.Load())
	if w.ledger.restored > 0 {
		w.out.linef("%d restores; a person decided %d times on keys that the older journal had never heard of", w.ledger.restored, w.ledger.decided)
	}
	for _, line := range w.front.wake.lines() {
		w.out.linef("%s", line)
	}
	anomalies := len(w.errs)
	if err != nil && anomalies == 0 {
		anomalies = 1
	}
	w.out.linef("%d anomalies", anomalies)
}

// kill ends a random replica.
func (w *world) kill() { w.any().kill() }

func (w *world) any() *replica { return w.replicas[w.rng.IntN(len(w.replicas))] }

// freeze stops a random replica for a while, longer than its lease at times.
func (w *world) freeze() {
	r := w.any()
	r.freeze()
	wait(w.ctx, w.between(500*time.Millisecond, 4*time.Second))
	r.thaw()
}

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
