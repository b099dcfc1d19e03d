// Package azuredevopstest stands in for Azure DevOps, written from its REST API
// reference, version 7.1. Only tests import it.
package azuredevopstest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/store/rest/resttest"
)

// Token and Bearer are what it accepts: a personal access token, and one of
// Microsoft Entra ID.
const (
	Token        = "canary-personal-access-token"
	Bearer       = "canary-entra-token"
	connectionID = "5e47a0d8-c745-44f8-8f93-784f18ff31c4"
)

// HeldVariable is a variable with the value that Azure DevOps really keeps.
type HeldVariable struct {
	Value  string
	Secret bool
}

// StandIn answers as the REST API reference of Azure DevOps, version 7.1,
// describes variable groups (distributedtask/variablegroups) and service
// connections (serviceendpoint/endpoints) on learn.microsoft.com. It has the
// organization "Acme" with the project "Web Shop", which has the group "aws",
// one of Azure Key Vault, and connections "aws" and "azure".
type StandIn struct {
	t *testing.T
	resttest.Faults

	Mu          sync.Mutex
	Group       map[string]any // without its variables
	Variables   map[string]HeldVariable
	Connections []map[string]any
	Secrets     map[string]string // of the connection "aws": parameters that are not shown
	Writes      int
	URL         string
	// Manages is whether the token's user may manage what it sees.
	Manages bool
	// overwrite, if set, writes after a write of ours what was read before it.
	Overwrite func()
}

