package gitlab_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// server stands in for GitLab, written from "Project-level CI/CD variables API",
// "Group-level CI/CD variables API", "Personal access tokens API", "GitLab CI/CD
// variables" (masking) and "REST API authentication" in GitLab Docs.
type server struct {
	*httptest.Server

	mu sync.Mutex // guards what follows
	// places hold variables, by "projects/acme/web" or "groups/acme".
	places map[string][]*held
	// scopes are the token's; nil for a kind of token that is not described.
	scopes []string
	guest  bool // the token's user is no Maintainer
	old    bool // a server without descriptions
	// answers are taken, in turn, by the calls that match them.
	answers []answer
	lose    int    // how many writes take effect and get no answer
	before  func() // runs before the next write
	// written lists KEYs in order; calls has "METHOD path".
	written, calls []string
}

// held is a variable as GitLab tells it.
type held struct {
	Type        string  `json:"variable_type"`
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	Protected   bool    `json:"protected"`
	Masked      bool    `json:"masked"`
	Hidden      bool    `json:"hidden"`
	Raw         bool    `json:"raw"`
	Scope       string  `json:"environment_scope"`
	Description *string `json:"description"`
}

// answer is what a call gets instead of its own answer.
type answer struct {
	method, path string // the path's end
	status       int
	header       map[string]string
	body         string
}

const token = "glpat-token-of-nobody"

const webPlace, groupPlace = "projects/acme/web.site", "groups/acme"

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{places: map[string][]*held{webPlace: {}, groupPlace: {}}, scopes: []string{"api"}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v4/")
	s.calls = append(s.calls, r.Method+" "+path)
	for i, a := range s.answers {
		if a.method == r.Method && strings.HasSuffix(path, a.path) {
			s.answers = slices.Delete(s.answers, i, i+1)
			for k, v := range a.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
			return
		}
	}
	place, key, isVariable := strings.Cut(path, "/variables")
	switch {
	case r.Header.Get("Private-Token") != token:
		reply(w, http.StatusUnauthorized, map[string]string{"message": "401 Unauthorized"})
	case path == "personal_access_tokens/self" && s.scopes != nil:
		reply(w, http.StatusOK, map[string]any{"id": 1, "scopes": s.scopes})
	case !isVariable || s.places[place] == nil:
		reply(w, http.StatusNotFound, map[string]string{"message": "404 Project Not Found"})
	case s.guest || r.Method != http.MethodGet && s.scopes != nil && !slices.Contains(s.scopes, "api"):
		reply(w, http.StatusForbidden, map[string]string{"message": "403 Forbidden"})
	case r.Method == http.MethodPost:
		s.create(w, r, place)
	case key == "":
		reply(w, http.StatusOK, []any{})
	default:
		s.serveVariable(w, r, place, strings.TrimPrefix(key, "/"))
	}
}

// request is what create and update take; a pointer tells what is left out.
type request struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	Description *string `json:"description"`
	Scope       *string `json:"environment_scope"`
	Masked      *bool   `json:"masked"`
	Hidden      *bool   `json:"masked_and_hidden"`
	Protected   *bool   `json:"protected"`
	Raw         *bool   `json:"raw"`
	Type        *string `json:"variable_type"`
	Filter      struct {
		Scope string `json:"environment_scope"`
	} `json:"filter"`
}

func (s *server) create(w http.ResponseWriter, r *http.Request, place string) {
	s.meanwhile()
	var q request
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": "invalid JSON"})
		return
	}
	v := &held{Key: q.Key, Type: "env_var", Scope: "*"}
	if q.Hidden != nil && *q.Hidden {
		v.Hidden, v.Masked = true, true
	}
	for _, other := range s.places[place] {
		if q.Scope != nil && other.Key == q.Key && other.Scope == *q.Scope {
			reply(w, http.StatusBadRequest, map[string]any{"message": map[string]any{"key": []string{"(" + q.Key + ") has already been taken"}}})
			return
		}
	}
	if s.change(w, v, q) {
		s.places[place] = append(s.places[place], v)
		s.done(w, v, http.StatusCreated)
	}
}

