package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/store/hook"
	"github.com/keyrotator/keyrotator/store/program"
)

// hookOf makes what calls a receiver at its address and at these others, of
// which empty ones are left out.
func (w webClients) hookOf(h config.Hook, others ...string) (*hook.Hook, error) {
	client, err := w.client(h.CAFile)
	if err != nil {
		return nil, err
	}
	addresses := []string{h.URL}
	for _, address := range others {
		if address != "" {
			addresses = append(addresses, address)
		}
	}
	return hook.New(hook.Options{
		Key: h.SigningKey.RevealSecretText(), KeyID: h.SigningKeyID, Token: h.Token.RevealSecretText(),
		Client: client, Timeout: h.Timeout, URLs: addresses,
	})
}

func programOf(p config.Program) (*program.Program, error) {
	return program.New(program.Options{Command: p.Command, Environment: p.Environment, Timeout: p.Timeout})
}
