package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
)

func (b storeBuilder) github(user rotator.User, g *config.GitHub) (store.Store, error) {
	variables, err := variablesOf(g.Variables)
	if err != nil {
		return nil, err
	}
	client, err := b.web.client(g.CAFile)
	if err != nil {
		return nil, err
	}
	o := github.Options{
		HTTP: client, URL: g.URL, Token: g.Token.RevealSecretText(),
		Repository: g.Repository, Environment: g.Environment, Organization: g.Organization,
		Visibility: g.Visibility, Selected: g.Repositories,
		Variables: variables, Owner: user.String(), Adopt: g.Adopt,
	}
	if !g.App.PrivateKey.IsZero() {
		o.App = &github.App{ID: g.App.ID, PrivateKey: g.App.PrivateKey.RevealSecretText(), Installation: int64(g.App.Installation)}
	}
	return github.New(o)
}
