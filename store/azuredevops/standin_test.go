package azuredevops_test

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

const (
	token        = "canary-personal-access-token"
	bearer       = "canary-entra-token"
	connectionID = "5e47a0d8-c745-44f8-8f93-784f18ff31c4"
)

// heldVariable is a variable with the value that Azure DevOps really keeps.
type heldVariable struct {
	value  string
	secret bool
}

// standIn answers as the REST API reference of Azure DevOps, version 7.1,
// describes variable groups (distributedtask/variablegroups) and service
// connections (serviceendpoint/endpoints) on learn.microsoft.com. It has the
// organization "Acme" with the project "Web Shop", which has the group "aws",
// one of Azure Key Vault, and connections "aws" and "azure".
type standIn struct {
	t *testing.T
	resttest.Faults

	mu          sync.Mutex
	group       map[string]any // without its variables
	variables   map[string]heldVariable
	connections []map[string]any
	secrets     map[string]string // of the connection "aws": parameters that are not shown
	writes      int
	url         string
	// manages is whether the token's user may manage what it sees.
	manages bool
	// overwrite, if set, writes after a write of ours what was read before it.
	overwrite func()
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	project := map[string]any{"id": "184fda7e-3559-4b3c-afa0-1b6998330f84", "name": "Web Shop"}
	other := map[string]any{"id": "284fda7e-3559-4b3c-afa0-1b6998330f85", "name": "Back Office"}
	s := &standIn{
		t: t, manages: true, variables: map[string]heldVariable{}, secrets: map[string]string{},
		group: map[string]any{
			"id": 7, "type": "Vsts", "name": "aws", "description": "For the shop.", "isShared": true,
			"variableGroupProjectReferences": []any{
				map[string]any{"name": "aws", "description": "For the shop.", "projectReference": project},
				map[string]any{"name": "shop-aws", "description": "Shared.", "projectReference": other},
			},
		},
		connections: []map[string]any{
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
	s.url = s.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		user, password, basic := r.BasicAuth()
		switch {
		case basic && (user != "" || password != token):
			// A wrong token is led to the page for signing in.
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNonAuthoritativeInfo)
			_, _ = io.WriteString(w, "<html>Sign In</html>")
		case !basic && r.Header.Get("Authorization") != "Bearer "+bearer:
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

func (s *standIn) getGroups(w http.ResponseWriter, r *http.Request) {
	query, shown := r.URL.Query(), []any{}
	if query.Get("actionFilter") != "manage" || s.manages {
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
func (s *standIn) shownGroup() map[string]any {
	shown, variables := maps.Clone(s.group), map[string]any{}
	for name, v := range s.variables {
		if v.secret {
			variables[name] = map[string]any{"value": nil, "isSecret": true}
			continue
		}
		variables[name] = map[string]any{"value": v.value}
	}
	shown["variables"] = variables
	return shown
}

func (s *standIn) putGroup(w http.ResponseWriter, r *http.Request) {
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
	variables := map[string]heldVariable{}
	for name, v := range sent.Variables {
		switch held := s.variables[name]; {
		case v.Value != nil:
			variables[name] = heldVariable{*v.Value, v.IsSecret}
		case v.IsSecret && held.secret:
			variables[name] = held
		default:
			variables[name] = heldVariable{"", v.IsSecret}
		}
	}
	s.variables = variables
	s.group["name"], s.group["description"], s.group["variableGroupProjectReferences"] = sent.Name, sent.Description, sent.VariableGroupProjectReferences
	s.writes++
	if s.overwrite != nil {
		s.overwrite()
	}
	answer(w, s.shownGroup())
}

// shownConnection is a connection as it is told, without what is confidential.
func (s *standIn) shownConnection(c map[string]any) map[string]any {
	shown := maps.Clone(c)
	authorization := maps.Clone(c["authorization"].(map[string]any))
	parameters, _ := authorization["parameters"].(map[string]any)
	parameters = maps.Clone(parameters)
	if c["id"] == connectionID {
		for name := range s.secrets {
			parameters[name] = nil
		}
	}
	authorization["parameters"] = parameters
	shown["authorization"] = authorization
	return shown
}

func (s *standIn) getConnections(w http.ResponseWriter, r *http.Request) {
	shown := []any{}
	for _, c := range s.connections {
		if strings.EqualFold(c["name"].(string), r.URL.Query().Get("endpointNames")) {
			shown = append(shown, s.shownConnection(c))
		}
	}
	list(w, shown)
}

func (s *standIn) getConnection(w http.ResponseWriter, r *http.Request) {
	for _, c := range s.connections {
		if c["id"] == r.PathValue("id") && (s.manages || r.URL.Query().Get("actionFilter") != "manage") {
			answer(w, s.shownConnection(c))
			return
		}
	}
	answer(w, nil)
}

func (s *standIn) putConnection(w http.ResponseWriter, r *http.Request) {
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
			s.secrets[name] = value
		}
		delete(parameters, name)
	}
	s.connections[0] = sent
	s.writes++
	if s.overwrite != nil {
		s.overwrite()
	}
	answer(w, s.shownConnection(sent))
}

// parameters are those of the connection "aws" that are told.
func (s *standIn) parameters() map[string]any {
	return s.connections[0]["authorization"].(map[string]any)["parameters"].(map[string]any)
}
