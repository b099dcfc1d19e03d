// Package circlecitest stands in for CircleCI, written from its API reference,
// version 2. Only tests import it.
package circlecitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/keyrotator/keyrotator/store/rest/resttest"
)

// Token is what it accepts; ContextID is the id of the context "deploy", of the
// organization gh/acme, whose id is OwnerID.
const (
	Token     = "canary-circle-token"
	ContextID = "be8bb2e3-c3d6-4098-89f4-572ff976ba9a"
	OwnerID   = "1b7f9c2a-1234-5678-9abc-1234567890ab"
)

// StandIn answers as CircleCI's API reference, version 2, describes the contexts
// and the environment variables of contexts and projects (circleci.com/docs/api/v2).
// Pages hold two items, so that every list has several.
type StandIn struct {
	t *testing.T
	resttest.Faults

	Mu       sync.Mutex
	contexts map[string]string            // id by name, of the organization gh/acme
	Values   map[string]map[string]string // by "context/id" and "project/slug"
	Writes   int
	URL      string
	// Stale lets a project keep the variable that it has, as it would if making
	// one did not replace another.
	Stale bool
}

// New starts one, which ends with the test.
func New(t *testing.T) *StandIn {
	t.Helper()
	s := &StandIn{t: t, contexts: map[string]string{"deploy": ContextID}, Values: map[string]map[string]string{
		"context/" + ContextID: {}, "project/gh/acme/app": {},
	}}
	for i := range 5 {
		s.contexts["other-"+strconv.Itoa(i)] = fmt.Sprintf("00000000-0000-0000-0000-00000000000%d", i)
	}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request){
		"GET /api/v2/context":                                  s.listContexts,
		"GET /api/v2/context/{id}":                             s.getContext,
		"GET /api/v2/context/{id}/environment-variable":        s.listContext,
		"PUT /api/v2/context/{id}/environment-variable/{name}": s.putContext,
		"GET /api/v2/project/{vcs}/{org}/{repo}/envvar":        s.listProject,
		"GET /api/v2/project/{vcs}/{org}/{repo}/envvar/{name}": s.getProject,
		"POST /api/v2/project/{vcs}/{org}/{repo}/envvar":       s.postProject,
	} {
		mux.HandleFunc(pattern, handle)
	}
	mux.HandleFunc("DELETE /", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was deleted", r.URL.Path) })
	s.URL = s.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		if r.Header.Get("Circle-Token") != Token {
			answer(w, http.StatusUnauthorized, map[string]string{"message": "You must log in first."})
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return s
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func notFound(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, map[string]string{"message": "Not found."})
}

// page answers with two of the items, and with a token for the next two.
func page(w http.ResponseWriter, r *http.Request, keys []string, render func(key string) any) {
	slices.Sort(keys)
	start := 0
	if token := r.URL.Query().Get("page-token"); token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n <= 0 || n >= len(keys) {
			answer(w, http.StatusBadRequest, map[string]string{"message": "Invalid page-token."})
			return
		}
		start = n
	}
	items := []any{}
	for _, key := range keys[start:min(start+2, len(keys))] {
		items = append(items, render(key))
	}
	var next any
	if start+2 < len(keys) {
		next = strconv.Itoa(start + 2)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next_page_token": next})
}

func (s *StandIn) listContexts(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("owner-slug") != "gh/acme" && query.Get("owner-id") != OwnerID {
		notFound(w)
		return
	}
	page(w, r, slices.Collect(maps.Keys(s.contexts)), func(name string) any {
		return map[string]string{"id": s.contexts[name], "name": name, "created_at": "2026-01-01T00:00:00Z"}
	})
}

func (s *StandIn) getContext(w http.ResponseWriter, r *http.Request) {
	if s.Values["context/"+r.PathValue("id")] == nil {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": r.PathValue("id"), "name": "deploy"})
}

func (s *StandIn) listContext(w http.ResponseWriter, r *http.Request) {
	values, ok := s.Values["context/"+r.PathValue("id")]
	if !ok {
		notFound(w)
		return
	}
	page(w, r, slices.Collect(maps.Keys(values)), func(name string) any {
		return map[string]string{"variable": name, "context_id": r.PathValue("id"), "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
	})
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (s *StandIn) putContext(w http.ResponseWriter, r *http.Request) {
	var body struct{ Value *string }
	values, name := s.Values["context/"+r.PathValue("id")], r.PathValue("name")
	switch {
	case values == nil:
		notFound(w)
		return
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Value == nil || !variableName.MatchString(name):
		answer(w, http.StatusBadRequest, map[string]string{"message": "Bad request."})
		return
	}
	values[name] = *body.Value
	s.Writes++
	answer(w, http.StatusOK, map[string]string{"variable": name, "context_id": r.PathValue("id")})
}

func slug(r *http.Request) string {
	return "project/" + r.PathValue("vcs") + "/" + r.PathValue("org") + "/" + r.PathValue("repo")
}

// masked is four times "x" and the last four characters.
func masked(value string) string { return "xxxx" + value[max(0, len(value)-4):] }

func (s *StandIn) listProject(w http.ResponseWriter, r *http.Request) {
	values, ok := s.Values[slug(r)]
	if !ok {
		notFound(w)
		return
	}
	page(w, r, slices.Collect(maps.Keys(values)), func(name string) any {
		return map[string]string{"name": name, "value": masked(values[name]), "created-at": "2026-01-01T00:00:00Z"}
	})
}

func (s *StandIn) getProject(w http.ResponseWriter, r *http.Request) {
	value, ok := s.Values[slug(r)][r.PathValue("name")]
	if !ok {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, map[string]string{"name": r.PathValue("name"), "value": masked(value)})
}

func (s *StandIn) postProject(w http.ResponseWriter, r *http.Request) {
	var body struct{ Name, Value string }
	values := s.Values[slug(r)]
	switch {
	case values == nil:
		notFound(w)
		return
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Value == "" || !variableName.MatchString(body.Name):
		answer(w, http.StatusBadRequest, map[string]string{"message": "Bad request."})
		return
	}
	if _, exists := values[body.Name]; !exists || !s.Stale {
		values[body.Name] = body.Value
	}
	s.Writes++
	answer(w, http.StatusCreated, map[string]string{"name": body.Name, "value": masked(body.Value)})
}

// Seed puts variables there as a person would.
func (s *StandIn) Seed(key string, names []string, document []byte) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if len(names) == 1 {
		s.Values[key] = map[string]string{names[0]: string(document)}
		return
	}
	s.Values[key] = resttest.Values(document, names[0])
}

// Content shows what a place holds: the value of a single variable, or lines.
func (s *StandIn) Content(key string, names []string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if len(names) == 1 {
		return []byte(s.Values[key][names[0]])
	}
	return resttest.Lines(s.Values[key])
}