// New starts one, which ends with the test.
func New(t *testing.T) *StandIn {
	t.Helper()
	project := map[string]any{"id": "184fda7e-3559-4b3c-afa0-1b6998330f84", "name": "Web Shop"}
	other := map[string]any{"id": "284fda7e-3559-4b3c-afa0-1b6998330f85", "name": "Back Office"}
	s := &StandIn{
		t: t, Manages: true, Variables: map[string]HeldVariable{}, Secrets: map[string]string{},
		Group: map[string]any{
			"id": 7, "type": "Vsts", "name": "aws", "description": "For the shop.", "isShared": true,
			"variableGroupProjectReferences": []any{
				map[string]any{"name": "aws", "description": "For the shop.", "projectReference": project},
				map[string]any{"name": "shop-aws", "description": "Shared.", "projectReference": other},
			},
		},
		Connections: []map[string]any{
			{
				"id": connectionID, "name": "aws", "type": "aws", "url": "https://aws.amazon.com/", "description": "", "isReady": true, "data": map[string]any{},
				"authorization":                    map[string]any{"scheme": "UsernamePassword", "parameters": map[string]any{"assumeRoleArn": "arn:aws:iam::111122223333:role/deploy"}},
				"serviceEndpointProjectReferences": []any{map[string]any{"name": "aws", "description": "", "projectReference": project}},
			},
			{"id": "6e47a0d8-c745-44f8-8f93-784f18ff31c5", "name": "azure", "type": "azurerm", "authorization": map[string]any{"scheme": "ServicePrincipal"}},
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /Acme/Web Shop/_apis/distributedtask/variablegroups", s.getGroups)
	mux.HandleFunc("PUT /Acme/_apis/distributedtask/variablegroups/7", s.putGroup)
	mux.HandleFunc("GET /Acme/Web Shop/_apis/serviceendpoint/endpoints", s.getConnections)
	mux.HandleFunc("GET /Acme/Web Shop/_apis/serviceendpoint/endpoints/{id}", s.getConnection)
	mux.HandleFunc("PUT /Acme/_apis/serviceendpoint/endpoints/"+connectionID, s.putConnection)
	s.URL = s.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		user, password, basic := r.BasicAuth()
		switch {
		case basic && (user != "" || password != Token):
			// A wrong token is led to the page for signing in.
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNonAuthoritativeInfo)
			_, _ = io.WriteString(w, "<html>Sign In</html>")
		case !basic && r.Header.Get("Authorization") != "Bearer "+Bearer:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Query().Get("api-version") != "7.1":
			fail(w, http.StatusBadRequest, "The requested REST API version is not supported.")
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	return s
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	answer(w, map[string]any{"$id": "1", "message": message})
}

func list(w http.ResponseWriter, values []any) {
	answer(w, map[string]any{"count": len(values), "value": values})
}

func (s *StandIn) getGroups(w http.ResponseWriter, r *http.Request) {
	query, shown := r.URL.Query(), []any{}
	if query.Get("actionFilter") != "manage" || s.Manages {
		if strings.EqualFold(query.Get("groupName"), "aws") {
			shown = append(shown, s.shownGroup())
		}
		if query.Get("groupName") == "vault" {
			shown = append(shown, map[string]any{"id": 8, "type": "AzureKeyVault", "name": "vault", "variables": map[string]any{}})
		}
	}
	list(w, shown)
}

// shownGroup is the group as it is told: secret values are null.
func (s *StandIn) shownGroup() map[string]any {
	shown, variables := maps.Clone(s.Group), map[string]any{}
	for name, v := range s.Variables {
		if v.Secret {
			variables[name] = map[string]any{"value": nil, "isSecret": true}
			continue
		}
		variables[name] = map[string]any{"value": v.Value}
	}
	shown["variables"] = variables
	return shown
}

func (s *StandIn) putGroup(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Type, Name, Description        string
		VariableGroupProjectReferences []any
		Variables                      map[string]struct {
			Value    *string
			IsSecret bool
		}
	}
	if json.NewDecoder(r.Body).Decode(&sent) != nil || sent.Name == "" || sent.Type != "Vsts" || len(sent.VariableGroupProjectReferences) == 0 {
		fail(w, http.StatusBadRequest, "Value cannot be null.")
		return
	}
	// What is not sent is deleted; a secret that is sent as null is kept.
	variables := map[string]HeldVariable{}
	for name, v := range sent.Variables {
		switch held := s.Variables[name]; {
		case v.Value != nil:
			variables[name] = HeldVariable{*v.Value, v.IsSecret}
		case v.IsSecret && held.Secret:
			variables[name] = held
		default:
			variables[name] = HeldVariable{"", v.IsSecret}
		}
	}
	s.Variables = variables
	s.Group["name"], s.Group["description"], s.Group["variableGroupProjectReferences"] = sent.Name, sent.Description, sent.VariableGroupProjectReferences
	s.Writes++
	if s.Overwrite != nil {
		s.Overwrite()
	}
	answer(w, s.shownGroup())
}

// shownConnection is a connection as it is told, without what is confidential.
func (s *StandIn) shownConnection(c map[string]any) map[string]any {
	shown := maps.Clone(c)
	authorization := maps.Clone(c["authorization"].(map[string]any))
	parameters, _ := authorization["parameters"].(map[string]any)
	parameters = maps.Clone(parameters)
	if c["id"] == connectionID {
		for name := range s.Secrets {
			parameters[name] = nil
		}
	}
	authorization["parameters"] = parameters
	shown["authorization"] = authorization
	return shown
}

func (s *StandIn) getConnections(w http.ResponseWriter, r *http.Request) {
	shown := []any{}
	for _, c := range s.Connections {
		if strings.EqualFold(c["name"].(string), r.URL.Query().Get("endpointNames")) {
			shown = append(shown, s.shownConnection(c))
		}
	}
	list(w, shown)
}

func (s *StandIn) getConnection(w http.ResponseWriter, r *http.Request) {
	for _, c := range s.Connections {
		if c["id"] == r.PathValue("id") && (s.Manages || r.URL.Query().Get("actionFilter") != "manage") {
			answer(w, s.shownConnection(c))
			return
		}
	}
	answer(w, nil)
}

func (s *StandIn) putConnection(w http.ResponseWriter, r *http.Request) {
	var sent map[string]any
	if json.NewDecoder(r.Body).Decode(&sent) != nil {
		fail(w, http.StatusBadRequest, "Invalid body.")
		return
	}
	authorization, _ := sent["authorization"].(map[string]any)
	parameters, _ := authorization["parameters"].(map[string]any)
	if authorization == nil || parameters == nil || sent["type"] != "aws" || sent["id"] != connectionID || sent["serviceEndpointProjectReferences"] == nil {
		fail(w, http.StatusBadRequest, "Service Connection Authorization cannot be null.")
		return
	}
	for _, name := range []string{"password", "sessionToken"} {
		if value, ok := parameters[name].(string); ok {
			s.Secrets[name] = value
		}
		delete(parameters, name)
	}
	s.Connections[0] = sent
	s.Writes++
	if s.Overwrite != nil {
		s.Overwrite()
	}
	answer(w, s.shownConnection(sent))
}

// Parameters are those of the connection "aws" that are told.
func (s *StandIn) Parameters() map[string]any {
	return s.Connections[0]["authorization"].(map[string]any)["parameters"].(map[string]any)
}

// SeedGroup makes every variable secret whose name says so, and those of ours
// whose value is.
func (s *StandIn) SeedGroup(names []string, document []byte) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	values := map[string]string{names[0]: string(document)}
	if len(names) > 1 {
		values = resttest.Values(document, names[0])
	}
	s.Variables = map[string]HeldVariable{}
	for name, value := range values {
		s.Variables[name] = HeldVariable{value, strings.Contains(name, "SECRET")}
	}
}

// ContentOfGroup shows what the group holds: the value of a single variable, or
// lines.
func (s *StandIn) ContentOfGroup(names []string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if len(names) == 1 {
		return []byte(s.Variables[names[0]].Value)
	}
	values := map[string]string{}
	for name, v := range s.Variables {
		values[name] = v.Value
	}
	return resttest.Lines(values)
}
