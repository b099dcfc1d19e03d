package main

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// errRestart says that a new configuration cannot be had by a reload.
var errRestart = errors.New("needs a restart")

// Reload swaps the configuration as a whole, or leaves the old one in force
// and returns why. Steps under way end with the old one.
func (a *app) Reload(ctx context.Context, cfg *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.apply(ctx, cfg)
	a.metrics.Reloaded(a.now(), err)
	return err
}

// apply builds everything of the new configuration before anything is swapped.
func (a *app) apply(ctx context.Context, cfg *config.Config) error {
	switch {
	case cfg.Journal != a.config.Journal:
		return fmt.Errorf("change the journal: %w", errRestart)
	case cfg.Sealing != a.config.Sealing:
		return fmt.Errorf("change the sealing: %w", errRestart)
	}
	schedule, err := newSweepSchedule(cfg)
	if err != nil {
		return err
	}
	fleet, err := buildFleet(ctx, cfg, a.options.reach)
	if err != nil {
		return err
	}
	called, err := newCallbacks(cfg)
	if err != nil {
		return err
	}
	if cfg.Limits.Shutdown != a.config.Limits.Shutdown {
		a.log.Warn("the new limits.shutdown holds from the next start on")
	}
	// A user is woken only once the new fleet would step it: under the old one a
	// new user is nobody's, and waits for the next sweep.
	former := a.rotator.Fleet()
	a.rotator.Reload(fleet)
	if err := a.enforce(ctx, cfg, fleet); err != nil {
		a.rotator.Reload(former)
		return errors.Join(err, a.journal.Enforce(ctx, a.config.Fingerprint()))
	}
	a.config = cfg
	a.metrics.Expect(fleet)
	a.sweep.tick.Store(schedule.tick.Load())
	a.names.Store(nameConsumers(cfg, fleet))
	a.callbacks.Store(called)
	return nil
}

// reloadFile reads the configuration file again and says how it went.
func (a *app) reloadFile(ctx context.Context) {
	if a.options.configPath == "" {
		a.log.Warn("there is no configuration file to read again")
		return
	}
	a.supervision.reloading()
	cfg, err := config.Load(a.options.configPath)
	if err != nil {
		a.metrics.Reloaded(a.now(), err)
	} else {
		err = a.Reload(ctx, cfg)
	}
	a.supervision.reloaded(err)
	if err != nil {
		a.log.Error("the configuration was not changed: the former one holds", zap.String("file", a.options.configPath), zap.Error(err))
		return
	}
	a.log.Info("the configuration was read again and holds now", zap.String("file", a.options.configPath), zap.Int("users", len(cfg.Users)))
	for _, warning := range cfg.Warnings() {
		a.log.Warn("the configuration is unsafe against the real AWS", zap.String("path", warning.Path), zap.String("finding", warning.Message))
	}
}

// consumerNames are what the configuration calls consumers that it names.
type consumerNames map[rotator.User]map[string]string

// nameConsumers relates the core's names of consumers, which are those of their
// stores, to the configuration's.
func nameConsumers(cfg *config.Config, fleet *rotator.Fleet) *consumerNames {
	names := consumerNames{}
	for _, u := range cfg.Users {
		user := rotator.User{Account: u.Account(), Name: u.Name()}
		for i, c := range fleet.Targets[user].Consumers {
			if i >= len(u.Consumers) || u.Consumers[i].Name == "" {
				continue
			}
			if names[user] == nil {
				names[user] = map[string]string{}
			}
			names[user][c.Name()] = u.Consumers[i].Name
		}
	}
	return &names
}

// consumerName is what the configuration calls a consumer, else its store.
func (a *app) consumerName(user rotator.User, consumer string) string {
	if name := (*a.names.Load())[user][consumer]; name != "" {
		return name
	}
	return consumer
}
