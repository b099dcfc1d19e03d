package github_test

import (
	"net/http"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
	"github.com/keyrotator/keyrotator/store/github/githubtest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var names = store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}

// options are those of a repository's two secrets.
func options(t *testing.T, s *githubtest.Server) github.Options {
	t.Helper()
	variables, err := store.NewVariables(names)
	if err != nil {
		t.Fatal(err)
	}
	return github.Options{
		HTTP: &http.Client{Transport: s.Client().Transport}, URL: s.URL, Token: githubtest.Token,
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
		change      func(*testing.T, *githubtest.Server, *github.Options)
	}{
		{"a repository's", "repos/acme/web/actions", "", nil},
		{"an environment's", "repos/acme/web/environments/prod site", "", func(_ *testing.T, _ *githubtest.Server, o *github.Options) { o.Environment = "prod site" }},
		{"an organization's", "orgs/acme/actions", "", func(_ *testing.T, _ *githubtest.Server, o *github.Options) {
			o.Repository, o.Organization, o.Visibility = "", "acme", "private"
		}},
		{"one with a document", "repos/acme/web/actions", "AWS", func(t *testing.T, _ *githubtest.Server, o *github.Options) {
			var err error
			if o.Variables, err = store.NewSingleVariable("AWS", document); err != nil {
				t.Fatal(err)
			}
		}},
		{"by an App", "repos/acme/web/actions", "", func(t *testing.T, s *githubtest.Server, o *github.Options) {
			o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: s.NewAppKey(t)}
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
func newPlace(t *testing.T, place, single string, change func(*testing.T, *githubtest.Server, *github.Options)) storetest.Place {
	s := githubtest.New(t)
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
		Seed:       func(_ *testing.T, document []byte) { s.Seed(place, single, string(document)) },
		Content:    func(*testing.T) []byte { return s.Content(place, single) },
		Writes:     func(*testing.T) int { s.Mu.Lock(); defer s.Mu.Unlock(); return len(s.Written) },
		LoseAnswer: func(_ *testing.T, n int) { s.Mu.Lock(); defer s.Mu.Unlock(); s.Lose = n },
	}
}
