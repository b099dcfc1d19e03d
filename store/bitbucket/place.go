package bitbucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// The calls and their scopes are those of "Pipelines" and "Deployments" in the
// REST API reference of Bitbucket Cloud.
const (
	toRead  = "the scope read:pipeline:bitbucket (API token) or pipeline (access token), and a user or token that sees the place"
	toWrite = "the scope admin:pipeline:bitbucket (API token) or pipeline:variable (access token), and an administrator of the place"
	missing = "there is no such workspace or repository, or the token does not see it; correct the names, or give the token access"
)

const (
	// pageLength is the most that a page holds ("Pagination" of the reference).
	pageLength = "100"
	// maxPages bounds how many pages of a list are read.
	maxPages = 100
)

// place is what holds the variables.
type place struct {
	client                             *rest.Client
	workspace, repository, environment string
}

// String names the place in locations, which tell no case apart where Bitbucket
// does not.
func (p place) String() string {
	switch workspace := strings.ToLower(p.workspace); {
	case p.repository == "":
		return "workspaces/" + workspace
	case p.environment == "":
		return workspace + "/" + strings.ToLower(p.repository)
	default:
		return workspace + "/" + strings.ToLower(p.repository) + "/environments/" + p.environment
	}
}

// path leads to the variables. An environment is looked up every time: one that
// was deleted and made anew has another id.
func (p place) path(ctx context.Context) (string, error) {
	switch {
	case p.repository == "":
		return rest.Path("workspaces", p.workspace, "pipelines-config", "variables")
	case p.environment == "":
		return rest.Path("repositories", p.workspace, p.repository, "pipelines_config", "variables")
	}
	path, err := rest.Path("repositories", p.workspace, p.repository, "environments")
	if err != nil {
		return "", err
	}
	found, err := p.list(ctx, path, func(i item) string { return i.Name })
	if err != nil {
		return "", err
	}
	id := found[p.environment]
	if id == "" {
		return "", fmt.Errorf("the repository has no deployment environment %q; create it, or correct environment", p.environment)
	}
	return rest.Path("repositories", p.workspace, p.repository, "deployments_config", "environments", id, "variables")
}

// variables tells which variables there are, as ids by name.
func (p place) variables(ctx context.Context, path string) (map[string]string, error) {
	return p.list(ctx, path, func(i item) string { return i.Key })
}

// set replaces the variable of the id, or makes one if the id is empty. Both
// secure it. ErrConflict when somebody made one of that name meanwhile.
func (p place) set(ctx context.Context, path, id string, v store.Variable) error {
	r := rest.Request{
		Method: http.MethodPost, Path: path, Permission: toWrite, Missing: "it is gone",
		Body: map[string]any{"key": v.Name, "value": v.RevealValue(), "secured": true},
	}
	if id != "" {
		part, err := rest.Path(id)
		if err != nil {
			return err
		}
		r.Method, r.Path = http.MethodPut, path+part
	}
	return p.client.Do(ctx, r)
}

// item is whatever the lists hold: environments, which have a name, and
// variables, which have a key.
type item struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
	Key  string `json:"key"`
}

// list reads all pages and gives each item's id by its name. Every page names
// the address of the next one.
func (p place) list(ctx context.Context, path string, named func(item) string) (map[string]string, error) {
	found := map[string]string{}
	r := rest.Request{Method: http.MethodGet, Path: path, Query: url.Values{"pagelen": {pageLength}}, Permission: toRead, Missing: missing}
	for range maxPages {
		var page struct {
			Values []item `json:"values"`
			Next   string `json:"next"`
		}
		r.Out = &page
		if err := p.client.Do(ctx, r); err != nil {
			return nil, err
		}
		for _, i := range page.Values {
			found[named(i)] = i.UUID
		}
		if page.Next == "" {
			return found, nil
		}
		var err error
		if r.Path, r.Query, err = p.client.Follow(page.Next); err != nil {
			return nil, fmt.Errorf("read next page: %w", err)
		}
	}
	return nil, errors.New("the list does not end")
}
