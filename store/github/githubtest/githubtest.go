// Package githubtest stands in for GitHub Enterprise Server, written from its REST
// API reference in GitHub Docs. Only tests import it.
package githubtest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/nacl/box"
)

// Server stands in for GitHub Enterprise Server, written from "REST API endpoints
// for GitHub Actions Secrets", "for GitHub Apps", "Rate limits for the REST API"
// and "Encrypting secrets for the REST API" in GitHub Docs. It opens every box.
type Server struct {
	*httptest.Server
	T *testing.T

	Mu sync.Mutex // guards what follows
	// keys are the pairs of each place; the last one is in force.
	keys map[string][]pair
	// Secrets are what each place holds, by NAME.
	Secrets map[string]map[string]*Secret
	// repositories are the numbers of those that exist.
	repositories map[string]int
	Archived     bool
	// Scopes are a classic token's, nil for a fine-grained one.
	Scopes []string
	app    *rsa.PublicKey // whose installation may do what permissions say
	Grants map[string]string
	Access []string // repositories that the installation sees
	// Answers are taken, in turn, by the calls that match them.
	Answers []Answer
	// Lose is how many writes take effect and get no answer.
	Lose int
	// Before runs before the next write.
	Before func()
	// Written lists NAMEs in order; calls has "METHOD path".
	Written, Calls []string
}

type pair struct {
	id              string
	public, private *[32]byte
}

// Secret is what a place really keeps.
type Secret struct {
	Value, Visibility string
	Selected          []int
}

// Answer is what a call gets instead of its own answer.
type Answer struct {
	Method, Path string // the path's end
	Status       int
	Header       map[string]string
	Body         string
}

// Token is what it accepts.
const (
	Token    = "ghp_token-of-nobody"
	appToken = "ghs_installation-of-nobody"
)

// New starts one, which ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{
		T: t, keys: map[string][]pair{}, repositories: map[string]int{"acme/web": 7, "acme/api": 8},
		Secrets: map[string]map[string]*Secret{"repos/acme/web/actions": {}, "repos/acme/web/environments/prod site": {}, "orgs/acme/actions": {}},
		Grants:  map[string]string{"secrets": "write", "environments": "write", "organization_secrets": "write"}, Access: []string{"web"},
	}
	for place := range s.Secrets {
		s.Rotate(place)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Rotate gives a place a new key pair; what is sealed for the old one is refused.
func (s *Server) Rotate(place string) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		s.T.Fatal(err)
	}
	s.keys[place] = append(s.keys[place], pair{strconv.Itoa(568250167242549743 + len(s.keys[place])), public, private})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v3/")
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
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasSuffix(path, "/installation") || strings.HasPrefix(path, "app/") {
		s.serveApp(w, r, path, bearer)
		return
	}
	if bearer != Token && (s.app == nil || bearer != appToken) {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	w.Header().Set("X-Ratelimit-Limit", "5000")
	w.Header().Set("X-Ratelimit-Remaining", "4999")
	w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	if s.Scopes != nil {
		w.Header().Set("X-OAuth-Scopes", strings.Join(s.Scopes, ", "))
	}
	if name, ok := strings.CutPrefix(path, "repos/"); ok && s.repositories[name] != 0 {
		reply(w, http.StatusOK, map[string]any{"id": s.repositories[name], "archived": s.Archived})
		return
	}
	place, rest, ok := strings.Cut(path, "/secrets/")
	if !ok || s.Secrets[place] == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	s.serveSecret(w, r, place, rest)
}

