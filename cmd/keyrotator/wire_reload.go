package main

import (
	"errors"
	"fmt"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	reloadexec "github.com/keyrotator/keyrotator/store/reload/exec"
	"github.com/keyrotator/keyrotator/store/reload/rollout"
	reloadwebhook "github.com/keyrotator/keyrotator/store/reload/webhook"
)

// errNoReload: the configuration has a kind of reload that nothing here makes.
var errNoReload = errors.New("no kind of reload is wired for it")

// reloader makes a reload of its kind, for what the configuration or the
// journal calls the consumer. A kind without a case is an error here, and of the
// test that asks for every kind of the configuration.
func (b storeBuilder) reloader(user rotator.User, consumer string, r config.Reload) (rotator.Reloader, error) {
	switch r.Kind() {
	case rollout.Kind:
		return rolloutReload(r.Rollout)
	case reloadexec.Kind:
		run, err := programOf(r.Exec.Program)
		if err != nil {
			return nil, err
		}
		return reloadexec.New(reloadexec.Options{Program: run, User: user.String(), Consumer: consumer, Waits: r.Exec.Waits})
	case reloadwebhook.Kind:
		w := r.Webhook
		sender, err := b.web.hookOf(w.Hook, w.StatusURL, w.CheckURL)
		if err != nil {
			return nil, err
		}
		return reloadwebhook.New(reloadwebhook.Options{
			Hook: sender, URL: w.URL, StatusURL: w.StatusURL, CheckURL: w.CheckURL, SigningKeyID: w.SigningKeyID,
			User: user.String(), Consumer: consumer,
		})
	default:
		return nil, fmt.Errorf("reload of kind %q: %w", r.Kind(), errNoReload)
	}
}
