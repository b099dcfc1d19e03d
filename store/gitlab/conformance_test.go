package gitlab_test

import (
	"net/http"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/gitlab"
	"github.com/keyrotator/keyrotator/store/gitlab/gitlabtest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var names = store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}

// options are those of a project's two variables.
func options(t *testing.T, s *gitlabtest.Server) gitlab.Options {
	t.Helper()
	variables, err := store.NewVariables(names)
	if err != nil {
		t.Fatal(err)
	}
	return gitlab.Options{
		HTTP: &http.Client{Transport: s.Client().Transport}, URL: s.URL, Token: gitlabtest.Token,
		Project: "acme/web.site", Visibility: gitlab.Masked, Variables: variables, Owner: storetest.Owner,
	}
}

func single(t *testing.T, shape store.Payload) store.Variables {
	t.Helper()
	variables, err := store.NewSingleVariable("AWS", shape)
	if err != nil {
		t.Fatal(err)
	}
	return variables
}

func TestVariablesConform(t *testing.T) {
	dotenv, err := store.Dotenv(names)
	if err != nil {
		t.Fatal(err)
	}
	document, err := store.JSON(names)
	if err != nil {
		t.Fatal(err)
	}
	template, err := store.Template(`{{.KeyID}}:{{.Secret}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, place string
		payload     store.Payload
		single      string
		harness     storetest.Harness
		change      func(*testing.T, *gitlabtest.Server, *gitlab.Options)
	}{
		{"a project's", gitlabtest.WebPlace, dotenv, "", storetest.Harness{}, nil},
		{"a group's", gitlabtest.GroupPlace, dotenv, "", storetest.Harness{}, func(_ *testing.T, _ *gitlabtest.Server, o *gitlab.Options) { o.Project, o.Group = "", "acme" }},
		{"hidden ones", gitlabtest.WebPlace, dotenv, "", storetest.Harness{WriteOnly: true}, func(_ *testing.T, _ *gitlabtest.Server, o *gitlab.Options) { o.Visibility = gitlab.Hidden }},
		{"one with a document", gitlabtest.WebPlace, document, "AWS", storetest.Harness{}, func(t *testing.T, _ *gitlabtest.Server, o *gitlab.Options) {
			o.Variables, o.Visibility = single(t, document), gitlab.Visible
		}},
		{"one with a masked template", gitlabtest.WebPlace, template, "AWS", storetest.Harness{}, func(t *testing.T, _ *gitlabtest.Server, o *gitlab.Options) {
			o.Variables = single(t, template)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := x.harness
			h.Payload = x.payload
			h.NewPlace = func(t *testing.T) storetest.Place { return newPlace(t, x.place, x.single, x.change) }
			storetest.Run(t, h)
		})
	}
}

func newPlace(t *testing.T, place, single string, change func(*testing.T, *gitlabtest.Server, *gitlab.Options)) storetest.Place {
	s := gitlabtest.New(t)
	base := options(t, s)
	if change != nil {
		change(t, s, &base)
	}
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := base
			o.Owner, o.Adopt = owner, adopt
			made, err := gitlab.New(o)
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
