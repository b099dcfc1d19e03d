package azuredevops

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

// The calls are "Endpoints - Get Service Endpoints By Names", "Endpoints - Get"
// and "Endpoints - Update Service Endpoint" of the REST API reference, version
// 7.1. The parameters are those that the manifest of the AWS Toolkit for Azure
// DevOps (vss-extension.json) declares for connections of its type.
const (
	connectionReferences = "serviceEndpointProjectReferences"
	toReadConnections    = "the scope Service Connections (Read) and access to the project"
	toManageConnection   = "the scope Service Connections (Read, query, & manage), and the role Administrator of the service connection"

	paramKeyID   = "username"
	paramSecret  = "password"
	paramSession = "sessionToken"
	paramOIDC    = "useOIDC"
)

// connection is a service connection of the type "aws".
type connection struct {
	api
	name string
}

// find reads the connection.
func (c connection) find(ctx context.Context) (object, error) {
	var answer struct {
		Value []object `json:"value"`
	}
	err := c.call(ctx, true, rest.Request{
		Method: http.MethodGet, Query: url.Values{"endpointNames": {c.name}}, Out: &answer, Permission: toReadConnections,
		Missing: "there is no such organization or project, or the token does not see it; correct organization or project",
	}, "_apis", "serviceendpoint", "endpoints")
	if err != nil {
		return nil, err
	}
	for _, found := range answer.Value {
		if strings.EqualFold(found.text("name"), c.name) {
			return found, nil
		}
	}
	return nil, fmt.Errorf("the project has no service connection %q that the token sees; create one of type AWS, or correct connection", c.name)
}

// parameters are those by which the connection signs in.
func (c connection) parameters(found object) (authorization, parameters object, err error) {
	if authorization, err = found.part("authorization"); err != nil {
		return nil, nil, err
	}
	parameters, err = authorization.part("parameters")
	return authorization, parameters, err
}

// judge tells whether the connection may be written to; ErrForeign if not.
func (c connection) judge(found object) error {
	if kind := found.text("type"); !strings.EqualFold(kind, "aws") {
		return fmt.Errorf("the connection is of type %q, not aws", kind)
	}
	authorization, parameters, err := c.parameters(found)
	if err != nil {
		return err
	}
	if scheme := authorization.text("scheme"); scheme != "UsernamePassword" {
		return fmt.Errorf("the connection signs in by %q, not by an access key", scheme)
	}
	if strings.EqualFold(parameters.text(paramOIDC), "true") {
		return errors.New("the connection signs in by OIDC, so that an access key would not be used; it needs no rotation")
	}
	description, err := found.descriptions(connectionReferences, c.project)
	if err != nil {
		return err
	}
	marked := readMarks(description)
	for owner := range marked {
		if owner != c.owner {
			return fmt.Errorf("%w: it is marked as that of %s; remove the mark from the connection's description if that is over", store.ErrForeign, owner)
		}
	}
	if _, ours := marked[c.owner]; !ours && parameters.text(paramKeyID) != "" && !c.adopt {
		return fmt.Errorf("%w: it holds a key and bears no mark; set adopt to take it over", store.ErrForeign)
	}
	return nil
}

func (c connection) put(ctx context.Context, credential store.Credential) error {
	found, err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := c.judge(found); err != nil {
		return err
	}
	changed, err := c.changed(found, credential)
	if err != nil {
		return err
	}
	if err := c.call(ctx, false, rest.Request{
		Method: http.MethodPut, Body: changed, Permission: toManageConnection, Missing: "the service connection is gone",
	}, "_apis", "serviceendpoint", "endpoints", found.text("id")); err != nil {
		return err
	}
	return c.verify(ctx, credential)
}

// changed is the connection with the credential and our mark, and with nothing
// of the rest changed but a session token: it belonged to another key, and
// would be sent along with ours.
func (c connection) changed(found object, credential store.Credential) (object, error) {
	changed := found.copied()
	authorization, parameters, err := c.parameters(changed)
	if err != nil {
		return nil, err
	}
	values := map[string]string{paramKeyID: credential.KeyID(), paramSecret: credential.RevealSecret()}
	if _, ok := parameters[paramSession]; ok {
		values[paramSession] = ""
	}
	for name, value := range values {
		if err := parameters.set(name, value); err != nil {
			return nil, err
		}
	}
	if err := authorization.set("parameters", parameters); err != nil {
		return nil, err
	}
	if err := changed.set("authorization", authorization); err != nil {
		return nil, err
	}
	return changed, changed.mark(connectionReferences, c.project, c.owner, nil)
}

// verify reads the connection once more, as far as it can be read.
func (c connection) verify(ctx context.Context, credential store.Credential) error {
	parameters, marked, err := c.look(ctx)
	if err != nil {
		return fmt.Errorf("%w: it was written, but cannot be looked at: %w", store.ErrAmbiguous, err)
	}
	if _, ours := marked[c.owner]; !ours || parameters.text(paramKeyID) != credential.KeyID() {
		return fmt.Errorf("%w: the connection holds another key, or its mark is gone again", store.ErrConflict)
	}
	return nil
}

// look reads the connection's parameters and marks.
func (c connection) look(ctx context.Context) (object, marks, error) {
	found, err := c.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	description, err := found.descriptions(connectionReferences, c.project)
	if err != nil {
		return nil, nil, err
	}
	_, parameters, err := c.parameters(found)
	return parameters, readMarks(description), err
}

// check implements place. Asked for a connection to manage, Azure DevOps gives
// none to who may only use it.
func (c connection) check(ctx context.Context) error {
	found, err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := c.judge(found); err != nil {
		return err
	}
	var managed object
	err = c.call(ctx, true, rest.Request{
		Method: http.MethodGet, Query: url.Values{"actionFilter": {"manage"}}, Out: &managed, Permission: toManageConnection,
	}, "_apis", "serviceendpoint", "endpoints", found.text("id"))
	if status := rest.Status(err); err != nil && status != http.StatusNotFound {
		return err
	}
	if !strings.EqualFold(managed.text("id"), found.text("id")) {
		return fmt.Errorf("%w: the token's user may see the connection but not change it; it needs %s", store.ErrDenied, toManageConnection)
	}
	return nil
}
