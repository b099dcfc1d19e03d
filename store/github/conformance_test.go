package github_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var names = store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}

// options are those of a repository's two secrets.
func options(t *testing.T, s *server) github.Options {
	t.Helper()
	variables, err := store.NewVariables(names)
	if err != nil {
		t.Fatal(err)
	}
	return github.Options{
		HTTP: &http.Client{Transport: s.Client().Transport}, URL: s.URL, Token: token,
		Repository: "Acme/Web", Variables: variables, Owner: storetest.Owner,
	}
}

func TestSecretsConform(t *testing.T) {
	dotenv, err := store.Dotenv(names)
	if err != nil {
		t.Fatal(err)
	}
	document, err := store.JSON(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, place string
		single      string
		change      func(*testing.T, *server, *github.Options)
	}{
		{"a repository's", "repos/acme/web/actions", "", nil},
		{"an environment's", "repos/acme/web/environments/prod site", "", func(_ *testing.T, _ *server, o *github.Options) { o.Environment = "prod site" }},
		{"an organization's", "orgs/acme/actions", "", func(_ *testing.T, _ *server, o *github.Options) {
			o.Repository, o.Organization, o.Visibility = "", "acme", "private"
		}},
		{"one with a document", "repos/acme/web/actions", "AWS", func(t *testing.T, _ *server, o *github.Options) {
			var err error
			if o.Variables, err = store.NewSingleVariable("AWS", document); err != nil {
				t.Fatal(err)
			}
		}},
		{"by an App", "repos/acme/web/actions", "", func(t *testing.T, s *server, o *github.Options) {
			o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: s.newAppKey(t)}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := storetest.Harness{
				Payload: dotenv, WriteOnly: true, Unmarked: true,
				NewPlace: func(t *testing.T) storetest.Place { return newPlace(t, x.place, x.single, x.change) },
			}
			if x.single != "" {
				h.Payload = document
			}
			storetest.Run(t, h)
		})
	}
}

// newPlace shows two secrets as dotenv lines, a single one as it is.
func newPlace(t *testing.T, place, single string, change func(*testing.T, *server, *github.Options)) storetest.Place {
	s := newServer(t)
	base := options(t, s)
	base.Repository = "acme/web"
	if change != nil {
		change(t, s, &base)
	}
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := base
			o.Owner, o.Adopt = owner, adopt
			made, err := github.New(o)
			if err != nil {
				t.Fatal(err)
			}
			return made
		},
		Seed:       func(_ *testing.T, document []byte) { s.seed(place, single, string(document)) },
		Content:    func(*testing.T) []byte { return s.content(place, single) },
		Writes:     func(*testing.T) int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.written) },
		LoseAnswer: func(_ *testing.T, n int) { s.mu.Lock(); defer s.mu.Unlock(); s.lose = n },
	}
}

// seed puts secrets there as a person would.
func (s *server) seed(place, single, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		s.secrets[place][single] = &secret{value: document, visibility: "all"}
		return
	}
	for line := range strings.Lines(document) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			name, value = names.Secret, document
		}
		s.secrets[place][name] = &secret{value: value, visibility: "all"}
	}
}

func (s *server) content(place, single string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if single != "" {
		if held := s.secrets[place][single]; held != nil {
			return []byte(held.value)
		}
		return nil
	}
	var lines []string
	for name, held := range s.secrets[place] {
		lines = append(lines, name+"="+held.value+"\n")
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
