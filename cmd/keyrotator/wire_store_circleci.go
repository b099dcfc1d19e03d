package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/circleci"
)

func (b storeBuilder) circleCI(user rotator.User, v *config.CircleCI) (store.Store, error) {
	variables, err := variablesOf(v.Variables)
	if err != nil {
		return nil, err
	}
	client, err := b.web.client(v.CAFile)
	if err != nil {
		return nil, err
	}
	return circleci.New(circleci.Options{
		HTTP: client, URL: v.URL, Token: v.Token.RevealSecretText(),
		Context: v.Context, Organization: v.Organization, Project: v.Project,
		Variables: variables, Owner: user.String(), Adopt: v.Adopt,
	})
}
