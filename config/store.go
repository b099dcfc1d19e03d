package config

import (
	"reflect"
	"slices"
	"strings"
)

// Store is where a credential is written to. Exactly one field is set. Each is
// a pointer to a type with the methods of storeKind; a new kind is a new field here
// and a file of its own beside this one.
type Store struct {
	SecretsManager *SecretsManager `yaml:"secretsmanager" doc:"A secret in AWS Secrets Manager."`
	File           *File           `yaml:"file" doc:"A file on this machine."`
	GitHub         *GitHub         `yaml:"github" doc:"Secrets of GitHub Actions."`
	GitLab         *GitLab         `yaml:"gitlab" doc:"CI/CD variables of GitLab."`
	SSM            *SSM            `yaml:"ssm" doc:"Parameters in AWS Systems Manager Parameter Store."`
	Terraform      *Terraform      `yaml:"terraform" doc:"Variables of HCP Terraform or Terraform Enterprise."`
	Vault          *Vault          `yaml:"vault" doc:"A secret of HashiCorp Vault or OpenBao, KV version 2."`
	Webhook        *Webhook        `yaml:"webhook" doc:"A receiver of yours that writes it to wherever it belongs."`
	Exec           *Exec           `yaml:"exec" doc:"A program of yours that writes it to wherever it belongs."`
	CircleCI       *CircleCI       `yaml:"circleci" doc:"Environment variables of CircleCI."`
	AzureDevOps    *AzureDevOps    `yaml:"azuredevops" doc:"A variable group or a service connection of Azure DevOps."`
	Bitbucket      *Bitbucket      `yaml:"bitbucket" doc:"Variables of Bitbucket Pipelines."`
	Kubernetes     *Kubernetes     `yaml:"kubernetes" doc:"A Secret in a Kubernetes cluster."`
}

// storeKind is one kind of store, as it is configured.
type storeKind interface {
	// complete fills in the defaults that depend on other values. It runs
	// before check, and leaves alone whatever it cannot make sense of.
	complete(c *Config, u User)
	// check refuses what cannot be right, with the path of what it looked at.
	check(c *checker, path string)
	// location names the place once its defaults are filled in, without the
	// kind. Two stores with one location would overwrite each other.
	location() string
	// holdsSecret reports whether the secret access key itself can be read
	// back. The SES SMTP password cannot be turned back into it.
	holdsSecret() bool
}

// kindsOfStore lists the names of all kinds of store.
func kindsOfStore() []string { return fieldNames(fieldsOf(reflect.TypeFor[Store]())) }

// set lists the kinds that are set, in the order of the fields.
func (s Store) set() (names []string, places []storeKind) {
	v := reflect.ValueOf(s)
	for _, f := range fieldsOf(v.Type()) {
		if kind := v.FieldByIndex(f.index); !kind.IsNil() {
			// A test asks this of every field.
			p, _ := reflect.TypeAssert[storeKind](kind)
			names, places = append(names, f.name), append(places, p)
		}
	}
	return names, places
}

// kind returns the first kind that is set, nil for none.
func (s Store) kind() storeKind {
	if _, places := s.set(); len(places) > 0 {
		return places[0]
	}
	return nil
}

// Kind returns the key of the one kind that is set, empty for none.
func (s Store) Kind() string {
	if names, _ := s.set(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// HoldsSecret reports whether the secret access key itself can be read back.
func (s Store) HoldsSecret() bool { kind := s.kind(); return kind != nil && kind.holdsSecret() }

// Location names the place of a store whose defaults are filled in, with its
// kind; empty for a store of no kind.
func (s Store) Location() string {
	if kind := s.kind(); kind != nil {
		return s.Kind() + ":" + kind.location()
	}
	return ""
}

// stages reports whether the store can take a credential before its readers see it.
func (s Store) stages() bool {
	kind, ok := s.kind().(interface{ stages() bool })
	return ok && kind.stages()
}

func (c *checker) store(path string, s Store) {
	if !c.usable(path) || !c.given(path) {
		return
	}
	names, places := s.set()
	switch {
	case len(places) > 1:
		c.failKey(path, "has two kinds", "exactly one kind a store; a second store is a second consumer")
	case len(places) == 1:
		if at := path + "." + names[0]; c.usable(at) {
			places[0].check(c, at)
		}
	case !c.saidAbout(path):
		known := kindsOfStore()
		slices.Sort(known)
		c.fail(path, "names no kind", "one of "+strings.Join(known, ", "))
	}
}
