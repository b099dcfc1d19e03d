package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/rotator/telemetry"
	"github.com/keyrotator/keyrotator/rotator/window"
)

// Start opens the journal, proves that the custody can be opened, and starts
// server, loop and watch. When something fails it undoes what it did.
func (a *app) Start(ctx context.Context) error {
	for _, step := range []struct {
		name  string
		start func(context.Context) error
	}{
		{"journal", a.startJournal},
		{"rotator", a.startRotator},
		{"server", a.startServer},
		{"loop", a.startLoop},
		{"watch", a.startWatch},
		{"supervision", a.startSupervision},
	} {
		if err := step.start(ctx); err != nil {
			return errors.Join(fmt.Errorf("start the %s: %w", step.name, err), a.stopWithin(ctx))
		}
	}
	return nil
}

func (a *app) startJournal(ctx context.Context) error {
	db, wakes, err := openJournal(ctx, a.config, true)
	if err != nil {
		return err
	}
	a.journal, a.wakes = db, wakes
	a.started("journal", func(context.Context) error { return db.Close() })
	sealer, damaged, err := openSealer(ctx, a.config, db)
	for _, user := range damaged {
		a.log.Error("a secret in custody is damaged and does not open: the user will be halted when it is needed", zap.Stringer("user", user))
	}
	a.sealer = sealer
	return err
}

// startRotator makes the fleet and the rotator, and has the journal know every
// configured user.
func (a *app) startRotator(ctx context.Context) error {
	if err := a.prepareTransport(ctx); err != nil {
		return err
	}
	a.options.reach.observe = a.metrics.Request
	fleet, err := buildFleet(ctx, a.config, a.options.reach)
	if err != nil {
		return err
	}
	called, err := newCallbacks(a.config)
	if err != nil {
		return err
	}
	a.callbacks.Store(called)
	a.names.Store(nameConsumers(a.config, fleet))
	var kept rotator.Journal = a.journal
	if a.options.wrapJournal != nil {
		kept = a.options.wrapJournal(kept)
	}
	a.pulse = newPulse(kept)
	owner, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("choose this process's name: %w", err)
	}
	observers := append(rotator.Observers{telemetry.NewLog(a.log), a.metrics}, a.options.observers...)
	a.rotator, err = rotator.New(rotator.Deps{Journal: a.pulse, Roster: a.journal, Sealer: a.sealer, Observer: observers}, fleet, a.tuned(owner.String()))
	if err != nil {
		return err
	}
	collector := telemetry.NewCollector(a.journal, telemetry.CollectorOptions{
		Fleet: a.rotator.Fleet, Consumer: a.consumerName, Speaks: a.journal.Speaks,
		Failed: func(err error) { a.log.Warn("the journal could not be read for a scrape", zap.Error(err)) },
	})
	a.registry.MustRegister(a.metrics, collector, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.enforce(ctx, a.config, fleet); err != nil {
		return err
	}
	a.metrics.Expect(fleet)
	a.metrics.Reloaded(a.now(), nil)
	return nil
}

// prepareTransport makes the one transport that all accounts share, also those
// of configurations to come.
func (a *app) prepareTransport(ctx context.Context) error {
	if a.options.reach.transport != nil {
		return nil
	}
	calls := a.config.Limits.CallsInFlight * max(1, len(a.config.Accounts))
	transport, err := account.NewTransport(ctx, calls)
	if err != nil {
		return err
	}
	a.options.reach.transport = transport
	a.started("connections to AWS", func(context.Context) error {
		if idle, ok := transport.(*http.Transport); ok {
			idle.CloseIdleConnections()
		}
		return nil
	})
	return nil
}

// tuned are the rotator's options. An effect that was begun may last as long
// as the configuration allows for a shutdown.
func (a *app) tuned(owner string) rotator.Options {
	o := a.options.tuning
	o.Owner = owner
	if o.EffectLimit <= 0 {
		o.EffectLimit = a.config.Limits.Shutdown
	}
	if o.Lease <= 0 {
		o.Lease = a.config.Limits.Lease
	}
	return o
}

func (a *app) now() time.Time {
	if a.options.tuning.Now != nil {
		return a.options.tuning.Now()
	}
	return time.Now()
}

// enforce has all replicas act on the configuration, or leave the users to those
// that do, before the journal knows of users whom others might not.
func (a *app) enforce(ctx context.Context, cfg *config.Config, fleet *rotator.Fleet) error {
	if err := a.journal.Enforce(ctx, cfg.Fingerprint()); err != nil {
		return err
	}
	return a.enrol(ctx, fleet)
}

// enrol registers every configured user in the journal, and wakes those for
// whom this configuration may mean something else than the one before: all
// that wait for a later day, and those that are configured no longer in the
// middle of a cycle, which halt. Users who are halted wait for a person.
func (a *app) enrol(ctx context.Context, fleet *rotator.Fleet) error {
	rows, err := a.journal.Rows(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	known := map[rotator.User]bool{}
	for _, row := range rows {
		known[row.User] = true
		_, configured := fleet.Targets[row.User]
		concerned := configured || row.Progress.Cycle != nil
		later := row.Due.IsZero() || row.Due.After(now)
		if !concerned || !later || row.Progress.Halt != nil {
			continue
		}
		if err := a.journal.Wake(ctx, row.User, now); err != nil {
			return err
		}
	}
	for user := range fleet.Targets {
		if known[user] {
			continue
		}
		if err := a.journal.Register(ctx, user, now); err != nil {
			return err
		}
	}
	return nil
}

// startLoop starts the dispatcher. Stopping it waits for the steps under way.
func (a *app) startLoop(ctx context.Context) error {
	dispatcher, err := a.newDispatcher()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // only Stop ends it, in its turn
	ended := make(chan struct{})
	a.looping.Store(true)
	go func() {
		defer close(ended)
		err := dispatcher.Run(ctx)
		a.looping.Store(false)
		if ctx.Err() == nil {
			a.fail(fmt.Errorf("the loop ended: %w", err))
		}
	}()
	a.started("loop", func(limit context.Context) error {
		a.looping.Store(false)
		cancel()
		select {
		case <-ended:
			return nil
		case <-limit.Done():
			return fmt.Errorf("a step is still under way: %w", limit.Err())
		}
	})
	return nil
}

// sweepSchedule is the configured sweep, which a reload may change. A change
// counts from the next sweep on.
type sweepSchedule struct{ tick atomic.Pointer[window.Tick] }

func newSweepSchedule(cfg *config.Config) (*sweepSchedule, error) {
	tick, err := window.ParseTick(cfg.Schedule.Sweep)
	if err != nil {
		return nil, fmt.Errorf("read schedule.sweep: %w", err)
	}
	s := &sweepSchedule{}
	s.tick.Store(&tick)
	return s, nil
}

// Next implements rotator.Schedule.
func (s *sweepSchedule) Next(after time.Time) time.Time { return s.tick.Load().Next(after) }
