package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/terraform"
)

func (b storeBuilder) terraform(user rotator.User, t *config.Terraform) (store.Store, error) {
	variables, err := variablesOf(t.Variables)
	if err != nil {
		return nil, err
	}
	client, err := b.web.client(t.CAFile)
	if err != nil {
		return nil, err
	}
	return terraform.New(terraform.Options{
		HTTP: client, URL: t.URL, Token: t.Token.RevealSecretText(),
		Organization: t.Organization, Workspace: t.Workspace, VariableSet: t.VariableSet, Category: t.Category,
		Variables: variables, Owner: user.String(), Adopt: t.Adopt,
	})
}
