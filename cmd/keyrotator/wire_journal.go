package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/dispatch"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// openJournal opens the configured journal: exclusively for a daemon, which
// alone creates it or brings it up to date, otherwise beside daemons. wakes is
// what makes replicas step the users of a shared journal, nil for any other.
func openJournal(ctx context.Context, cfg *config.Config, exclusive bool) (db *journal.DB, wakes *dispatch.Wakes, err error) {
	options := journal.Options{Exclusive: exclusive, Takeover: cfg.Limits.CallTimeout}
	if cfg.SharedJournal() {
		if wakes, err = dispatch.NewWakes(nil); err != nil {
			return nil, nil, err
		}
		options.Follow, options.Margin = wakes.Follow, cfg.Limits.TakeoverMargin
	}
	if db, err = journal.Open(ctx, cfg.Journal, options); err != nil {
		return nil, nil, err
	}
	if wakes != nil && exclusive {
		if _, err := dispatch.Migrate(ctx, db.Pool()); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	return db, wakes, nil
}

// newDispatcher chooses what turns due users into steps: River where replicas
// share a journal, otherwise a loop.
func (a *app) newDispatcher() (rotator.Dispatcher, error) {
	if a.wakes == nil {
		return rotator.NewLoop(a.rotator, a.sweep), nil
	}
	core := a.log.Core()
	if raised, err := zapcore.NewIncreaseLevelCore(core, zapcore.WarnLevel); err == nil {
		core = raised // what River tells below a warning, the log of events tells better
	}
	d, err := dispatch.New(a.rotator, a.pulse, a.journal.Pool(), a.wakes, dispatch.Options{
		Workers: a.options.tuning.Workers, Poll: a.options.tuning.Poll, Lease: a.config.Limits.Lease, Sweep: a.sweep,
		Attend: a.attend(), Log: slog.New(zapslog.NewHandler(core)),
	})
	if err != nil {
		return nil, fmt.Errorf("make the dispatcher of a shared journal: %w", err)
	}
	return d, nil
}

// attend keeps this replica's configuration in force, or notices that another
// one is.
func (a *app) attend() func(context.Context) {
	standsBy := false
	return func(ctx context.Context) {
		holds, err := a.journal.InForce(ctx)
		switch {
		case err != nil:
			return // whatever else asks the journal tells of it
		case !holds && !standsBy:
			a.log.Warn("this replica stands by: others have a configuration that was put in force later, and step all users")
		case holds && standsBy:
			a.log.Info("this replica's configuration is in force: it steps users again")
		}
		standsBy = !holds
		a.metrics.StandsBy(standsBy)
	}
}
