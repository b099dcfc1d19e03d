package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/webhook"
)

func (b storeBuilder) webhook(user rotator.User, w *config.Webhook) (store.Store, error) {
	payload, err := payloadOf(w.Format, w.Profile, w.Shape)
	if err != nil {
		return nil, err
	}
	sender, err := b.web.hookOf(w.Hook, w.CheckURL)
	if err != nil {
		return nil, err
	}
	return webhook.New(webhook.Options{
		Hook: sender, URL: w.URL, CheckURL: w.CheckURL, SigningKeyID: w.SigningKeyID,
		Payload: payload, Format: w.Format, Owner: user.String(), Adopt: w.Adopt,
	})
}
