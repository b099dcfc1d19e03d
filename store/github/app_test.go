package github_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
)

// asApp signs in as the App whose key the server knows.
func asApp(t *testing.T, s *server) func(*github.Options) {
	t.Helper()
	key := s.newAppKey(t)
	return func(o *github.Options) { o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: key} }
}

func TestAnAppSignsInOnceForAllCalls(t *testing.T) {
	s := newServer(t)
	made := open(t, s, asApp(t, s))
	if err := made.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := made.Put(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	var asItself []string
	for _, call := range s.calls {
		if strings.Contains(call, "installation") {
			asItself = append(asItself, call)
		}
	}
	if want := []string{"GET repos/acme/web/installation", "POST app/installations/42/access_tokens"}; !slices.Equal(asItself, want) {
		t.Errorf("calls as the App: %q, want %q", asItself, want)
	}
}

func TestAnInstallationThatIsNamedIsNotLookedFor(t *testing.T) {
	s := newServer(t)
	key := s.newAppKey(t)
	made := open(t, s, func(o *github.Options) {
		o.Token, o.App = "", &github.App{ID: "Iv1.app", PrivateKey: key, Installation: 42}
	})
	if err := made.Check(t.Context()); err != nil || s.calls[0] != "POST app/installations/42/access_tokens" {
		t.Errorf("%v after %q", err, s.calls)
	}
}

func TestWhatAnAppMayNotDoIsNamed(t *testing.T) {
	const echo = `{"message":"canary"}`
	tests := []struct {
		name     string
		prepare  func(*server)
		change   func(*github.Options)
		sentinel error
		want     string
	}{
		{"may only read", func(s *server) { s.grants["secrets"] = "read" }, nil, store.ErrDenied, "give the App the repository permission Secrets: write"},
		{
			"may not write to environments", func(s *server) { delete(s.grants, "environments") },
			func(o *github.Options) { o.Environment = "prod site" }, store.ErrDenied, "give the App the repository permission Environments: write",
		},
		{
			"may not write to the organization", func(s *server) { delete(s.grants, "organization_secrets") },
			ofOrganization, store.ErrDenied, "give the App the organization permission Secrets: write",
		},
		{"sees other repositories only", func(s *server) { s.access = nil }, nil, store.ErrDenied, "no access to the repository acme/web"},
		{
			"is not installed", func(s *server) { s.answers = []answer{{http.MethodGet, "installation", 404, nil, echo}} },
			nil, store.ErrDenied, "the App is not installed for acme/web",
		},
		{"has another key", func(s *server) { s.newAppKey(s.t) }, nil, store.ErrDenied, "GitHub does not know an App Iv1.app with this private key (401)"},
		{
			"is throttled", func(s *server) {
				s.answers = []answer{{http.MethodPost, "access_tokens", 429, map[string]string{"Retry-After": "9"}, echo}}
			}, nil, store.ErrThrottled, "sign in as an installation",
		},
		{
			"meets a broken GitHub", func(s *server) { s.answers = []answer{{http.MethodPost, "access_tokens", 503, nil, echo}} },
			nil, nil, "GitHub answered 503",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			sign := asApp(t, s)
			tt.prepare(s)
			made := open(t, s, func(o *github.Options) {
				sign(o)
				if tt.change != nil {
					tt.change(o)
				}
			})
			wantError(t, made.Check(t.Context()), tt.sentinel, tt.want)
			if len(s.written) > 0 {
				t.Errorf("%q was written", s.written)
			}
		})
	}
}
