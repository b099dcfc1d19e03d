package bitbucket_test

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

const (
	email = "bot@example.com"
	token = "canary-bitbucket-token"
	// production is an environment's id; Bitbucket writes ids in braces.
	production = "{7f0e1d2c-0000-4000-8000-000000000007}"
)

// standIn answers as the REST API reference of Bitbucket Cloud describes
// variables of Pipelines and environments of Deployments
// (developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines). Pages hold
// two items, whatever length is asked for, so that every list has several.
type standIn struct {
	t *testing.T
	resttest.Faults

	mu        sync.Mutex
	variables map[string][]*heldVariable // by path
	made      int
	writes    int
	url       string
	// elsewhere is the address that pages name as the next one, if set.
	elsewhere string
	// racer makes a variable of the same name just before one is made.
	racer bool
}

type heldVariable struct {
	UUID    string `json:"uuid"`
	Key     string `json:"key"`
	Value   string `json:"value,omitempty"`
	Secured bool   `json:"secured"`
}

const (
	ofRepository  = "/2.0/repositories/acme/web/pipelines_config/variables"
	ofEnvironment = "/2.0/repositories/acme/web/deployments_config/environments/" + production + "/variables"
	ofWorkspace   = "/2.0/workspaces/acme/pipelines-config/variables"
)

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{t: t, variables: map[string][]*heldVariable{ofRepository: {}, ofEnvironment: {}, ofWorkspace: {}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2.0/repositories/acme/web/environments", s.environments)
	for _, path := range []string{
		ofRepository, ofWorkspace, "/2.0/repositories/acme/web/deployments_config/environments/{environment}/variables",
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
	s.url = s.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		user, password, _ := r.BasicAuth()
		if !(user == email && password == token) && r.Header.Get("Authorization") != "Bearer "+token {
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

func (s *standIn) page(w http.ResponseWriter, r *http.Request, items []any) {
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
		if s.elsewhere != "" {
			body["next"] = s.elsewhere
		}
	}
	answer(w, http.StatusOK, body)
}

func (s *standIn) environments(w http.ResponseWriter, r *http.Request) {
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

func (s *standIn) list(w http.ResponseWriter, r *http.Request) {
	held, ok := s.variables[r.URL.Path]
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

func (s *standIn) post(w http.ResponseWriter, r *http.Request) {
	held, ok := s.variables[r.URL.Path]
	sent := read(r)
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "Environment not found")
		return
	case sent == nil:
		fail(w, http.StatusBadRequest, "Invalid variable")
		return
	case s.racer || slices.ContainsFunc(held, func(v *heldVariable) bool { return v.Key == sent.Key }):
		s.racer = false
		fail(w, http.StatusConflict, "A variable with the provided key already exists.")
		return
	}
	s.add(r.URL.Path, sent)
	s.writes++
	answer(w, http.StatusCreated, map[string]any{"uuid": sent.UUID, "key": sent.Key, "secured": sent.Secured})
}

func (s *standIn) add(path string, v *heldVariable) {
	s.made++
	v.UUID = fmt.Sprintf("{00000000-0000-4000-8000-%012d}", s.made)
	s.variables[path] = append(s.variables[path], v)
}

func (s *standIn) put(w http.ResponseWriter, r *http.Request) {
	path, sent := r.URL.Path[:len(r.URL.Path)-len("/"+r.PathValue("uuid"))], read(r)
	at := slices.IndexFunc(s.variables[path], func(v *heldVariable) bool { return v.UUID == r.PathValue("uuid") })
	switch {
	case at < 0:
		fail(w, http.StatusNotFound, "Variable not found")
		return
	case sent == nil:
		fail(w, http.StatusBadRequest, "Invalid variable")
		return
	}
	sent.UUID = r.PathValue("uuid")
	s.variables[path][at] = sent
	s.writes++
	answer(w, http.StatusOK, map[string]any{"uuid": sent.UUID, "key": sent.Key, "secured": sent.Secured})
}

// values are the values held at a path, by key.
func (s *standIn) values(path string) map[string]string {
	values := map[string]string{}
	for _, v := range s.variables[path] {
		values[v.Key] = v.Value
	}
	return values
}
