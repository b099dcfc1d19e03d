// Package bitbuckettest stands in for Bitbucket Cloud, written from its REST API
// reference. Only tests import it.
package bitbuckettest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/store/rest/resttest"
)

// Email and Token are what it accepts.
const (
	Email = "bot@example.com"
	Token = "canary-bitbucket-token"
	// production is an environment's id; Bitbucket writes ids in braces.
	production = "{7f0e1d2c-0000-4000-8000-000000000007}"
)

// StandIn answers as the REST API reference of Bitbucket Cloud describes
// variables of Pipelines and environments of Deployments
// (developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines). Pages hold
// two items, whatever length is asked for, so that every list has several.
type StandIn struct {
	t *testing.T
	resttest.Faults

	Mu        sync.Mutex
	Variables map[string][]*heldVariable // by path
	made      int
	Writes    int
	URL       string
	// Elsewhere is the address that pages name as the next one, if set.
	Elsewhere string
	// Racer makes a variable of the same name just before one is made.
	Racer bool
}

type heldVariable struct {
	UUID    string `json:"uuid"`
	Key     string `json:"key"`
	Value   string `json:"value,omitempty"`
	Secured bool   `json:"secured"`
}

// The paths of the variables that it has.
const (
	OfRepository  = "/2.0/repositories/acme/web/pipelines_config/variables"
	OfEnvironment = "/2.0/repositories/acme/web/deployments_config/environments/" + production + "/variables"
	OfWorkspace   = "/2.0/workspaces/acme/pipelines-config/variables"
)

// New starts one, which ends with the test.
func New(t *testing.T) *StandIn {
	t.Helper()
	s := &StandIn{t: t, Variables: map[string][]*heldVariable{OfRepository: {}, OfEnvironment: {}, OfWorkspace: {}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2.0/repositories/acme/web/environments", s.environments)
	for _, path := range []string{
		OfRepository, OfWorkspace, "/2.0/repositories/acme/web/deployments_config/environments/{environment}/variables",
	} {
		mux.HandleFunc("GET "+path, s.list)
		mux.HandleFunc("POST "+path, s.post)
		mux.HandleFunc("PUT "+path+"/{uuid}", s.put)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			t.Errorf("%s was deleted", r.URL.Path)
		}
		fail(w, http.StatusNotFound, "Repository not found")
	})
	s.URL = s.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		user, password, _ := r.BasicAuth()
		if !(user == Email && password == Token) && r.Header.Get("Authorization") != "Bearer "+Token {
			fail(w, http.StatusUnauthorized, "Token is invalid, expired, or not supported for this endpoint.")
			return
		}
		mux.ServeHTTP(w, r)
	})) + "/2.0"
	return s
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"type": "error", "error": map[string]string{"message": message}})
}

func (s *StandIn) page(w http.ResponseWriter, r *http.Request, items []any) {
	number := 1
	if text := r.URL.Query().Get("page"); text != "" {
		number, _ = strconv.Atoi(text)
	}
	start := (number - 1) * 2
	if start < 0 || start > len(items) {
		fail(w, http.StatusBadRequest, "Invalid page")
		return
	}
	body := map[string]any{"page": number, "pagelen": 2, "size": len(items), "values": items[start:min(start+2, len(items))]}
	if start+2 < len(items) {
		body["next"] = fmt.Sprintf("http://%s%s?pagelen=2&page=%d", r.Host, r.URL.EscapedPath(), number+1)
		if s.Elsewhere != "" {
			body["next"] = s.Elsewhere
		}
	}
	answer(w, http.StatusOK, body)
}

func (s *StandIn) environments(w http.ResponseWriter, r *http.Request) {
	var items []any
	for i, name := range []string{"Test", "Staging", "Production", "Prod EU"} {
		uuid := fmt.Sprintf("{7f0e1d2c-0000-4000-8000-00000000000%d}", i)
		if name == "Production" {
			uuid = production
		}
		items = append(items, map[string]string{"type": "deployment_environment", "uuid": uuid, "name": name})
	}
	s.page(w, r, items)
}

func (s *StandIn) list(w http.ResponseWriter, r *http.Request) {
	held, ok := s.Variables[r.URL.Path]
	if !ok {
		fail(w, http.StatusNotFound, "Environment not found")
		return
	}
	var items []any
	for _, v := range held {
		shown := *v
		if shown.Secured {
			shown.Value = ""
		}
		items = append(items, shown)
	}
	s.page(w, r, items)
}

var variableKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// read reads a variable that was sent, nil for one that is not accepted.
func read(r *http.Request) *heldVariable {
	var sent struct {
		Key, Value *string
		Secured    bool
	}
	if json.NewDecoder(r.Body).Decode(&sent) != nil || sent.Key == nil || sent.Value == nil || *sent.Value == "" || !variableKey.MatchString(*sent.Key) {
		return nil
	}
	return &heldVariable{Key: *sent.Key, Value: *sent.Value, Secured: sent.Secured}
}

func (s *StandIn) post(w http.ResponseWriter, r *http.Request) {
	held, ok := s.Variables[r.URL.Path]
	sent := read(r)
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "Environment not found")
		return
	case sent == nil:
		fail(w, http.StatusBadRequest, "Invalid variable")
		return
	case s.Racer || slices.ContainsFunc(held, func(v *heldVariable) bool { return v.Key == sent.Key }):
		s.Racer = false
		fail(w, http.StatusConflict, "A variable with the provided key already exists.")
		return
	}
	s.add(r.URL.Path, sent)
	s.Writes++
	answer(w, http.StatusCreated, map[string]any{"uuid": sent.UUID, "key": sent.Key, "secured": sent.Secured})
}

func (s *StandIn) add(path string, v *heldVariable) {
	s.made++
	v.UUID = fmt.Sprintf("{00000000-0000-4000-8000-%012d}", s.made)
	s.Variables[path] = append(s.Variables[path], v)
}

func (s *StandIn) put(w http.ResponseWriter, r *http.Request) {
	path, sent := r.URL.Path[:len(r.URL.Path)-len("/"+r.PathValue("uuid"))], read(r)
	at := slices.IndexFunc(s.Variables[path], func(v *heldVariable) bool { return v.UUID == r.PathValue("uuid") })
	switch {
	case at < 0:
		fail(w, http.StatusNotFound, "Variable not found")
		return
	case sent == nil:
		fail(w, http.StatusBadRequest, "Invalid variable")
		return
	}
	sent.UUID = r.PathValue("uuid")
	s.Variables[path][at] = sent
	s.Writes++
	answer(w, http.StatusOK, map[string]any{"uuid": sent.UUID, "key": sent.Key, "secured": sent.Secured})
}

// Values are the values held at a path, by key.
func (s *StandIn) Values(path string) map[string]string {
	values := map[string]string{}
	for _, v := range s.Variables[path] {
		values[v.Key] = v.Value
	}
	return values
}

// Seed puts variables there as a person would.
func (s *StandIn) Seed(path string, names []string, document []byte) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	values := map[string]string{names[0]: string(document)}
	if len(names) > 1 {
		values = resttest.Values(document, names[0])
	}
	s.Variables[path] = nil
	for key, value := range values {
		s.add(path, &heldVariable{Key: key, Value: value})
	}
}

// Content shows what a place holds: the value of a single variable, or lines.
func (s *StandIn) Content(path string, names []string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	values := s.Values(path)
	if len(names) == 1 {
		return []byte(values[names[0]])
	}
	return resttest.Lines(values)
}
