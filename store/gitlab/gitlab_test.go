package gitlab_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/gitlab"
	"github.com/keyrotator/keyrotator/store/gitlab/gitlabtest"
)

var (
	credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/K7MDENG/bPxRfiCYEXAMPLEKEY")
	older      = store.NewCredential("AKIAOLDER", "canary/older/wJalrXUtnFEMI")
)

// open makes the store of a project's two variables, or of what change says.
func open(t *testing.T, s *gitlabtest.Server, change func(*gitlab.Options)) store.Store {
	t.Helper()
	o := options(t, s)
	if change != nil {
		change(&o)
	}
	made, err := gitlab.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func check(t *testing.T, s store.Store) error {
	t.Helper()
	return s.(store.Checker).Check(t.Context())
}

func put(t *testing.T, s store.Store, c store.Credential) error {
	t.Helper()
	_, err := s.Put(t.Context(), c)
	return err
}

func TestTheSecretIsWrittenBeforeTheIDAndNothingIsDeleted(t *testing.T) {
	s := gitlabtest.New(t)
	made := open(t, s, nil)
	for _, c := range []store.Credential{older, credential} {
		if err := put(t, made, c); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{names.Secret, names.KeyID, names.Secret, names.KeyID}; !slices.Equal(s.Written, want) {
		t.Errorf("written %q, want %q", s.Written, want)
	}
	for _, call := range s.Calls {
		if strings.HasPrefix(call, http.MethodDelete) {
			t.Errorf("%s: a variable must never be gone", call)
		}
	}
}

func TestANewVariableIsWhatTheConfigurationSays(t *testing.T) {
	for _, x := range []struct {
		visibility     string
		masked, hidden bool
	}{{gitlab.Visible, false, false}, {gitlab.Masked, true, false}, {gitlab.Hidden, true, true}} {
		s := gitlabtest.New(t)
		err := put(t, open(t, s, func(o *gitlab.Options) {
			o.Visibility, o.Protected, o.Type, o.EnvironmentScope = x.visibility, true, "file", "review/*"
		}), credential)
		if err != nil || len(s.Places[gitlabtest.WebPlace]) != 2 {
			t.Fatalf("%s: %v", x.visibility, err)
		}
		v := *s.Places[gitlabtest.WebPlace][1]
		if *v.Value != credential.KeyID() || *v.Description != "keyrotator:prod/ci-deployer:"+credential.KeyID() {
			t.Errorf("%s has the description %q", v.Key, *v.Description)
		}
		v.Value, v.Description = nil, nil
		if want := (gitlabtest.Held{Type: "file", Key: names.KeyID, Protected: true, Masked: x.masked, Hidden: x.hidden, Raw: true, Scope: "review/*"}); v != want {
			t.Errorf("%s: %+v, want %+v", x.visibility, v, want)
		}
	}
}

func TestAVariableThatExistsKeepsWhatItHas(t *testing.T) {
	s := gitlabtest.New(t)
	other := gitlabtest.Held{Key: names.Secret, Value: new("production's"), Scope: "production"}
	had := []gitlabtest.Held{
		{Type: "file", Key: names.Secret, Protected: true, Masked: true, Hidden: true, Raw: true, Scope: "*"},
		{Type: "env_var", Key: names.KeyID, Scope: "*"},
	}
	for _, v := range append(slices.Clone(had), other) {
		if v.Value == nil {
			v.Value = new("old-value")
		}
		v.Description = new("for the nightly job")
		s.Places[gitlabtest.WebPlace] = append(s.Places[gitlabtest.WebPlace], &v)
	}
	// What the configuration says of new variables is another thing altogether.
	made := open(t, s, func(o *gitlab.Options) { o.Visibility, o.Adopt = gitlab.Hidden, true })
	for _, c := range []store.Credential{older, credential} {
		if err := put(t, made, c); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range s.Places[gitlabtest.WebPlace][:2] {
		if *v.Description != "for the nightly job keyrotator:prod/ci-deployer:"+credential.KeyID() || *v.Value == "old-value" {
			t.Errorf("%s is described as %q", v.Key, *v.Description)
		}
		left := *v
		left.Value, left.Description = nil, nil
		if left != had[i] {
			t.Errorf("%+v became %+v", had[i], left)
		}
	}
	if v := s.Places[gitlabtest.WebPlace][2]; *v.Value != "production's" || *v.Description != "for the nightly job" {
		t.Error("the variable of another environment scope was changed")
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	s := gitlabtest.New(t)
	made := open(t, s, nil)
	if err := put(t, made, credential); err != nil {
		t.Fatal(err)
	}
	s.Written = nil
	s.Find(gitlabtest.WebPlace, names.KeyID).Value = new("")
	s.Find(gitlabtest.WebPlace, names.KeyID).Description = nil
	if err := put(t, made, credential); err != nil || !slices.Equal(s.Written, []string{names.KeyID}) {
		t.Errorf("%v, written %q", err, s.Written)
	}
}

// A refusal of each status, on reading and on writing. GitLab's messages repeat
// what was sent, and must not come through.
func TestEachRefusalIsSaidInOurWords(t *testing.T) {
	const get, post, echo = http.MethodGet, http.MethodPost, `{"message":{"value":["canary is invalid"]}}`
	tests := []struct {
		name     string
		answer   gitlabtest.Answer
		sentinel error // nil: none of them
		want     string
	}{
		{"401 on reading", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 401, Body: echo}, store.ErrDenied, "wrong, expired or revoked"},
		{"403 on reading", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 403, Body: echo}, store.ErrDenied, "the scope api, and the role Maintainer in the project acme/web.site"},
		{"404 of the project", gitlabtest.Answer{Method: get, Path: "/variables", Status: 404, Body: echo}, nil, "the project acme/web.site does not exist, or is hidden"},
		{"409 on reading", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 409, Body: echo}, store.ErrConflict, "several variables"},
		{"429 on reading", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 429, Header: map[string]string{"Retry-After": "60", "RateLimit-Remaining": "0"}, Body: echo}, store.ErrThrottled, "429"},
		{"500 on reading", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 500, Body: echo}, nil, "GitLab answered 500"},
		{"no JSON", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 200, Body: "canary"}, nil, "could not be understood"},
		{"a redirect", gitlabtest.Answer{Method: get, Path: names.Secret, Status: 301, Header: map[string]string{"Location": "http://127.0.0.1:1/"}, Body: echo}, nil, "renamed or moved"},
		{"400 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 400, Body: echo}, nil, "does not take the value"},
		{"401 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 401, Body: echo}, store.ErrDenied, "expired"},
		{"403 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 403, Body: echo}, store.ErrDenied, "the scope api"},
		{"404 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 404, Body: echo}, nil, "does not exist"},
		{"405 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 405, Body: echo}, nil, "renamed or moved"},
		{"409 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 409, Body: echo}, store.ErrConflict, ""},
		{"422 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 422, Body: echo}, nil, "does not take the value"},
		{"429 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 429, Header: map[string]string{"Retry-After": "60"}, Body: "Retry later"}, store.ErrThrottled, "429"},
		{"502 on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 502, Body: "canary"}, store.ErrAmbiguous, "502"},
		{"a redirect on writing", gitlabtest.Answer{Method: post, Path: "/variables", Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}, Body: echo}, nil, "renamed or moved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := gitlabtest.New(t)
			s.Answers = []gitlabtest.Answer{tt.answer}
			wantError(t, put(t, open(t, s, nil), credential), tt.sentinel, tt.want)
			if len(s.Written) > 0 {
				t.Errorf("%q was written", s.Written)
			}
		})
	}
}

// wantError asks for exactly one sentinel, a part of the text, and no secret.
func wantError(t *testing.T, err, sentinel error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
		t.Errorf("err = %v, want one with %q and without what was sent", err, want)
	}
	for _, s := range []error{store.ErrForeign, store.ErrEmpty, store.ErrConflict, store.ErrDenied, store.ErrThrottled, store.ErrAmbiguous} {
		if errors.Is(err, s) != errors.Is(sentinel, s) {
			t.Errorf("err = %v: is %q: %t", err, s, errors.Is(err, s))
		}
	}
}

func TestARefusalOfTheSecondVariableIsAmbiguous(t *testing.T) {
	s := gitlabtest.New(t)
	made := open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.Answers = []gitlabtest.Answer{{Method: http.MethodPut, Path: names.KeyID, Status: 403}}
	wantError(t, put(t, made, credential), store.ErrAmbiguous, "AWS_SECRET_ACCESS_KEY is written, AWS_ACCESS_KEY_ID is not")
	if err := put(t, made, credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
	// Refused before anything was written, it is what it says.
	s.Answers = []gitlabtest.Answer{{Method: http.MethodPut, Path: names.Secret, Status: 403}}
	wantError(t, put(t, made, older), store.ErrDenied, "Maintainer")
}

func TestACheckNamesWhatIsMissing(t *testing.T) {
	tests := []struct {
		name     string
		prepare  func(*gitlabtest.Server)
		change   func(*gitlab.Options)
		sentinel error
		want     string
	}{
		{"the scope api", func(s *gitlabtest.Server) { s.Scopes = []string{"read_api", "read_user"} }, nil, store.ErrDenied, "lacks the scope api; it may only read_api, read_user"},
		{"the role", func(s *gitlabtest.Server) { s.Guest = true }, nil, store.ErrDenied, "the role Maintainer in the project acme/web.site"},
		{"the role in a group", func(s *gitlabtest.Server) { s.Guest = true }, func(o *gitlab.Options) { o.Project, o.Group = "", "acme" }, store.ErrDenied, "the role Owner in the group acme"},
		{"the project", func(*gitlabtest.Server) {}, func(o *gitlab.Options) { o.Project = "acme/gone" }, nil, "the project acme/gone does not exist, or is hidden"},
		{"a token", func(*gitlabtest.Server) {}, func(o *gitlab.Options) { o.Token = "wrong" }, store.ErrDenied, "does not accept the token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := gitlabtest.New(t)
			tt.prepare(s)
			wantError(t, check(t, open(t, s, tt.change)), tt.sentinel, tt.want)
		})
	}
	for _, scopes := range [][]string{{"read_user", "api"}, nil} {
		s := gitlabtest.New(t)
		s.Scopes = scopes
		if err := check(t, open(t, s, nil)); err != nil {
			t.Errorf("a token of scopes %q: %v", scopes, err)
		}
	}
}

func TestACheckEndsWithItsContext(t *testing.T) {
	s := gitlabtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, s, nil).(store.Checker).Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestAStoreIsNamedByItsHostItsPlaceAndItsVariables(t *testing.T) {
	s := gitlabtest.New(t)
	const variables = "#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"
	for want, change := range map[string]func(*gitlab.Options){
		"gitlab:gitlab.com/acme/web.site" + variables: func(o *gitlab.Options) { o.URL, o.Project = "", "Acme/Web.site" },
		"gitlab:gitlab.example.com/git/acme/web@production" + variables: func(o *gitlab.Options) {
			o.URL, o.Project, o.EnvironmentScope = "https://GitLab.example.com/git/", "acme/web", "production"
		},
		"gitlab:gitlab.com/groups/acme/team" + variables: func(o *gitlab.Options) { o.URL, o.Project, o.Group, o.EnvironmentScope = "", "", "acme/team", "*" },
	} {
		made := open(t, s, change)
		if got := made.Describe().String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if strings.Contains(fmt.Sprintf(verb, made), gitlabtest.Token) {
				t.Errorf("%s shows the token", verb)
			}
		}
	}
}

func TestWhatCannotBeAStoreIsRefused(t *testing.T) {
	s := gitlabtest.New(t)
	for name, change := range map[string]func(*gitlab.Options){
		"no place":                 func(o *gitlab.Options) { o.Project = "" },
		"two places":               func(o *gitlab.Options) { o.Group = "acme" },
		"a place of slashes":       func(o *gitlab.Options) { o.Project = "//" },
		"no client":                func(o *gitlab.Options) { o.HTTP = nil },
		"no token":                 func(o *gitlab.Options) { o.Token = "" },
		"no variables":             func(o *gitlab.Options) { o.Variables = store.Variables{} },
		"no owner":                 func(o *gitlab.Options) { o.Owner = "" },
		"an owner of two words":    func(o *gitlab.Options) { o.Owner = "prod/a b" },
		"an owner who is too long": func(o *gitlab.Options) { o.Owner = strings.Repeat("x", 200) },
		"an unknown visibility":    func(o *gitlab.Options) { o.Visibility = "secret" },
		"a URL that is none":       func(o *gitlab.Options) { o.URL = "gitlab" },
	} {
		o := options(t, s)
		change(&o)
		if _, err := gitlab.New(o); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