func (s *Server) serveSecret(w http.ResponseWriter, r *http.Request, place, rest string) {
	name, list := strings.CutSuffix(rest, "/repositories")
	name = strings.ToUpper(name)
	held := s.Secrets[place][name]
	switch {
	case rest == "public-key":
		last := s.keys[place][len(s.keys[place])-1]
		reply(w, http.StatusOK, map[string]string{"key_id": last.id, "key": base64.StdEncoding.EncodeToString(last.public[:])})
	case r.Method == http.MethodPut:
		s.put(w, r, place, name)
	case held == nil:
		refuse(w, http.StatusNotFound, "Not Found")
	case list:
		s.listSelected(w, r, held)
	default:
		reply(w, http.StatusOK, map[string]any{"name": name, "visibility": held.Visibility})
	}
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, place, name string) {
	if before := s.Before; before != nil {
		s.Before = nil
		before()
	}
	var request struct {
		KeyID          string `json:"key_id"`
		EncryptedValue string `json:"encrypted_value"`
		Visibility     string `json:"visibility"`
		Selected       []int  `json:"selected_repository_ids"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &request) != nil {
		refuse(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	if bytes.Contains(body, []byte("canary")) {
		s.T.Error("a value was sent in the clear")
	}
	last := s.keys[place][len(s.keys[place])-1]
	sealed, err := base64.StdEncoding.DecodeString(request.EncryptedValue)
	value, ok := box.OpenAnonymous(nil, sealed, last.public, last.private)
	organization := strings.HasPrefix(place, "orgs/")
	if err != nil || !ok || request.KeyID != last.id || strings.HasPrefix(name, "GITHUB_") ||
		organization && !slices.Contains([]string{"all", "private", "selected"}, request.Visibility) {
		refuse(w, http.StatusUnprocessableEntity, "Invalid request: "+request.EncryptedValue)
		return
	}
	status := http.StatusNoContent
	if s.Secrets[place][name] == nil {
		status = http.StatusCreated
	}
	// A list that is left out is an empty one.
	s.Secrets[place][name] = &Secret{string(value), request.Visibility, request.Selected}
	s.Written = append(s.Written, name)
	if s.Lose > 0 {
		s.Lose--
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

func (s *Server) listSelected(w http.ResponseWriter, r *http.Request, held *Secret) {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	if size < 1 || size > 100 {
		size = 30
	}
	page = max(page, 1)
	from, to := min((page-1)*size, len(held.Selected)), min(page*size, len(held.Selected))
	if to < len(held.Selected) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, s.URL, r.URL.Path, size, page+1))
	}
	repositories := []map[string]int{}
	for _, id := range held.Selected[from:to] {
		repositories = append(repositories, map[string]int{"id": id})
	}
	reply(w, http.StatusOK, map[string]any{"total_count": len(held.Selected), "repositories": repositories})
}

// serveApp answers what an App asks as itself.
func (s *Server) serveApp(w http.ResponseWriter, r *http.Request, path, bearer string) {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(bearer, &claims, func(*jwt.Token) (any, error) { return s.app, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("Iv1.app"), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if s.app == nil || err != nil || time.Until(claims.ExpiresAt.Time) > 10*time.Minute {
		refuse(w, http.StatusUnauthorized, "A JSON web token could not be decoded")
		return
	}
	var limits struct {
		Repositories []string `json:"repositories"`
	}
	switch path {
	case "repos/acme/web/installation", "orgs/acme/installation":
		reply(w, http.StatusOK, map[string]int{"id": 42})
	case "app/installations/42/access_tokens":
		if err := json.NewDecoder(r.Body).Decode(&limits); err != nil {
			refuse(w, http.StatusBadRequest, "Problems parsing JSON")
			return
		}
		for _, name := range limits.Repositories {
			if !slices.Contains(s.Access, name) {
				refuse(w, http.StatusUnprocessableEntity, "not accessible to the parent installation")
				return
			}
		}
		reply(w, http.StatusCreated, map[string]any{"token": appToken, "expires_at": time.Now().Add(time.Hour), "permissions": s.Grants})
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]string{"message": message})
}

// NewAppKey makes an App's key pair and has the server know it.
func (s *Server) NewAppKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.app = &key.PublicKey
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// Seed puts secrets there as a person would.
func (s *Server) Seed(place, single, document string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		s.Secrets[place][single] = &Secret{Value: document, Visibility: "all"}
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = "AWS_SECRET_ACCESS_KEY", document
		}
		s.Secrets[place][name] = &Secret{Value: value, Visibility: "all"}
	}
}

// Content shows what a place holds: the value of a single secret, or lines.
func (s *Server) Content(place, single string) []byte {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if single != "" {
		if held := s.Secrets[place][single]; held != nil {
			return []byte(held.Value)
		}
		return nil
	}
	var lines []string
	for name, held := range s.Secrets[place] {
		lines = append(lines, name+"="+held.Value+"\n")
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
