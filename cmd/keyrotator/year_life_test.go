package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/keyrotator/keyrotator/rotator"
)

// life is one run of the daemon, which may be killed.
type life struct {
	w    *yearWorld
	app  *app
	dead atomic.Bool
}

// RoundTrip implements http.RoundTripper; the dead send nothing.
func (l *life) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.dead.Load() {
		return nil, errors.New("the process is dead")
	}
	answer, err := l.w.emu.Transport().RoundTrip(r)
	if err != nil {
		l.w.tally.faults.Add(1)
	}
	return answer, err
}

func (w *yearWorld) start(ctx context.Context) *life {
	id, secret, err := w.emu.Admin(testAccount)
	if err != nil {
		w.t.Fatal(err)
	}
	l := &life{w: w}
	options := appOptions{
		reach: reach{transport: l, credentials: func(string) aws.CredentialsProvider {
			return credentials.NewStaticCredentialsProvider(id, secret, "")
		}},
		// A poll costs time; a user also rests for one between two waits, which
		// without faults must fit into the lead.
		tuning: rotator.Options{Poll: 10 * time.Minute},
	}
	if w.plan.faults {
		options.tuning.Poll = 30 * time.Minute
		random := rand.New(rand.NewPCG(w.plan.seed, w.random.Uint64()))
		options.wrapJournal = func(j rotator.Journal) rotator.Journal {
			return &faultyJournal{Journal: j, dead: &l.dead, random: random, p: 0.001, faults: &w.tally.journalFaults}
		}
	}
	if l.app, err = newApp(w.config, options); err != nil {
		w.t.Fatal(err)
	}
	if err := l.app.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (l *life) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := l.app.Stop(ctx); err != nil {
		l.w.t.Errorf("stop the daemon: %v", err)
	}
}

// keepRunning has a daemon run for the whole year, with restarts if there are
// to be faults: some in good order, some as after a kill, some with a pause.
func (w *yearWorld) keepRunning(ctx context.Context) {
	end := time.After(w.plan.length)
	for l := w.start(ctx); ; l = w.start(ctx) {
		var restart, pause <-chan time.Time
		if w.plan.faults {
			restart = time.After(time.Duration(w.random.Int64N(int64(10 * day))))
		}
		select {
		case <-end:
			l.stop()
			return
		case <-restart:
		}
		l.dead.Store(w.random.IntN(2) == 0)
		l.stop()
		w.tally.restarts++
		pause = time.After(time.Duration(w.random.Int64N(int64(time.Hour))))
		<-pause
	}
}
