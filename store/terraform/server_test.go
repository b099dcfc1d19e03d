package terraform_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// server stands in for HCP Terraform, written from "Workspaces API", "Workspace
// variables API", "Variable sets API", "API overview" (JSON:API, pages, rate
// limit) and "Variables" (limits) in its documentation.
type server struct {
	*httptest.Server

	mu sync.Mutex // guards what follows
	// holders have variables, by "workspaces/ws-1" or "varsets/varset-7".
	holders map[string][]*held
	// sets are the names of variable sets, by id.
	sets     []set
	readOnly bool // the token may not write
	// answers are taken, in turn, by the calls that match them.
	answers []answer
	lose    int    // how many writes take effect and get no answer
	before  func() // runs before the next write
	next    int    // the number of the next variable
	// written lists keys in order; calls has "METHOD path".
	written, calls []string
}

type set struct{ id, name string }

type held struct {
	id, Key, Value, Description, Category string
	HCL, Sensitive                        bool
}

// answer is what a call gets instead of its own answer.
type answer struct {
	method, path string // the path's end
	status       int
	header       map[string]string
	body         string
}

const (
	token    = "token.atlasv1.of-nobody"
	webVars  = "workspaces/ws-1"
	setsVars = "varsets/varset-120"
)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{holders: map[string][]*held{webVars: nil, setsVars: nil}}
	for i := range 120 { // the one that is looked for is on the second page
		s.sets = append(s.sets, set{fmt.Sprintf("varset-%d", i), fmt.Sprintf("aws keys %d", i)})
	}
	s.sets = append(s.sets, set{"varset-120", "aws keys"})
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v2/")
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
	holder, below, isVariable := cutVars(path)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		refuse(w, http.StatusUnauthorized, "unauthorized")
	case path == "organizations/acme/workspaces/web":
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"id": "ws-1", "type": "workspaces", "attributes": map[string]any{
			"name": "web", "permissions": map[string]bool{"can-read-variable": true, "can-update-variable": !s.readOnly},
		}}})
	case path == "organizations/acme/varsets":
		s.listSets(w, r)
	case !isVariable:
		refuse(w, http.StatusNotFound, "not found")
	default:
		s.serveVars(w, r, holder, below)
	}
}

// cutVars parts workspaces/:id/vars/:id and varsets/:id/relationships/vars/:id.
func cutVars(path string) (holder, below string, ok bool) {
	at := strings.LastIndex(path+"/", "/vars/")
	if at < 0 {
		return "", "", false
	}
	return strings.TrimSuffix(path[:at], "/relationships"), strings.TrimPrefix(path[at+len("/vars"):], "/"), true
}

func (s *server) serveVars(w http.ResponseWriter, r *http.Request, holder, id string) {
	held, known := s.holders[holder]
	switch {
	case !known || s.readOnly && r.Method != http.MethodGet:
		refuse(w, http.StatusNotFound, "not found, or user unauthorized to perform action")
	case r.Method == http.MethodGet:
		s.listVars(w, r, held)
	case r.Method == http.MethodPost && id == "", r.Method == http.MethodPatch && id != "":
		s.write(w, r, holder, id)
	default:
		panic("the store called " + r.Method)
	}
}

func page(w http.ResponseWriter, r *http.Request, all []any) {
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
	if size < 1 || size > 100 {
		size = 20
	}
	number = max(number, 1)
	from, to := min((number-1)*size, len(all)), min(number*size, len(all))
	meta := map[string]any{"current-page": number, "next-page": nil, "total-count": len(all)}
	if to < len(all) {
		meta["next-page"] = number + 1
	}
	reply(w, http.StatusOK, map[string]any{"data": all[from:to], "meta": map[string]any{"pagination": meta}})
}

func (s *server) listSets(w http.ResponseWriter, r *http.Request) {
	all := []any{}
	for _, set := range s.sets {
		if strings.Contains(set.name, r.URL.Query().Get("q")) {
			all = append(all, map[string]any{"id": set.id, "type": "varsets", "attributes": map[string]any{"name": set.name}})
		}
	}
	page(w, r, all)
}

func (s *server) listVars(w http.ResponseWriter, r *http.Request, held []*held) {
	all := []any{}
	for _, v := range held {
		all = append(all, v.tell())
	}
	page(w, r, all)
}

