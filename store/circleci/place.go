package circleci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// The calls are those of CircleCI's API reference, version 2: getContext,
// listContexts, listEnvironmentVariablesFromContext,
// addEnvironmentVariableToContext, listEnvVars, getEnvVar and createEnvVar.

// What a token has to be allowed, in words, since CircleCI has no names for it.
const (
	toSeeContext  = "a personal API token of a member of the organization, and of the context's security groups if it has any"
	toEditContext = toSeeContext + ", who may edit contexts"
	toSeeProject  = "a personal API token of somebody who can see the project"
	toEditProject = "a personal API token of somebody who may change the project's settings (write access to its repository)"
)

// maxPages bounds how many pages of a list are read. A context holds 100
// variables at most, an organization 500 contexts (CircleCI's guide "Using
// contexts").
const maxPages = 100

var idPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// isID tells an id from a name or a slug.
func isID(text string) bool { return idPattern.MatchString(text) }

// circleContext is a context, given by its id or by its name.
type circleContext struct {
	client                 *rest.Client
	idOrName, organization string
}

// String names the context in locations.
func (c circleContext) String() string {
	if isID(c.idOrName) {
		return "context/" + c.idOrName
	}
	return "context/" + c.organization + "/" + c.idOrName
}

func (c circleContext) exists(ctx context.Context) error {
	if !isID(c.idOrName) {
		_, err := c.path(ctx)
		return err
	}
	path, err := rest.Path("context", c.idOrName)
	if err != nil {
		return err
	}
	return c.client.Do(ctx, rest.Request{
		Method: http.MethodGet, Path: path, Permission: toSeeContext,
		Missing: "there is no such context, or the token's user does not see it; create it, or correct context",
	})
}

// path leads to the context's variables. A name is looked up every time: a
// context that was deleted and made anew has another id.
func (c circleContext) path(ctx context.Context) (string, error) {
	id := c.idOrName
	if !isID(id) {
		var err error
		if id, err = c.find(ctx); err != nil {
			return "", err
		}
	}
	return rest.Path("context", id, "environment-variable")
}

// find looks the context's id up by its name.
func (c circleContext) find(ctx context.Context) (string, error) {
	owner := url.Values{"owner-slug": {c.organization}}
	if isID(c.organization) {
		owner = url.Values{"owner-id": {c.organization}}
	}
	found, err := list(ctx, c.client, rest.Request{
		Path: "/context", Query: owner, Permission: toSeeContext,
		Missing: "there is no such organization, or the token's user is no member of it; correct organization",
	}, func(i item) (string, string) { return i.Name, i.ID })
	switch {
	case err != nil:
		return "", err
	case found[c.idOrName] == "":
		return "", fmt.Errorf("organization %s has no context %q that the token's user sees; create it, or correct context", c.organization, c.idOrName)
	}
	return found[c.idOrName], nil
}

func (c circleContext) names(ctx context.Context) (map[string]string, error) {
	path, err := c.path(ctx)
	if err != nil {
		return nil, err
	}
	return list(ctx, c.client, rest.Request{
		Path: path, Permission: toSeeContext,
		Missing: "there is no such context, or the token's user does not see it; create it, or correct context",
	}, func(i item) (string, string) { return i.Variable, i.ID })
}

// set adds the variable or, if there is one of its name, replaces it in the
// same call ("Add or update an environment variable" of the API reference).
func (c circleContext) set(ctx context.Context, v store.Variable) error {
	path, err := c.path(ctx)
	if err != nil {
		return err
	}
	name, err := rest.Path(v.Name)
	if err != nil {
		return err
	}
	return c.client.Do(ctx, rest.Request{
		Method: http.MethodPut, Path: path + name, Body: map[string]string{"value": v.RevealValue()}, Permission: toEditContext,
		Missing: "the context is gone",
	})
}

// project is one project.
type project struct {
	client     *rest.Client
	slug, path string
}

// String names the project in locations.
func (p project) String() string { return "project/" + p.slug }

// exists is left to names, which fails for a project that is not there.
func (p project) exists(context.Context) error { return nil }

func (p project) names(ctx context.Context) (map[string]string, error) {
	return list(ctx, p.client, rest.Request{
		Path: p.path, Permission: toSeeProject,
		Missing: "there is no such project, or the token's user does not see it; follow it in CircleCI, or correct project",
	}, func(i item) (string, string) { return i.Name, i.ID })
}

// set makes a variable. One of the same name is replaced by that: CircleCI has
// no other way to change it (CircleCI's guide "Set an environment variable", on
// editing). Since the reference says no more than "creates", what the project
// shows afterwards is looked at: another value means that somebody else wrote
// too, or that the variable was not replaced.
func (p project) set(ctx context.Context, v store.Variable) error {
	if err := p.client.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: p.path, Permission: toEditProject, Missing: "the project is gone",
		Body: map[string]string{"name": v.Name, "value": v.RevealValue()},
	}); err != nil {
		return err
	}
	name, err := rest.Path(v.Name)
	if err != nil {
		return err
	}
	var shown item
	if err := p.client.Do(ctx, rest.Request{Method: http.MethodGet, Path: p.path + name, Out: &shown, Permission: toSeeProject}); err != nil {
		return fmt.Errorf("%w: it was written, but cannot be looked at: %w", store.ErrAmbiguous, err)
	}
	if !masks(shown.Value, v.RevealValue()) {
		return fmt.Errorf("%w: CircleCI shows the end of another value than was written", store.ErrConflict)
	}
	return nil
}

// masks reports whether a masked value may stand for the value: CircleCI shows
// four times "x" and the last four ASCII characters ("Get a masked environment
// variable" of the API reference). What shows nothing of the value passes.
func masks(shown, value string) bool {
	const mask = "xxxx"
	end, masked := strings.CutPrefix(shown, mask)
	if !masked || strings.ContainsFunc(value, func(r rune) bool { return r >= 0x80 }) {
		return true
	}
	return strings.HasSuffix(strings.TrimSpace(value), strings.TrimSpace(end))
}

// item is whatever the lists hold: contexts, and variables of either place.
type item struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Variable string `json:"variable"`
	Value    string `json:"value"` // masked, of a project's variable
}

// list reads all pages and gives each item's id, which variables lack, by its
// name.
func list(ctx context.Context, client *rest.Client, r rest.Request, named func(item) (name, id string)) (map[string]string, error) {
	found := map[string]string{}
	r.Method = http.MethodGet
	query := maps.Clone(r.Query)
	if query == nil {
		query = url.Values{}
	}
	for range maxPages {
		var page struct {
			Items []item `json:"items"`
			Next  string `json:"next_page_token"`
		}
		r.Query, r.Out = query, &page
		if err := client.Do(ctx, r); err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			name, id := named(i)
			found[name] = id
		}
		if page.Next == "" {
			return found, nil
		}
		query.Set("page-token", page.Next)
	}
	return nil, errors.New("the list does not end")
}
