package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/dispatch"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
)

// appOptions say how a daemon runs, beside what the configuration says. The
// zero value is a daemon without a server, whose log nobody reads.
type appOptions struct {
	// configPath is read again by a reload and watched for changes; empty for a
	// configuration that came from elsewhere.
	configPath string
	// listen is the address of /metrics, /livez and /readyz; empty for none.
	listen string
	// reach says how AWS is reached.
	reach reach
	// observers are told of events beside log and metrics.
	observers []rotator.Observer
	// tuning overrides the rotator's own defaults where it is not zero. Owner is
	// always this process's random one.
	tuning rotator.Options
	// wrapJournal stands between the rotator and the journal, such as to end the
	// process in the middle of a write; nil for nothing.
	wrapJournal func(rotator.Journal) rotator.Journal
	// serviceManager is told how the daemon stands; nil for nobody.
	serviceManager func(message string) error
	// log gets everything that is worth a line; nil for nobody.
	log *zap.Logger
	// shutdownLimit bounds Stop under Run; zero means a minute.
	shutdownLimit time.Duration
	// settled is how long changes of the configuration file are gathered before
	// it is read; zero means a quarter of a second.
	settled time.Duration
}

// app is the daemon: a journal, a sealer, a rotator with its loop, a server.
// Make it with newApp, then Run, or Start and Stop, once.
type app struct {
	options  appOptions
	log      *zap.Logger
	metrics  *telemetry.Metrics
	registry *prometheus.Registry

	// teardown is undone in reverse; only Start and Stop touch it.
	teardown []teardown

	// Set by Start, constant afterwards.
	journal  *journal.DB
	wakes    *dispatch.Wakes // nil unless replicas share the journal
	sealer   rotator.Sealer
	pulse    *pulse
	rotator  *rotator.Rotator
	listener net.Listener

	supervision *supervision

	// failed gets the first error of something that runs beside.
	failed chan error
	// looping is true while the loop dispatches.
	looping atomic.Bool

	// What a reload changes. The mutex keeps one reload from another.
	mu     sync.Mutex
	config *config.Config
	sweep  *sweepSchedule
	names  atomic.Pointer[consumerNames]
	// callbacks is nil while nobody may call.
	callbacks atomic.Pointer[callbacks]
}

// teardown is the undoing of one thing that was started.
type teardown struct {
	name string
	stop func(ctx context.Context) error
}

const defaultShutdownLimit = time.Minute

// newApp prepares a daemon for a configuration. It opens nothing.
func newApp(cfg *config.Config, options appOptions) (*app, error) {
	if options.log == nil {
		options.log = zap.NewNop()
	}
	if options.shutdownLimit <= 0 {
		options.shutdownLimit = defaultShutdownLimit
	}
	if options.settled <= 0 {
		options.settled = 250 * time.Millisecond
	}
	schedule, err := newSweepSchedule(cfg)
	if err != nil {
		return nil, err
	}
	build := thisBuild()
	a := &app{
		options: options, log: options.log, config: cfg, sweep: schedule,
		metrics:  telemetry.NewMetrics(telemetry.Build{Version: build.Version, Commit: build.Commit, GoVersion: build.Go}),
		registry: prometheus.NewRegistry(),
		failed:   make(chan error, 1),

		supervision: &supervision{send: options.serviceManager, log: options.log},
	}
	return a, nil
}

// started registers how something that has just started is stopped.
func (a *app) started(name string, stop func(ctx context.Context) error) {
	a.teardown = append(a.teardown, teardown{name, stop})
}

// fail reports that something beside ended; the first report ends Run.
func (a *app) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// Stop undoes everything that was started, in reverse, within ctx. It goes on
// after a failure and returns all of them. The loop is stopped first: an effect
// that was begun ends, and is journaled, before the journal is closed.
func (a *app) Stop(ctx context.Context) error {
	var errs []error
	for _, t := range slices.Backward(a.teardown) {
		if err := t.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop the %s: %w", t.name, err))
		}
	}
	a.teardown = nil
	return errors.Join(errs...)
}

// stopWithin is Stop within the limit of a shutdown, also after ctx has ended.
func (a *app) stopWithin(ctx context.Context) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.options.shutdownLimit)
	defer cancel()
	return a.Stop(limit)
}

// Run starts the daemon and stops it when the context ends or something beside
// fails. Each value of reload has the configuration file read again. The end
// of the context is no error.
func (a *app) Run(ctx context.Context, reload <-chan struct{}) error {
	switch err := a.Start(ctx); {
	case err == nil:
	case ctx.Err() != nil: // whoever ended it asked for nothing more
		a.log.Info("stopped before everything was started", zap.Error(err))
		return nil //nolint:nilerr // the log has it; the end of the context is no failure
	default:
		return err
	}
	var failure error
	for running := true; running; {
		select {
		case <-ctx.Done():
			a.log.Info("stopping: no new step begins, what was begun is finished", zap.Duration("limit", a.options.shutdownLimit))
			running = false
		case failure = <-a.failed:
			a.log.Error("stopping", zap.Error(failure))
			running = false
		case <-reload:
			a.reloadFile(ctx)
		}
	}
	err := errors.Join(failure, a.stopWithin(ctx))
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}
