package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/bitbucket"
)

func (b storeBuilder) bitbucket(user rotator.User, v *config.Bitbucket) (store.Store, error) {
	variables, err := variablesOf(v.Variables)
	if err != nil {
		return nil, err
	}
	client, err := b.web.client(v.CAFile)
	if err != nil {
		return nil, err
	}
	return bitbucket.New(bitbucket.Options{
		HTTP: client, URL: v.URL, Email: v.Email, Token: v.Token.RevealSecretText(),
		Workspace: v.Workspace, Repository: v.Repository, Environment: v.Environment,
		Variables: variables, Owner: user.String(), Adopt: v.Adopt,
	})
}
