package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/google/go-github/v93/github"
)

// What GitHub's paths may be made of. They go into URLs as they are.
var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// errArchived is from GitHub Docs, "Archiving repositories".
var errArchived = errors.New("the repository is archived, and so read-only; unarchive it, or remove it from the configuration")

// place is where secrets lie.
type place interface {
	// name is how people call it, unique on its host.
	name() string
	publicKey(context.Context) (*sdk.PublicKey, *sdk.Response, error)
	secret(ctx context.Context, name string) (*sdk.Secret, *sdk.Response, error)
	// put makes the secret, or replaces it and keeps what it has beside its
	// value; found is what there is, nil for nothing.
	put(ctx context.Context, name, keyID, sealed string, found *sdk.Secret) (*sdk.Response, error)
	// check looks for what would refuse a write.
	check(context.Context) error
	needs() needs
}

// needs is what may write to a place, from the pages of GitHub's REST API.
type needs struct {
	permission string // of fine-grained tokens and of Apps
	scope      string // of classic tokens
	granted    func(*sdk.InstallationPermissions) string
}

func (n needs) to(access string) string { return n.permission + ": " + access }

// apiURL turns the address that people use into the API's (GitHub Docs,
// "Getting started with the REST API", of each product), and names the host.
func apiURL(text string) (api, host string, err error) {
	if text == "" {
		text = "https://github.com"
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "", "", errors.New("the URL is none such as https://github.example.com")
	}
	host = strings.ToLower(u.Host) + strings.TrimSuffix(u.Path, "/")
	if host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		return u.Scheme + "://api." + host + "/", host, nil
	}
	return u.Scheme + "://" + host + "/api/v3/", host, nil
}

func placeOf(client *sdk.Client, o Options) (place, error) {
	if (o.Repository == "") == (o.Organization == "") || o.Environment != "" && o.Repository == "" {
		return nil, errors.New("a repository, its environment, or an organization is required")
	}
	if o.Organization != "" {
		if !ownerName.MatchString(o.Organization) {
			return nil, fmt.Errorf("%q is not an organization", o.Organization)
		}
		if !slices.Contains([]string{"all", "private", "selected"}, o.Visibility) {
			return nil, fmt.Errorf("visibility %q is none of all, private, selected", o.Visibility)
		}
		return organization{client, o.Organization, o.Visibility, o.Selected}, nil
	}
	owner, name, _ := strings.Cut(o.Repository, "/")
	if !ownerName.MatchString(owner) || !repositoryName.MatchString(name) {
		return nil, fmt.Errorf("%q is not a repository such as acme/web", o.Repository)
	}
	r := repository{client, owner, name}
	if o.Environment != "" {
		return environment{r, o.Environment}, nil
	}
	return r, nil
}

// repository holds secrets that every run of its workflows may read.
type repository struct {
	client      *sdk.Client
	owner, repo string
}

func (r repository) name() string { return r.owner + "/" + r.repo }

func (r repository) publicKey(ctx context.Context) (*sdk.PublicKey, *sdk.Response, error) {
	return r.client.Actions.GetRepoPublicKey(ctx, r.owner, r.repo)
}

func (r repository) secret(ctx context.Context, name string) (*sdk.Secret, *sdk.Response, error) {
	return r.client.Actions.GetRepoSecret(ctx, r.owner, r.repo, name)
}

func (r repository) put(ctx context.Context, name, keyID, sealed string, _ *sdk.Secret) (*sdk.Response, error) {
	return r.client.Actions.CreateOrUpdateRepoSecret(ctx, r.owner, r.repo, name, sdk.SecretRequest{KeyID: keyID, EncryptedValue: sealed})
}

func (r repository) check(ctx context.Context) error {
	told, _, err := r.client.Repositories.Get(ctx, r.owner, r.repo)
	if err == nil && told.GetArchived() {
		err = errArchived
	}
	return err
}

func (repository) needs() needs {
	return needs{"the repository permission Secrets", "repo", (*sdk.InstallationPermissions).GetSecrets}
}