// tell shows a variable, and of a sensitive one no value.
func (v *held) tell() any {
	attributes := map[string]any{"key": v.Key, "value": v.Value, "description": v.Description, "category": v.Category, "hcl": v.HCL, "sensitive": v.Sensitive}
	if v.Sensitive {
		attributes["value"] = nil
	}
	return map[string]any{"id": v.id, "type": "vars", "attributes": attributes}
}

func (s *server) write(w http.ResponseWriter, r *http.Request, holder, id string) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	var request struct {
		Data struct {
			Type       string `json:"type"`
			Attributes struct {
				Key, Value, Description, Category *string
				HCL, Sensitive                    *bool
			} `json:"attributes"`
		} `json:"data"`
	}
	if r.Header.Get("Content-Type") != "application/vnd.api+json" || json.NewDecoder(r.Body).Decode(&request) != nil || request.Data.Type != "vars" {
		refuse(w, http.StatusBadRequest, "malformed")
		return
	}
	q := request.Data.Attributes
	v := &held{Category: "terraform"}
	if id != "" {
		at := slices.IndexFunc(s.holders[holder], func(v *held) bool { return v.id == id })
		if at < 0 {
			refuse(w, http.StatusNotFound, "not found")
			return
		}
		v = s.holders[holder][at]
	}
	changed := *v
	apply(&changed.Key, q.Key)
	apply(&changed.Value, q.Value)
	apply(&changed.Description, q.Description)
	apply(&changed.Category, q.Category)
	apply(&changed.HCL, q.HCL)
	apply(&changed.Sensitive, q.Sensitive)
	taken := slices.ContainsFunc(s.holders[holder], func(o *held) bool { return o.id != id && o.Key == changed.Key && o.Category == changed.Category })
	switch {
	case taken:
		refuse(w, http.StatusUnprocessableEntity, "Key has already been taken")
	case v.Sensitive && q.Sensitive != nil:
		refuse(w, http.StatusUnprocessableEntity, "Sensitive cannot be updated for a sensitive variable")
	case changed.Category == "env" && strings.ContainsAny(changed.Value, "\r\n"):
		refuse(w, http.StatusUnprocessableEntity, "Value contains newlines: "+changed.Value)
	case len([]rune(changed.Description)) > 512 || len(changed.Value) > 256<<10:
		refuse(w, http.StatusUnprocessableEntity, "too long: "+changed.Value)
	default:
		*v = changed
		s.done(w, holder, v)
	}
}

func apply[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *server) done(w http.ResponseWriter, holder string, v *held) {
	status := http.StatusOK
	if v.id == "" {
		s.next++
		v.id, status = fmt.Sprintf("var-%d", s.next), http.StatusCreated
		s.holders[holder] = append(s.holders[holder], v)
	}
	s.written = append(s.written, v.Key)
	if s.lose > 0 {
		s.lose--
		panic(http.ErrAbortHandler)
	}
	reply(w, status, map[string]any{"data": v.tell()})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/vnd.api+json")
	w.Header().Set("X-RateLimit-Limit", "30")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, detail string) {
	reply(w, status, map[string]any{"errors": []any{map[string]string{"status": strconv.Itoa(status), "title": "refused", "detail": detail}}})
}

// person puts a variable there as a person would.
func (s *server) person(holder string, v held) *held {
	s.next++
	v.id = fmt.Sprintf("var-%d", s.next)
	s.holders[holder] = append(s.holders[holder], &v)
	return &v
}

func (s *server) find(holder, key, category string) *held {
	for _, v := range s.holders[holder] {
		if v.Key == key && v.Category == category {
			return v
		}
	}
	return nil
}

// seed puts variables there: two as dotenv lines, a single one as it is.
func (s *server) seed(holder, category, single, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		s.person(holder, held{Key: single, Value: document, Category: category})
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = names.Secret, document
		}
		if v := s.find(holder, name, category); v != nil {
			v.Value = value
			continue
		}
		s.person(holder, held{Key: name, Value: value, Category: category})
	}
}

func (s *server) content(holder, category, single string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		if v := s.find(holder, single, category); v != nil {
			return []byte(v.Value)
		}
		return nil
	}
	var lines []string
	for _, v := range s.holders[holder] {
		if v.Category == category {
			lines = append(lines, v.Key+"="+v.Value+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
