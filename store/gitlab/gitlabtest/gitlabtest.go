// Package gitlabtest stands in for GitLab, written from its REST API reference in
// GitLab Docs. Only tests import it.
package gitlabtest

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

// Server stands in for GitLab, written from "Project-level CI/CD variables API",
// "Group-level CI/CD variables API", "Personal access tokens API", "GitLab CI/CD
// variables" (masking) and "REST API authentication" in GitLab Docs.
type Server struct {
	*httptest.Server

	Mu sync.Mutex // guards what follows
	// Places hold variables, by "projects/acme/web" or "groups/acme".
	Places map[string][]*Held
	// Scopes are the token's; nil for a kind of token that is not described.
	Scopes []string
	Guest  bool // the token's user is no Maintainer
	Old    bool // a server without descriptions
	// Answers are taken, in turn, by the calls that match them.
	Answers []Answer
	Lose    int    // how many writes take effect and get no answer
	Before  func() // runs before the next write
	// Written lists KEYs in order; calls has "METHOD path".
	Written, Calls []string
}

// Held is a variable as GitLab tells it.
type Held struct {
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

// Answer is what a call gets instead of its own answer.
type Answer struct {
	Method, Path string // the path's end
	Status       int
	Header       map[string]string
	Body         string
}

// Token is what it accepts.
const Token = "glpat-token-of-nobody"

// The places that it has.
const (
	WebPlace   = "projects/acme/web.site"
	GroupPlace = "groups/acme"
)

// New starts one, which ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{Places: map[string][]*Held{WebPlace: {}, GroupPlace: {}}, Scopes: []string{"api"}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v4/")
	s.Calls = append(s.Calls, r.Method+" "+path)
	for i, a := range s.Answers {
		if a.Method == r.Method && strings.HasSuffix(path, a.Path) {
			s.Answers = slices.Delete(s.Answers, i, i+1)
			for k, v := range a.Header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(a.Status)
			_, _ = io.WriteString(w, a.Body)
			return
		}
	}
	place, key, isVariable := strings.Cut(path, "/variables")
	switch {
	case r.Header.Get("Private-Token") != Token:
		reply(w, http.StatusUnauthorized, map[string]string{"message": "401 Unauthorized"})
	case path == "personal_access_tokens/self" && s.Scopes != nil:
		reply(w, http.StatusOK, map[string]any{"id": 1, "scopes": s.Scopes})
	case !isVariable || s.Places[place] == nil:
		reply(w, http.StatusNotFound, map[string]string{"message": "404 Project Not Found"})
	case s.Guest || r.Method != http.MethodGet && s.Scopes != nil && !slices.Contains(s.Scopes, "api"):
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

func (s *Server) create(w http.ResponseWriter, r *http.Request, place string) {
	s.meanwhile()
	var q request
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": "invalid JSON"})
		return
	}
	v := &Held{Key: q.Key, Type: "env_var", Scope: "*"}
	if q.Hidden != nil && *q.Hidden {
		v.Hidden, v.Masked = true, true
	}
	for _, other := range s.Places[place] {
		if q.Scope != nil && other.Key == q.Key && other.Scope == *q.Scope {
			reply(w, http.StatusBadRequest, map[string]any{"message": map[string]any{"key": []string{"(" + q.Key + ") has already been taken"}}})
			return
		}
	}
	if s.change(w, v, q) {
		s.Places[place] = append(s.Places[place], v)
		s.done(w, v, http.StatusCreated)
	}
}

func (s *Server) serveVariable(w http.ResponseWriter, r *http.Request, place, key string) {
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
	var found []*Held
	for _, v := range s.Places[place] {
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
func (s *Server) change(w http.ResponseWriter, v *Held, q request) bool {
	set(&v.Protected, q.Protected)
	set(&v.Masked, q.Masked)
	set(&v.Raw, q.Raw)
	set(&v.Scope, q.Scope)
	set(&v.Type, q.Type)
	if q.Value != nil {
		v.Value = q.Value
	}
	if q.Description != nil && !s.Old {
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

func (s *Server) meanwhile() {
	if before := s.Before; before != nil {
		s.Before = nil
		before()
	}
}

func (s *Server) done(w http.ResponseWriter, v *Held, status int) {
	s.Written = append(s.Written, v.Key)
	if s.Lose > 0 {
		s.Lose--
		panic(http.ErrAbortHandler)
	}
	s.tell(w, v, status)
}

func (s *Server) tell(w http.ResponseWriter, v *Held, status int) {
	told := *v
	if told.Hidden {
		told.Value = nil
	}
	if !s.Old {
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

// Find returns a variable of the scope "*", or nil.
func (s *Server) Find(place, key string) *Held {
	for _, v := range s.Places[place] {
		if v.Key == key && v.Scope == "*" {
			return v
		}
	}
	return nil
}

// Seed puts variables there as a person would: two as dotenv lines, a single one
// as it is.
func (s *Server) Seed(place, single, document string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		s.Places[place] = append(s.Places[place], &Held{Key: single, Value: &document, Scope: "*", Type: "env_var"})
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = "AWS_SECRET_ACCESS_KEY", document
		}
		if v := s.Find(place, name); v != nil {
			v.Value = &value
			continue
		}
		s.Places[place] = append(s.Places[place], &Held{Key: name, Value: &value, Scope: "*", Type: "env_var"})
	}
}

// Content shows what a place holds: the value of a single variable, or lines.
func (s *Server) Content(place, single string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		if v := s.Find(place, single); v != nil {
			return []byte(*v.Value)
		}
		return nil
	}
	var lines []string
	for _, v := range s.Places[place] {
		if v.Scope == "*" {
			lines = append(lines, v.Key+"="+*v.Value+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
