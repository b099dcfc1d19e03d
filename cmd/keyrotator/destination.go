package main

import (
	"cmp"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
)

// destination is a consumer as the journal knows it, by its store, and as people do.
type destination struct {
	store, name string
	required    bool
}

// destinationsOf lists a user's consumers in the configuration's order. Their stores
// are made to be asked for their names alone: nothing is called, and no
// credential is needed. One that cannot be made here, because a file of the
// daemon's is missing, goes by its location in the configuration.
func destinationsOf(cfg *config.Config, u config.User) []destination {
	user := rotator.User{Account: u.Account(), Name: u.Name()}
	idle := storeBuilder{accounts: map[string]*account.Account{}, web: webClients{}, vaults: vaultClients{}}
	for name := range cfg.Accounts {
		idle.accounts[name] = &account.Account{}
	}
	destinations := make([]destination, 0, len(u.Consumers))
	for _, c := range u.Consumers {
		p := destination{store: c.Store.Location(), required: c.Required}
		if made, err := idle.store(user, c.Store); err == nil {
			p.store = made.Describe().String()
		}
		p.name = cmp.Or(c.Name, p.store)
		destinations = append(destinations, p)
	}
	return destinations
}

// nameOf is what people call the consumer of a store; its store, if the
// configuration does not know it any more.
func nameOf(destinations []destination, store string) string {
	for _, p := range destinations {
		if p.store == store {
			return p.name
		}
	}
	return store
}
