// Package terraformtest stands in for HCP Terraform, written from its API
// reference. Only tests import it.
package terraformtest

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

// Server stands in for HCP Terraform, written from "Workspaces API", "Workspace
// variables API", "Variable sets API", "API overview" (JSON:API, pages, rate
// limit) and "Variables" (limits) in its documentation.
type Server struct {
	*httptest.Server

	Mu sync.Mutex // guards what follows
	// Holders have variables, by "workspaces/ws-1" or "varsets/varset-7".
	Holders map[string][]*Held
	// Sets are the names of variable sets, by id.
	Sets     []Set
	ReadOnly bool // the token may not write
	// Answers are taken, in turn, by the calls that match them.
	Answers []Answer
	Lose    int    // how many writes take effect and get no answer
	Before  func() // runs before the next write
	next    int    // the number of the next variable
	// Written lists keys in order; calls has "METHOD path".
	Written, Calls []string
}

// Set is a variable set.
type Set struct{ ID, Name string }

// Held is a variable with the value that HCP Terraform really keeps.
type Held struct {
	ID, Key, Value, Description, Category string
	HCL, Sensitive                        bool
}

// Answer is what a call gets instead of its own answer.
type Answer struct {
	Method, Path string // the path's end
	Status       int
	Header       map[string]string
	Body         string
}

// Token is what it accepts; WebVars and SetsVars are who has variables.
const (
	Token    = "token.atlasv1.of-nobody"
	WebVars  = "workspaces/ws-1"
	SetsVars = "varsets/varset-120"
)

// New starts one, which ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{Holders: map[string][]*Held{WebVars: nil, SetsVars: nil}}
	for i := range 120 { // the one that is looked for is on the second page
		s.Sets = append(s.Sets, Set{fmt.Sprintf("varset-%d", i), fmt.Sprintf("aws keys %d", i)})
	}
	s.Sets = append(s.Sets, Set{"varset-120", "aws keys"})
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v2/")
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
	holder, below, isVariable := cutVars(path)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+Token:
		refuse(w, http.StatusUnauthorized, "unauthorized")
	case path == "organizations/acme/workspaces/web":
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"id": "ws-1", "type": "workspaces", "attributes": map[string]any{
			"name": "web", "permissions": map[string]bool{"can-read-variable": true, "can-update-variable": !s.ReadOnly},
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

func (s *Server) serveVars(w http.ResponseWriter, r *http.Request, holder, id string) {
	held, known := s.Holders[holder]
	switch {
	case !known || s.ReadOnly && r.Method != http.MethodGet:
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

func (s *Server) listSets(w http.ResponseWriter, r *http.Request) {
	all := []any{}
	for _, set := range s.Sets {
		if strings.Contains(set.Name, r.URL.Query().Get("q")) {
			all = append(all, map[string]any{"id": set.ID, "type": "varsets", "attributes": map[string]any{"name": set.Name}})
		}
	}
	page(w, r, all)
}

func (s *Server) listVars(w http.ResponseWriter, r *http.Request, held []*Held) {
	all := []any{}
	for _, v := range held {
		all = append(all, v.tell())
	}
	page(w, r, all)
}

// tell shows a variable, and of a sensitive one no value.
func (v *Held) tell() any {
	attributes := map[string]any{"key": v.Key, "value": v.Value, "description": v.Description, "category": v.Category, "hcl": v.HCL, "sensitive": v.Sensitive}
	if v.Sensitive {
		attributes["value"] = nil
	}
	return map[string]any{"id": v.ID, "type": "vars", "attributes": attributes}
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, holder, id string) {
	if before := s.Before; before != nil {
		s.Before = nil
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
	v := &Held{Category: "terraform"}
	if id != "" {
		at := slices.IndexFunc(s.Holders[holder], func(v *Held) bool { return v.ID == id })
		if at < 0 {
			refuse(w, http.StatusNotFound, "not found")
			return
		}
		v = s.Holders[holder][at]
	}
	changed := *v
	apply(&changed.Key, q.Key)
	apply(&changed.Value, q.Value)
	apply(&changed.Description, q.Description)
	apply(&changed.Category, q.Category)
	apply(&changed.HCL, q.HCL)
	apply(&changed.Sensitive, q.Sensitive)
	taken := slices.ContainsFunc(s.Holders[holder], func(o *Held) bool { return o.ID != id && o.Key == changed.Key && o.Category == changed.Category })
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

func (s *Server) done(w http.ResponseWriter, holder string, v *Held) {
	status := http.StatusOK
	if v.ID == "" {
		s.next++
		v.ID, status = fmt.Sprintf("var-%d", s.next), http.StatusCreated
		s.Holders[holder] = append(s.Holders[holder], v)
	}
	s.Written = append(s.Written, v.Key)
	if s.Lose > 0 {
		s.Lose--
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

// Person puts a variable there as a person would.
func (s *Server) Person(holder string, v Held) *Held {
	s.next++
	v.ID = fmt.Sprintf("var-%d", s.next)
	s.Holders[holder] = append(s.Holders[holder], &v)
	return &v
}

// Find returns the variable of a holder, nil for none.
func (s *Server) Find(holder, key, category string) *Held {
	for _, v := range s.Holders[holder] {
		if v.Key == key && v.Category == category {
			return v
		}
	}
	return nil
}

// Seed puts variables there: two as dotenv lines, a single one as it is.
func (s *Server) Seed(holder, category, single, document string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		s.Person(holder, Held{Key: single, Value: document, Category: category})
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = "AWS_SECRET_ACCESS_KEY", document
		}
		if v := s.Find(holder, name, category); v != nil {
			v.Value = value
			continue
		}
		s.Person(holder, Held{Key: name, Value: value, Category: category})
	}
}

// Content shows what a holder has: the value of a single variable, or lines.
func (s *Server) Content(holder, category, single string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		if v := s.Find(holder, single, category); v != nil {
			return []byte(v.Value)
		}
		return nil
	}
	var lines []string
	for _, v := range s.Holders[holder] {
		if v.Category == category {
			lines = append(lines, v.Key+"="+v.Value+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
