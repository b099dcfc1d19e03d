package main

import (
	"fmt"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/vault"
)

// vaultLogin is what a client of Vault depends on.
type vaultLogin struct {
	url, namespace, caFile, tokenFile string
	appRole                           config.VaultAppRole
	kubernetes                        config.VaultKubernetes
}

// vaultClients are the clients by their logins: stores with the same login share
// a token, so that thousands of them do not ask for thousands.
type vaultClients map[vaultLogin]*vault.Client

func (b storeBuilder) vault(user rotator.User, v *config.Vault) (store.Store, error) {
	client, err := b.vaultClient(v)
	if err != nil {
		return nil, err
	}
	o := vault.Options{Client: client, Mount: v.Mount, Path: v.Path, Owner: user.String(), Adopt: v.Adopt, Create: v.Create}
	if v.Single() {
		o.Field = v.Variable
		o.Payload, err = payloadOf(v.Format, v.Profile, v.Shape)
	} else {
		o.Variables, err = variablesOf(v.Variables)
	}
	if err != nil {
		return nil, err
	}
	return vault.New(o)
}

func (b storeBuilder) vaultClient(v *config.Vault) (*vault.Client, error) {
	how := vaultLogin{url: v.URL, namespace: v.Namespace, caFile: v.CAFile, tokenFile: v.TokenFile, appRole: v.AppRole, kubernetes: v.Kubernetes}
	if made, ok := b.vaults[how]; ok {
		return made, nil
	}
	carrier, err := b.web.client(v.CAFile)
	if err != nil {
		return nil, err
	}
	var login vault.Login
	switch {
	case v.TokenFile != "":
		login = vault.TokenFile(v.TokenFile)
	case v.AppRole.RoleID != "":
		login = vault.AppRole(v.AppRole.Mount, v.AppRole.RoleID, v.AppRole.SecretID.RevealSecretText())
	case v.Kubernetes.Role != "":
		login = vault.Kubernetes(v.Kubernetes.Mount, v.Kubernetes.Role, v.Kubernetes.TokenFile)
	}
	made, err := vault.NewClient(vault.ClientOptions{Address: v.URL, Namespace: v.Namespace, HTTPClient: carrier, Login: login})
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", v.URL, err)
	}
	if b.vaults != nil {
		b.vaults[how] = made
	}
	return made, nil
}
