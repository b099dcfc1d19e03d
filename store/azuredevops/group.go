package azuredevops

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/rest"
)

// The calls are "Variablegroups - Get Variable Groups" and "Variablegroups -
// Update" of the REST API reference, version 7.1. The example of the latter
// sends a secret variable back as null, which keeps its value.
const (
	groupReferences = "variableGroupProjectReferences"
	toReadGroups    = "the scope Variable Groups (Read) and access to the project's library"
	toManageGroup   = "the scope Variable Groups (Read, create, & manage), and the role Administrator of the variable group"
)

// group is a variable group.
type group struct {
	api
	name      string
	variables store.Variables
}

// find reads the group, nil if there is none. With onlyManaged it finds only
// one that the token's user may manage.
func (g group) find(ctx context.Context, onlyManaged bool) (object, error) {
	var answer struct {
		Value []object `json:"value"`
	}
	r := rest.Request{
		Method: http.MethodGet, Query: url.Values{"groupName": {g.name}}, Out: &answer, Permission: toReadGroups,
		Missing: "there is no such organization or project, or the token does not see it; correct organization or project",
	}
	if onlyManaged {
		r.Query.Set("actionFilter", "manage")
	}
	if err := g.call(ctx, true, r, "_apis", "distributedtask", "variablegroups"); err != nil {
		return nil, err
	}
	for _, found := range answer.Value {
		if strings.EqualFold(found.text("name"), g.name) {
			return found, nil
		}
	}
	return nil, nil //nolint:nilnil // absence is an answer, of which both callers make their own sentence
}

// judge tells whether our variables may be written; ErrForeign if not.
func (g group) judge(found object) error {
	if kind := found.text("type"); kind != "" && kind != "Vsts" {
		return fmt.Errorf("the variables of a group of type %s come from elsewhere; write to where they come from, or use another group", kind)
	}
	held, marked, err := g.parts(found)
	if err != nil {
		return err
	}
	for _, name := range g.variables.Names() {
		_, exists := member(held, name)
		switch owner := marked.owner(name); {
		case owner == g.owner:
		case owner != "":
			return fmt.Errorf("%w: %s is marked as that of %s; remove the mark from the group's description if that is over", store.ErrForeign, name, owner)
		case exists && !g.adopt:
			return fmt.Errorf("%w: %s exists without a mark; set adopt to take it over", store.ErrForeign, name)
		}
	}
	return nil
}

func (g group) missing() error {
	return fmt.Errorf("the project has no variable group %q that the token sees; create it, or correct group", g.name)
}

func (g group) put(ctx context.Context, c store.Credential) error {
	rendered, err := g.variables.Render(c)
	if err != nil {
		return err
	}
	found, err := g.find(ctx, false)
	switch {
	case err != nil:
		return err
	case found == nil:
		return g.missing()
	}
	if err := g.judge(found); err != nil {
		return err
	}
	changed, err := g.changed(found, rendered, c.KeyID())
	if err != nil {
		return err
	}
	if err := g.call(ctx, false, rest.Request{
		Method: http.MethodPut, Body: changed, Permission: toManageGroup, Missing: "the variable group is gone",
	}, "_apis", "distributedtask", "variablegroups", string(found["id"])); err != nil {
		return err
	}
	return g.verify(ctx)
}

// changed is the group with our variables and our mark, and with nothing of the
// rest changed: what is left out of the variables is deleted.
func (g group) changed(found object, rendered []store.Variable, keyID string) (object, error) {
	held, err := found.part("variables")
	if err != nil {
		return nil, err
	}
	for _, v := range rendered {
		name, exists := member(held, v.Name)
		// An id that people and scripts see stays so: no secret variable is
		// mapped into a script's environment by itself.
		plain := exists && v.RevealValue() == keyID && !isSecret(held[name])
		if err := held.set(name, map[string]any{"value": v.RevealValue(), "isSecret": !plain}); err != nil {
			return nil, err
		}
	}
	changed := object{}
	for _, member := range []string{"type", "name", "description", "providerData", groupReferences} {
		if value, ok := found[member]; ok {
			changed[member] = value
		}
	}
	if err := changed.set("variables", held); err != nil {
		return nil, err
	}
	return changed, changed.mark(groupReferences, g.project, g.owner, g.variables.Names())
}

// verify reads the group once more: a write of somebody else, of what was read
// before ours, would have taken our new variables away.
func (g group) verify(ctx context.Context) error {
	held, marked, err := g.look(ctx)
	if err != nil {
		return fmt.Errorf("%w: it was written, but cannot be looked at: %w", store.ErrAmbiguous, err)
	}
	for _, name := range g.variables.Names() {
		if _, exists := member(held, name); !exists || marked.owner(name) != g.owner {
			return fmt.Errorf("%w: %s or its mark is gone again", store.ErrConflict, name)
		}
	}
	return nil
}

// look reads the group's variables and marks.
func (g group) look(ctx context.Context) (object, marks, error) {
	found, err := g.find(ctx, false)
	switch {
	case err != nil:
		return nil, nil, err
	case found == nil:
		return nil, nil, g.missing()
	}
	return g.parts(found)
}

func (g group) parts(found object) (object, marks, error) {
	description, err := found.descriptions(groupReferences, g.project)
	if err != nil {
		return nil, nil, err
	}
	held, err := found.part("variables")
	return held, readMarks(description), err
}

// check implements place.
func (g group) check(ctx context.Context) error {
	found, err := g.find(ctx, true)
	if err != nil {
		return err
	}
	if found != nil {
		return g.judge(found)
	}
	if found, err = g.find(ctx, false); err != nil {
		return err
	}
	if found == nil {
		return g.missing()
	}
	return fmt.Errorf("%w: the token's user may read the group but not change it; it needs %s", store.ErrDenied, toManageGroup)
}

// member finds a variable by its name, of whatever case; the name itself if
// there is none.
func member(held object, name string) (string, bool) {
	for other := range held {
		if strings.EqualFold(other, name) {
			return other, true
		}
	}
	return name, false
}

// isSecret reports whether a variable is secret.
func isSecret(variable json.RawMessage) bool {
	var v struct {
		IsSecret bool `json:"isSecret"` //nolint:tagliatelle // Azure DevOps's spelling
	}
	return json.Unmarshal(variable, &v) == nil && v.IsSecret
}