func (s *server) serveVariable(w http.ResponseWriter, r *http.Request, place, key string) {
	var q request
	if r.Method == http.MethodPut {
		s.meanwhile()
		if json.NewDecoder(r.Body).Decode(&q) != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": "invalid JSON"})
			return
		}
	} else {
		q.Filter.Scope = r.URL.Query().Get("filter[environment_scope]")
	}
	var found []*held
	for _, v := range s.places[place] {
		if v.Key == key && (q.Filter.Scope == "" || v.Scope == q.Filter.Scope) {
			found = append(found, v)
		}
	}
	switch {
	case len(found) == 0:
		reply(w, http.StatusNotFound, map[string]string{"message": "404 Variable Not Found"})
	case len(found) > 1:
		reply(w, http.StatusConflict, map[string]string{"message": "There are multiple variables with provided parameters."})
	case r.Method == http.MethodGet:
		s.tell(w, found[0], http.StatusOK)
	case r.Method == http.MethodPut:
		if changed := *found[0]; s.change(w, &changed, q) {
			*found[0] = changed
			s.done(w, found[0], http.StatusOK)
		}
	default:
		panic("the store called " + r.Method)
	}
}

var maskable = regexp.MustCompile(`^\S{8,}$`)
var expandable = regexp.MustCompile(`^[a-zA-Z0-9_+=/@:.~-]{8,}$`)

// change applies what was sent and keeps the rest, or refuses.
func (s *server) change(w http.ResponseWriter, v *held, q request) bool {
	set(&v.Protected, q.Protected)
	set(&v.Masked, q.Masked)
	set(&v.Raw, q.Raw)
	set(&v.Scope, q.Scope)
	set(&v.Type, q.Type)
	if q.Value != nil {
		v.Value = q.Value
	}
	if q.Description != nil && !s.old {
		v.Description = q.Description
	}
	allowed := maskable
	if !v.Raw {
		allowed = expandable
	}
	if v.Masked && !allowed.MatchString(*v.Value) || v.Description != nil && len([]rune(*v.Description)) > 255 {
		reply(w, http.StatusBadRequest, map[string]any{"message": map[string]any{"value": []string{"is invalid: " + *v.Value}}})
		return false
	}
	return true
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *server) meanwhile() {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
}

func (s *server) done(w http.ResponseWriter, v *held, status int) {
	s.written = append(s.written, v.Key)
	if s.lose > 0 {
		s.lose--
		panic(http.ErrAbortHandler)
	}
	s.tell(w, v, status)
}

func (s *server) tell(w http.ResponseWriter, v *held, status int) {
	told := *v
	if told.Hidden {
		told.Value = nil
	}
	if !s.old {
		reply(w, status, told)
		return
	}
	reply(w, status, map[string]any{"key": v.Key, "value": v.Value, "masked": v.Masked, "raw": v.Raw})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("RateLimit-Limit", "60000")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// find returns a variable of the scope "*", or nil.
func (s *server) find(place, key string) *held {
	for _, v := range s.places[place] {
		if v.Key == key && v.Scope == "*" {
			return v
		}
	}
	return nil
}

// seed puts variables there as a person would: two as dotenv lines, a single one
// as it is.
func (s *server) seed(place, single, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		s.places[place] = append(s.places[place], &held{Key: single, Value: &document, Scope: "*", Type: "env_var"})
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = names.Secret, document
		}
		if v := s.find(place, name); v != nil {
			v.Value = &value
			continue
		}
		s.places[place] = append(s.places[place], &held{Key: name, Value: &value, Scope: "*", Type: "env_var"})
	}
}

func (s *server) content(place, single string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		if v := s.find(place, single); v != nil {
			return []byte(*v.Value)
		}
		return nil
	}
	var lines []string
	for _, v := range s.places[place] {
		if v.Scope == "*" {
			lines = append(lines, v.Key+"="+*v.Value+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
