package github_test

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

// server stands in for GitHub Enterprise Server, written from "REST API endpoints
// for GitHub Actions Secrets", "for GitHub Apps", "Rate limits for the REST API"
// and "Encrypting secrets for the REST API" in GitHub Docs. It opens every box.
type server struct {
	*httptest.Server
	t *testing.T

	mu sync.Mutex // guards what follows
	// keys are the pairs of each place; the last one is in force.
	keys map[string][]pair
	// secrets are what each place holds, by NAME.
	secrets map[string]map[string]*secret
	// repositories are the numbers of those that exist.
	repositories map[string]int
	archived     bool
	// scopes are a classic token's, nil for a fine-grained one.
	scopes []string
	app    *rsa.PublicKey // whose installation may do what permissions say
	grants map[string]string
	access []string // repositories that the installation sees
	// answers are taken, in turn, by the calls that match them.
	answers []answer
	// lose is how many writes take effect and get no answer.
	lose int
	// before runs before the next write.
	before func()
	// written lists NAMEs in order; calls has "METHOD path".
	written, calls []string
}

type pair struct {
	id              string
	public, private *[32]byte
}

type secret struct {
	value, visibility string
	selected          []int
}

// answer is what a call gets instead of its own answer.
type answer struct {
	method, path string // the path's end
	status       int
	header       map[string]string
	body         string
}

const (
	token    = "ghp_token-of-nobody"
	appToken = "ghs_installation-of-nobody"
)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{
		t: t, keys: map[string][]pair{}, repositories: map[string]int{"acme/web": 7, "acme/api": 8},
		secrets: map[string]map[string]*secret{"repos/acme/web/actions": {}, "repos/acme/web/environments/prod site": {}, "orgs/acme/actions": {}},
		grants:  map[string]string{"secrets": "write", "environments": "write", "organization_secrets": "write"}, access: []string{"web"},
	}
	for place := range s.secrets {
		s.rotate(place)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// rotate gives a place a new key pair; what is sealed for the old one is refused.
func (s *server) rotate(place string) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	s.keys[place] = append(s.keys[place], pair{strconv.Itoa(568250167242549743 + len(s.keys[place])), public, private})
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v3/")
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
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasSuffix(path, "/installation") || strings.HasPrefix(path, "app/") {
		s.serveApp(w, r, path, bearer)
		return
	}
	if bearer != token && (s.app == nil || bearer != appToken) {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	w.Header().Set("X-Ratelimit-Limit", "5000")
	w.Header().Set("X-Ratelimit-Remaining", "4999")
	w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	if s.scopes != nil {
		w.Header().Set("X-OAuth-Scopes", strings.Join(s.scopes, ", "))
	}
	if name, ok := strings.CutPrefix(path, "repos/"); ok && s.repositories[name] != 0 {
		reply(w, http.StatusOK, map[string]any{"id": s.repositories[name], "archived": s.archived})
		return
	}
	place, rest, ok := strings.Cut(path, "/secrets/")
	if !ok || s.secrets[place] == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	s.serveSecret(w, r, place, rest)
}

func (s *server) serveSecret(w http.ResponseWriter, r *http.Request, place, rest string) {
	name, list := strings.CutSuffix(rest, "/repositories")
	name = strings.ToUpper(name)
	held := s.secrets[place][name]
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
		reply(w, http.StatusOK, map[string]any{"name": name, "visibility": held.visibility})
	}
}

func (s *server) put(w http.ResponseWriter, r *http.Request, place, name string) {
	if before := s.before; before != nil {
		s.before = nil
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
		s.t.Error("a value was sent in the clear")
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
	if s.secrets[place][name] == nil {
		status = http.StatusCreated
	}
	// A list that is left out is an empty one.
	s.secrets[place][name] = &secret{string(value), request.Visibility, request.Selected}
	s.written = append(s.written, name)
	if s.lose > 0 {
		s.lose--
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

func (s *server) listSelected(w http.ResponseWriter, r *http.Request, held *secret) {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	if size < 1 || size > 100 {
		size = 30
	}
	page = max(page, 1)
	from, to := min((page-1)*size, len(held.selected)), min(page*size, len(held.selected))
	if to < len(held.selected) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, s.URL, r.URL.Path, size, page+1))
	}
	repositories := []map[string]int{}
	for _, id := range held.selected[from:to] {
		repositories = append(repositories, map[string]int{"id": id})
	}
	reply(w, http.StatusOK, map[string]any{"total_count": len(held.selected), "repositories": repositories})
}

// serveApp answers what an App asks as itself.
func (s *server) serveApp(w http.ResponseWriter, r *http.Request, path, bearer string) {
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
			if !slices.Contains(s.access, name) {
				refuse(w, http.StatusUnprocessableEntity, "not accessible to the parent installation")
				return
			}
		}
		reply(w, http.StatusCreated, map[string]any{"token": appToken, "expires_at": time.Now().Add(time.Hour), "permissions": s.grants})
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

// newAppKey makes an App's key pair and has the server know it.
func (s *server) newAppKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.app = &key.PublicKey
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
