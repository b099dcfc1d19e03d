package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store/azuredevops/azuredevopstest"
	"github.com/keyrotator/keyrotator/store/bitbucket/bitbuckettest"
	"github.com/keyrotator/keyrotator/store/circleci/circlecitest"
	"github.com/keyrotator/keyrotator/store/github/githubtest"
	"github.com/keyrotator/keyrotator/store/gitlab/gitlabtest"
	"github.com/keyrotator/keyrotator/store/terraform/terraformtest"
	"github.com/keyrotator/keyrotator/store/webhook/webhooktest"
)

// hosted is a place of a service that a stand-in plays, behind a door.
func (e *everywhere) hosted(t *testing.T, address, yaml, user, token string) *somewhere {
	t.Helper()
	d := e.keeper.open(t, address, nil, false)
	return &somewhere{door: d, yaml: fmt.Sprintf(yaml, d.URL, variable, e.token(t, user, token))}
}

func (e *everywhere) gitHub(t *testing.T) *somewhere {
	t.Helper()
	const place = "repos/acme/web/actions"
	s := githubtest.New(t)
	p := e.hosted(t, s.URL, "github: {repository: acme/web, url: %q, variable: %s, token: %q", "", githubtest.Token)
	p.seed = func(id, secret string) error { s.Seed(place, variable, secretValue(id, secret)); return nil }
	p.read = func() ([]byte, error) { return s.Content(place, variable), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Secrets[place], s.Scopes = map[string]*githubtest.Secret{}, []string{"read:org"}
		return nil
	}
	return p
}

func (e *everywhere) gitLab(t *testing.T) *somewhere {
	t.Helper()
	s := gitlabtest.New(t)
	p := e.hosted(t, s.URL, "gitlab: {project: acme/web.site, url: %q, variable: %s, visibility: visible, token: %q", "", gitlabtest.Token)
	p.seed = func(id, secret string) error {
		s.Seed(gitlabtest.WebPlace, variable, secretValue(id, secret))
		return nil
	}
	p.read = func() ([]byte, error) { return s.Content(gitlabtest.WebPlace, variable), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Places[gitlabtest.WebPlace], s.Scopes = []*gitlabtest.Held{}, []string{"read_api"}
		return nil
	}
	return p
}

func (e *everywhere) terraform(t *testing.T) *somewhere {
	t.Helper()
	s := terraformtest.New(t)
	p := e.hosted(t, s.URL, "terraform: {organization: acme, workspace: web, url: %q, variable: %s, token: %q", "", terraformtest.Token)
	p.seed = func(id, secret string) error {
		s.Seed(terraformtest.WebVars, "env", variable, secretValue(id, secret))
		return nil
	}
	p.read = func() ([]byte, error) { return s.Content(terraformtest.WebVars, "env", variable), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Holders[terraformtest.WebVars], s.ReadOnly = nil, true
		return nil
	}
	return p
}

func (e *everywhere) circleCI(t *testing.T) *somewhere {
	t.Helper()
	const place = "context/" + circlecitest.ContextID
	s := circlecitest.New(t)
	p := e.hosted(t, s.URL, "circleci: {context: deploy, organization: gh/acme, url: %q, variable: %s, token: %q", "", circlecitest.Token)
	p.seed = func(id, secret string) error {
		s.Seed(place, []string{variable}, []byte(secretValue(id, secret)))
		return nil
	}
	p.read = func() ([]byte, error) { return s.Content(place, []string{variable}), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Values[place] = map[string]string{}
		p.door.shut.Store(true)
		return nil
	}
	return p
}

func (e *everywhere) bitbucket(t *testing.T) *somewhere {
	t.Helper()
	const place = bitbuckettest.OfRepository
	s := bitbuckettest.New(t)
	p := e.hosted(t, strings.TrimSuffix(s.URL, "/2.0"), "bitbucket: {workspace: acme, repository: web, url: '%s/2.0', variable: %s, token: %q",
		bitbuckettest.Email, bitbuckettest.Token)
	p.yaml = fmt.Sprintf("%s, email: %s", p.yaml, bitbuckettest.Email)
	p.seed = func(id, secret string) error {
		s.Seed(place, []string{variable}, []byte(secretValue(id, secret)))
		return nil
	}
	p.read = func() ([]byte, error) { return s.Content(place, []string{variable}), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Variables[place] = nil
		p.door.shut.Store(true)
		return nil
	}
	return p
}

func (e *everywhere) azureDevOps(t *testing.T) *somewhere {
	t.Helper()
	s := azuredevopstest.New(t)
	p := e.hosted(t, s.URL, "azuredevops: {organization: Acme, project: Web Shop, group: aws, url: %q, variable: %s, token: %q", "", azuredevopstest.Token)
	p.seed = func(id, secret string) error {
		s.SeedGroup([]string{variable}, []byte(secretValue(id, secret)))
		return nil
	}
	p.read = func() ([]byte, error) { return s.ContentOfGroup([]string{variable}), nil }
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Variables, s.Manages = map[string]azuredevopstest.HeldVariable{}, false
		return nil
	}
	return p
}

func (e *everywhere) receiver(t *testing.T) *somewhere {
	t.Helper()
	s := webhooktest.New(t)
	d := e.keeper.open(t, s.URL, s.Client().Transport, false)
	p := &somewhere{door: d}
	p.yaml = fmt.Sprintf("webhook: {url: %q, check_url: %q, signing_key_id: %q, signing_key: %q, token: %q", d.URL+"/put", d.URL+"/check",
		webhooktest.SigningKeyID, e.token(t, "", webhooktest.SigningKey), e.token(t, "", webhooktest.Token))
	p.seed = func(id, secret string) error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Document = []byte(secretValue(id, secret))
		return nil
	}
	p.read = func() ([]byte, error) {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		return s.Document, nil
	}
	p.forbid = func() error {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.Document, s.Status, s.Said = nil, 403, "this user may not be written"
		return nil
	}
	return p
}
