package github_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
	"github.com/keyrotator/keyrotator/store/github/githubtest"
)

// asApp signs in as the App whose key the server knows.
func asApp(t *testing.T, s *githubtest.Server) func(*github.Options) {
	t.Helper()
	key := s.NewAppKey(t)
	return func(o *github.Options) { o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: key} }
}

func TestAnAppSignsInOnceForAllCalls(t *testing.T) {
	s := githubtest.New(t)
	made := open(t, s, asApp(t, s))
	if err := made.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := made.Put(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	var asItself []string
	for _, call := range s.Calls {
		if strings.Contains(call, "installation") {
			asItself = append(asItself, call)
		}
	}
	if want := []string{"GET repos/acme/web/installation", "POST app/installations/42/access_tokens"}; !slices.Equal(asItself, want) {
		t.Errorf("calls as the App: %q, want %q", asItself, want)
	}
}

func TestAnInstallationThatIsNamedIsNotLookedFor(t *testing.T) {
	s := githubtest.New(t)
	key := s.NewAppKey(t)
	made := open(t, s, func(o *github.Options) {
		o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: key, Installation: 42}
	})
	if err := made.Check(t.Context()); err != nil || s.Calls[0] != "POST app/installations/42/access_tokens" {
		t.Errorf("%v after %q", err, s.Calls)
	}
}

func TestWhatAnAppMayNotDoIsNamed(t *testing.T) {
	const echo = `{"message":"canary"}`
	tests := []struct {
		name     string
		prepare  func(*githubtest.Server)
		change   func(*github.Options)
		sentinel error
		want     string
	}{
		{"may only read", func(s *githubtest.Server) { s.Grants["secrets"] = "read" }, nil, store.ErrDenied, "give the App the repository permission Secrets: write"},
		{
			"may not write to environments", func(s *githubtest.Server) { delete(s.Grants, "environments") },
			func(o *github.Options) { o.Environment = "prod site" }, store.ErrDenied, "give the App the repository permission Environments: write",
		},
		{
			"may not write to the organization", func(s *githubtest.Server) { delete(s.Grants, "organization_secrets") },
			ofOrganization, store.ErrDenied, "give the App the organization permission Secrets: write",
		},
		{"sees other repositories only", func(s *githubtest.Server) { s.Access = nil }, nil, store.ErrDenied, "no access to the repository acme/web"},
		{
			"is not installed", func(s *githubtest.Server) {
				s.Answers = []githubtest.Answer{{Method: http.MethodGet, Path: "installation", Status: 404, Body: echo}}
			},
			nil, store.ErrDenied, "the App is not installed for acme/web",
		},
		{"has another key", func(s *githubtest.Server) { s.NewAppKey(s.T) }, nil, store.ErrDenied, "GitHub does not know an App Iv1.app with this private key (401)"},
		{
			"is throttled", func(s *githubtest.Server) {
				s.Answers = []githubtest.Answer{{Method: http.MethodPost, Path: "access_tokens", Status: 429, Header: map[string]string{"Retry-After": "9"}, Body: echo}}
			}, nil, store.ErrThrottled, "sign in as an installation",
		},
		{
			"meets a broken GitHub", func(s *githubtest.Server) {
				s.Answers = []githubtest.Answer{{Method: http.MethodPost, Path: "access_tokens", Status: 503, Body: echo}}
			},
			nil, nil, "GitHub answered 503",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := githubtest.New(t)
			sign := asApp(t, s)
			tt.prepare(s)
			made := open(t, s, func(o *github.Options) {
				sign(o)
				if tt.change != nil {
					tt.change(o)
				}
			})
			wantError(t, made.Check(t.Context()), tt.sentinel, tt.want)
			if len(s.Written) > 0 {
				t.Errorf("%q was written", s.Written)
			}
		})
	}
}
