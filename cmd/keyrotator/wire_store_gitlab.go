package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/gitlab"
)

func (b storeBuilder) gitlab(user rotator.User, g *config.GitLab) (store.Store, error) {
	variables, err := variablesOf(g.Variables)
	if err != nil {
		return nil, err
	}
	client, err := b.web.client(g.CAFile)
	if err != nil {
		return nil, err
	}
	return gitlab.New(gitlab.Options{
		HTTP: client, URL: g.URL, Token: g.Token.RevealSecretText(),
		Project: g.Project, Group: g.Group, EnvironmentScope: g.EnvironmentScope,
		Visibility: g.Visibility, Protected: g.Protected, Type: g.Type,
		Variables: variables, Owner: user.String(), Adopt: g.Adopt,
	})
}
