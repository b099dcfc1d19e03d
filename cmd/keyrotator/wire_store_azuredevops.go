package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
)

func (b storeBuilder) azureDevOps(user rotator.User, a *config.AzureDevOps) (store.Store, error) {
	client, err := b.web.client(a.CAFile)
	if err != nil {
		return nil, err
	}
	o := azuredevops.Options{
		HTTP: client, URL: a.URL, Organization: a.Organization, Project: a.Project, Group: a.Group, Connection: a.Connection,
		Token: a.Token.RevealSecretText(), Owner: user.String(), Adopt: a.Adopt,
	}
	if a.Connection == "" {
		if o.Variables, err = variablesOf(a.Variables); err != nil {
			return nil, err
		}
	}
	if !a.Entra.ClientSecret.IsZero() {
		o.Entra = &azuredevops.Entra{
			URL: a.Entra.URL, Tenant: a.Entra.Tenant, ClientID: a.Entra.ClientID, ClientSecret: a.Entra.ClientSecret.RevealSecretText(),
		}
	}
	return azuredevops.New(o)
}
