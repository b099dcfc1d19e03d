package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/rotator/iamkeys"
	"github.com/keyrotator/keyrotator/rotator/journal"
	"github.com/keyrotator/keyrotator/rotator/seal"
)

// reach says how AWS is reached. The zero value is the SDK's own way: ambient
// credentials, and endpoints from the environment. The demo and the tests put
// the embedded AWS here.
type reach struct {
	// transport carries the calls of all accounts; nil makes one for them.
	transport http.RoundTripper
	// credentials returns what an account signs with before it assumes its
	// role; nil, or a nil provider, means the SDK's ambient chain.
	credentials func(accountName string) aws.CredentialsProvider
	// observe is told of every call that was sent; nil tells nobody.
	observe func(service, operation, code string, took time.Duration)
}

// buildAccounts prepares every configured account. It calls nobody.
func buildAccounts(ctx context.Context, cfg *config.Config, r reach) (map[string]*account.Account, error) {
	if r.transport == nil {
		transport, err := account.NewTransport(ctx, cfg.Limits.CallsInFlight*max(1, len(cfg.Accounts)))
		if err != nil {
			return nil, err
		}
		r.transport = transport
	}
	accounts := map[string]*account.Account{}
	for _, name := range cfg.AccountNames() {
		a := cfg.Accounts[name]
		options := account.Options{
			Name: name, ID: a.ID, Region: a.Region, Partition: a.Partition,
			Role: a.Role, ExternalID: a.ExternalID.RevealSecretText(), SessionName: a.SessionName,
			Endpoint: a.Endpoint, Transport: r.transport,
			CallTimeout: cfg.Limits.CallTimeout, CallsInFlight: cfg.Limits.CallsInFlight,
			Observe: r.observe,
		}
		if r.credentials != nil {
			options.Credentials = r.credentials(name)
		}
		prepared, err := account.New(ctx, options)
		if err != nil {
			return nil, err
		}
		accounts[name] = prepared
	}
	return accounts, nil
}

// buildFleet makes everything that the configuration says of users. It opens
// nothing and calls nobody.
func buildFleet(ctx context.Context, cfg *config.Config, r reach) (*rotator.Fleet, error) {
	accounts, err := buildAccounts(ctx, cfg, r)
	if err != nil {
		return nil, err
	}
	return assembleFleet(cfg, accounts)
}

// assembleFleet makes the fleet of accounts that are prepared already.
func assembleFleet(cfg *config.Config, accounts map[string]*account.Account) (*rotator.Fleet, error) {
	policies := map[string]policy{}
	for name, p := range cfg.Policies {
		made, err := buildPolicy(name, p)
		if err != nil {
			return nil, err
		}
		policies[name] = made
	}
	keyrings := map[string]*iamkeys.Keyring{}
	for name, a := range accounts {
		keyrings[name] = iamkeys.New(a)
	}
	fleet := &rotator.Fleet{
		Targets:    map[rotator.User]rotator.Target{},
		Inspectors: map[string]rotator.Inspector{},
		Breaker:    rotator.Breaker{Failures: cfg.Breaker.Failures, Within: cfg.Breaker.Within},
	}
	for name, keyring := range keyrings {
		fleet.Inspectors[name] = keyring
	}
	stores := storeBuilder{accounts: accounts, web: webClients{}, vaults: vaultClients{}}
	for _, u := range cfg.Users {
		user := rotator.User{Account: u.Account(), Name: u.Name()}
		consumers, err := stores.consumers(user, u)
		if err != nil {
			return nil, err
		}
		p, ok := policies[u.Policy]
		keyring := keyrings[user.Account]
		if !ok || keyring == nil {
			return nil, fmt.Errorf("wire user %s: policy %q or account %q is not configured", user, u.Policy, user.Account)
		}
		fleet.Targets[user] = rotator.Target{
			User: user, Policy: p.policy, Calendar: p.calendar, Bootstrap: u.Bootstrap, Consumers: consumers,
			Keyring: keyring, Witness: keyring,
			ObserveOnly: cfg.ObserveOnly || u.ObserveOnly, NoDelete: cfg.NoDelete || u.NoDelete,
		}
	}
	return fleet, nil
}

// policy is a policy with its calendar, which all its users share.
type policy struct {
	policy   rotator.Policy
	calendar rotator.Calendar
}

func buildPolicy(name string, p config.Policy) (policy, error) {
	calendar, err := p.Calendar()
	if err != nil {
		return policy{}, fmt.Errorf("wire policy %q: %w", name, err)
	}
	return policy{
		policy: rotator.Policy{
			Name: name, MaxAge: p.MaxAge, Overlap: p.Overlap, Quiet: p.Quiet, Trial: p.Trial, Settle: p.Settle,
			Jitter: p.Jitter, PushLimit: p.PushLimit, LastUsedLag: p.LastUsedLag,
			Verify: rotator.Quorum{
				Successes: p.Verify.Successes, Over: p.Verify.Over, Limit: p.Verify.Limit, Regions: p.Verify.Regions,
			},
			WindowGap: calendar.LongestGap(), Adoption: p.Adoption, DriftReport: p.Drift == config.DriftReport,
		},
		calendar: calendar,
	}, nil
}

// openSealer opens the identity that the journal's custody is sealed with, and
// proves that it is the journal's. It is made only for a journal that has never
// had one, and that is nobody else's: beside an older journal a new identity
// would open nothing, and replicas must not have one each. Users
// whose sealed bytes are damaged are returned.
func openSealer(ctx context.Context, cfg *config.Config, db *journal.DB) (rotator.Sealer, []rotator.User, error) {
	canary, err := db.Canary(ctx)
	if err != nil {
		return nil, nil, err
	}
	sealer, err := seal.OpenAge(cfg.Sealing.Identity, seal.Options{
		Create: canary == nil && !cfg.SharedJournal(),
		Group:  true, // an fsGroup of Kubernetes lets the group read whatever is on a volume
	})
	if err != nil {
		return nil, nil, err
	}
	damaged, err := sealer.Attend(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	return sealer, damaged, nil
}