// environment holds secrets of the jobs that name it.
type environment struct {
	repository
	env string
}

func (e environment) name() string { return e.repository.name() + "/environments/" + e.env }

func (e environment) publicKey(ctx context.Context) (*sdk.PublicKey, *sdk.Response, error) {
	return e.client.Actions.GetEnvPublicKey(ctx, e.owner, e.repo, e.env)
}

func (e environment) secret(ctx context.Context, name string) (*sdk.Secret, *sdk.Response, error) {
	return e.client.Actions.GetEnvSecret(ctx, e.owner, e.repo, e.env, name)
}

func (e environment) put(ctx context.Context, name, keyID, sealed string, _ *sdk.Secret) (*sdk.Response, error) {
	return e.client.Actions.CreateOrUpdateEnvSecret(ctx, e.owner, e.repo, e.env, name, sdk.SecretRequest{KeyID: keyID, EncryptedValue: sealed})
}

func (environment) needs() needs {
	return needs{"the repository permission Environments", "repo", (*sdk.InstallationPermissions).GetEnvironments}
}

// organization holds secrets of all its repositories, or of some.
type organization struct {
	client     *sdk.Client
	org        string
	visibility string   // of a secret that does not exist yet
	selected   []string // names of repositories, for visibility selected
}

func (o organization) name() string { return "orgs/" + o.org }

func (o organization) publicKey(ctx context.Context) (*sdk.PublicKey, *sdk.Response, error) {
	return o.client.Actions.GetOrgPublicKey(ctx, o.org)
}

func (o organization) secret(ctx context.Context, name string) (*sdk.Secret, *sdk.Response, error) {
	return o.client.Actions.GetOrgSecret(ctx, o.org, name)
}

// put sends who may see the secret along, because GitHub requires it with every
// write, and takes a list that is left out for an empty one.
func (o organization) put(ctx context.Context, name, keyID, sealed string, found *sdk.Secret) (*sdk.Response, error) {
	request := sdk.SecretOrgRequest{KeyID: keyID, EncryptedValue: sealed, Visibility: o.visibility}
	if found != nil {
		request.Visibility = found.Visibility
	}
	if request.Visibility == "selected" {
		var err error
		if found != nil {
			request.SelectedRepositoryIDs, err = o.sees(ctx, name)
		} else {
			request.SelectedRepositoryIDs, err = o.ids(ctx)
		}
		if err != nil {
			return nil, unsentError{err}
		}
	}
	return o.client.Actions.CreateOrUpdateOrgSecret(ctx, o.org, name, request)
}

// sees lists the repositories that may see a secret.
func (o organization) sees(ctx context.Context, name string) ([]int64, error) {
	ids := []int64{} // not nil, which would be left out of the request
	for page := (sdk.ListOptions{PerPage: 100}); ; {
		told, response, err := o.client.Actions.ListSelectedReposForOrgSecret(ctx, o.org, name, &page)
		if err != nil {
			return nil, err
		}
		for _, r := range told.Repositories {
			ids = append(ids, r.GetID())
		}
		if page.Page = response.NextPage; page.Page == 0 {
			return ids, nil
		}
	}
}

// ids looks up the repositories that are to see a new secret.
func (o organization) ids(ctx context.Context) ([]int64, error) {
	ids := []int64{}
	for _, name := range o.selected {
		told, response, err := o.client.Repositories.Get(ctx, o.org, name)
		if response != nil && response.StatusCode == http.StatusNotFound {
			return nil, fmt.Errorf("the repository %s/%s does not exist, or is hidden from this token", o.org, name)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, told.GetID())
	}
	return ids, nil
}

// check looks up the repositories, so that a write does not fail for them.
func (o organization) check(ctx context.Context) error {
	_, err := o.ids(ctx)
	return err
}

func (organization) needs() needs {
	return needs{"the organization permission Secrets", "admin:org", (*sdk.InstallationPermissions).GetOrganizationSecrets}
}
