package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	sdksecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
	"github.com/keyrotator/keyrotator/store/bitbucket"
	"github.com/keyrotator/keyrotator/store/circleci"
	"github.com/keyrotator/keyrotator/store/exec"
	"github.com/keyrotator/keyrotator/store/file"
	"github.com/keyrotator/keyrotator/store/github"
	"github.com/keyrotator/keyrotator/store/gitlab"
	"github.com/keyrotator/keyrotator/store/kubernetes"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
	"github.com/keyrotator/keyrotator/store/ssm"
	"github.com/keyrotator/keyrotator/store/terraform"
	"github.com/keyrotator/keyrotator/store/vault"
	"github.com/keyrotator/keyrotator/store/webhook"
)

// The configuration has a kind of store or a format that nothing here makes.
var (
	errNoKind   = errors.New("no kind of store is wired for it")
	errNoFormat = errors.New("no shape is wired for it")
)

// storeBuilder makes stores of their configuration.
type storeBuilder struct {
	accounts map[string]*account.Account
	web      webClients
	vaults   vaultClients
}

// consumers makes the consumers of one user, in the configuration's order.
func (b storeBuilder) consumers(user rotator.User, u config.User) ([]rotator.Consumer, error) {
	made := make([]rotator.Consumer, 0, len(u.Consumers))
	places := map[string]int{}
	for i, c := range u.Consumers {
		place, err := b.store(user, c.Store)
		if err != nil {
			return nil, fmt.Errorf("wire consumer %d of %s: %w", i+1, user, err)
		}
		consumer := rotator.Consumer{
			Store: place, Required: c.Required, Record: c.Record, Refreshes: c.Refreshes,
			Wave: c.Order() - 1, Soak: c.Soak, // a canary is wave -1
		}
		if c.Reload != nil {
			if consumer.Reloader, err = b.reloader(user, cmp.Or(c.Name, consumer.Name()), *c.Reload); err != nil {
				return nil, fmt.Errorf("wire the reload of consumer %d of %s: %w", i+1, user, err)
			}
			consumer.ReloadLimit = c.Reload.Limit
		}
		if c.Probe != nil {
			if consumer.Prober, err = b.prober(user, cmp.Or(c.Name, consumer.Name()), *c.Probe); err != nil {
				return nil, fmt.Errorf("wire the probe of consumer %d of %s: %w", i+1, user, err)
			}
			consumer.Probes, consumer.ProbeEvery = c.Probe.Successes, c.Probe.Every
		}
		if c.Ack != nil {
			consumer.Acked, consumer.AckWithin = true, c.Ack.Within
		}
		// The journal knows a consumer by its store alone.
		if other, taken := places[consumer.Name()]; taken {
			return nil, fmt.Errorf("wire consumer %d of %s: the journal cannot tell %s from that of consumer %d", i+1, user, consumer.Name(), other)
		}
		places[consumer.Name()] = i + 1
		made = append(made, consumer)
	}
	return made, nil
}

// store makes a store of its kind. A kind without a case is an error here, and
// of the test that asks for every kind of the configuration.
func (b storeBuilder) store(user rotator.User, s config.Store) (store.Store, error) {
	switch s.Kind() {
	case secretsmanager.Kind:
		return b.secretsManager(user, s.SecretsManager)
	case file.Kind:
		return fileStore(user, s.File)
	case github.Kind:
		return b.github(user, s.GitHub)
	case gitlab.Kind:
		return b.gitlab(user, s.GitLab)
	case ssm.Kind:
		return b.ssm(user, s.SSM)
	case terraform.Kind:
		return b.terraform(user, s.Terraform)
	case webhook.Kind:
		return b.webhook(user, s.Webhook)
	case exec.Kind:
		return execStore(user, s.Exec)
	case circleci.Kind:
		return b.circleCI(user, s.CircleCI)
	case azuredevops.Kind:
		return b.azureDevOps(user, s.AzureDevOps)
	case bitbucket.Kind:
		return b.bitbucket(user, s.Bitbucket)
	case vault.Kind:
		return b.vault(user, s.Vault)
	case kubernetes.Kind:
		return kubernetesStore(user, s.Kubernetes)
	default:
		return nil, fmt.Errorf("store of kind %q: %w", s.Kind(), errNoKind)
	}
}

func (b storeBuilder) secretsManager(user rotator.User, m *config.SecretsManager) (store.Store, error) {
	holder, ok := b.accounts[m.Account]
	if !ok {
		return nil, fmt.Errorf("account %q is not configured", m.Account)
	}
	payload, err := payloadOf(m.Format, m.Profile, m.Shape)
	if err != nil {
		return nil, err
	}
	return secretsmanager.New(secretsmanager.Options{
		Client: sdksecrets.NewFromConfig(holder.Config(m.Region)), Region: m.Region, SecretID: m.Secret,
		Payload: payload, Owner: user.String(), Adopt: m.Adopt, Create: m.Create, KMSKeyID: m.KMSKey,
	})
}

func fileStore(user rotator.User, f *config.File) (store.Store, error) {
	payload, err := payloadOf(f.Format, f.Profile, f.Shape)
	if err != nil {
		return nil, err
	}
	mode, err := strconv.ParseUint(f.Mode, 8, 32)
	if err != nil {
		return nil, fmt.Errorf("read mode %q: %w", f.Mode, err)
	}
	return file.New(file.Options{
		Path: f.Path, Payload: payload, Owner: user.String(), Adopt: f.Adopt, Mode: fs.FileMode(mode),
	})
}

// payloadOf makes the shape that a credential is written in.
func payloadOf(format, profile string, shape config.Shape) (store.Payload, error) {
	switch format {
	case config.FormatJSON:
		return store.JSON(namesOf(shape))
	case config.FormatDotenv:
		return store.Dotenv(namesOf(shape))
	case config.FormatCredentials:
		return store.NewAWSFile(store.AWSFile{Profile: profile})
	case config.FormatTemplate:
		return store.Template(shape.Template)
	default:
		return nil, fmt.Errorf("format %q: %w", format, errNoFormat)
	}
}
