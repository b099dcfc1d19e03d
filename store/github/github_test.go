package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/github"
	"github.com/keyrotator/keyrotator/store/github/githubtest"
)

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/K7MDENG/bPxRfiCYEXAMPLEKEY")

const (
	webPlace = "repos/acme/web/actions"
	orgPlace = "orgs/acme/actions"
)

// open makes the store of a repository's two secrets, or of what change says.
func open(t *testing.T, s *githubtest.Server, change func(*github.Options)) *github.Store {
	t.Helper()
	o := options(t, s)
	o.Repository = "acme/web"
	if change != nil {
		change(&o)
	}
	made, err := github.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func ofOrganization(o *github.Options) {
	o.Repository, o.Organization, o.Visibility = "", "acme", "private"
}

func TestTheSecretIsWrittenBeforeTheID(t *testing.T) {
	s := githubtest.New(t)
	if _, err := open(t, s, nil).Put(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if want := []string{names.Secret, names.KeyID}; !slices.Equal(s.Written, want) {
		t.Errorf("written %q, want %q", s.Written, want)
	}
	for _, call := range s.Calls {
		if strings.HasPrefix(call, http.MethodDelete) {
			t.Errorf("%s: a secret must never be gone", call)
		}
	}
}

func TestAPublicKeyThatIsReplacedMeanwhileIsFetchedAgain(t *testing.T) {
	s := githubtest.New(t)
	s.Before = func() { s.Rotate(webPlace) }
	if _, err := open(t, s, nil).Put(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if got := string(s.Content(webPlace, "")); !strings.Contains(got, credential.KeyID()) || len(s.Written) != 2 {
		t.Errorf("%d secrets were written", len(s.Written))
	}
	fetched := 0
	for _, call := range s.Calls {
		if call == "GET "+webPlace+"/secrets/public-key" {
			fetched++
		}
	}
	if fetched != 2 {
		t.Errorf("the public key was fetched %d times, want 2", fetched)
	}
}

// A refusal of each status, on reading and on writing. GitHub's messages repeat
// what was sent, and must not come through.
func TestEachRefusalIsSaidInOurWords(t *testing.T) {
	const get, put, echo = http.MethodGet, http.MethodPut, `{"message":"canary-message"}`
	later := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	tests := []struct {
		name     string
		answer   githubtest.Answer
		sentinel error // nil: none of them
		want     string
	}{
		{"401 on reading", githubtest.Answer{Method: get, Path: "public-key", Status: 401, Body: echo}, store.ErrDenied, "wrong, expired or revoked"},
		{"403 on reading", githubtest.Answer{Method: get, Path: "public-key", Status: 403, Body: echo}, store.ErrDenied, "the repository permission Secrets: read"},
		{"404 on reading", githubtest.Answer{Method: get, Path: "public-key", Status: 404, Body: echo}, nil, "acme/web does not exist, or is hidden"},
		{"500 on reading", githubtest.Answer{Method: get, Path: "public-key", Status: 500, Body: echo}, nil, "GitHub answered 500"},
		{"a public key that is none", githubtest.Answer{Method: get, Path: "public-key", Status: 200, Body: `{"key_id":"1","key":"c2hvcnQ="}`}, nil, "no public key"},
		{"403 on looking", githubtest.Answer{Method: get, Path: "AWS_ACCESS_KEY_ID", Status: 403, Body: echo}, store.ErrDenied, "Secrets: read"},
		{
			"403 on writing, with what is missing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 403, Header: map[string]string{"X-Accepted-GitHub-Permissions": "secrets=write"}, Body: echo},
			store.ErrDenied, "the repository permission Secrets: write (GitHub asks for secrets=write)",
		},
		{
			"a header that is no permission", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 403, Header: map[string]string{"X-Accepted-GitHub-Permissions": "canary"}, Body: echo},
			store.ErrDenied, "the repository permission Secrets: write;",
		},
		{"401 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 401, Body: echo}, store.ErrDenied, "expired"},
		{"404 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 404, Body: echo}, nil, "does not exist"},
		{"409 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 409, Body: echo}, store.ErrConflict, "409"},
		{"429 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 429, Header: map[string]string{"Retry-After": "60"}, Body: echo}, store.ErrThrottled, "asks to wait"},
		{"403 that asks to wait", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 403, Header: map[string]string{"Retry-After": "60"}, Body: echo}, store.ErrThrottled, "asks to wait"},
		{
			"the rate limit", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 403, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": later}, Body: echo},
			store.ErrThrottled, "rate limit is used up until 20",
		},
		{
			"the secondary rate limit", githubtest.Answer{
				Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 403, Header: map[string]string{"Retry-After": "60"},
				Body: `{"message":"canary","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`,
			},
			store.ErrThrottled, "asks to wait",
		},
		{
			"the secondary rate limit by its page", githubtest.Answer{
				Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 429, Header: map[string]string{"Retry-After": "60"},
				Body: `{"message":"canary","documentation_url":"https://docs.github.com/rest/secondary-rate-limits"}`,
			},
			store.ErrThrottled, "asks to wait 1m0s",
		},
		{"502 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 502, Body: echo}, store.ErrAmbiguous, "502"},
		{"202 on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 202, Body: echo}, store.ErrAmbiguous, ""},
		{"a redirect on reading", githubtest.Answer{Method: get, Path: "public-key", Status: 301, Header: map[string]string{"Location": "/api/v3/repositories/7/x"}, Body: echo}, nil, "renamed or moved"},
		{"a redirect on writing", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}, Body: echo}, nil, "renamed or moved"},
		{"a second factor", githubtest.Answer{Method: put, Path: "AWS_SECRET_ACCESS_KEY", Status: 401, Header: map[string]string{"X-GitHub-OTP": "required; app"}, Body: echo}, store.ErrDenied, "second factor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := githubtest.New(t)
			s.Answers = []githubtest.Answer{tt.answer}
			_, err := open(t, s, nil).Put(t.Context(), credential)
			wantError(t, err, tt.sentinel, tt.want)
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

func TestAPublicKeyThatIsRefusedTwiceEndsTheWrite(t *testing.T) {
	s := githubtest.New(t)
	refusal := githubtest.Answer{Method: http.MethodPut, Path: "AWS_SECRET_ACCESS_KEY", Status: 422, Body: `{"message":"canary"}`}
	s.Answers = []githubtest.Answer{refusal, refusal, refusal}
	_, err := open(t, s, nil).Put(t.Context(), credential)
	wantError(t, err, nil, "422")
	if len(s.Answers) != 1 {
		t.Errorf("%d refusals were asked for, want 2", 3-len(s.Answers))
	}
}

// That nothing was changed would be wrong of half a credential.
func TestARefusalOfTheSecondSecretIsAmbiguous(t *testing.T) {
	s := githubtest.New(t)
	s.Answers = []githubtest.Answer{{Method: http.MethodPut, Path: "AWS_ACCESS_KEY_ID", Status: 403, Body: `{"message":"canary"}`}}
	_, err := open(t, s, nil).Put(t.Context(), credential)
	wantError(t, err, store.ErrAmbiguous, "AWS_SECRET_ACCESS_KEY is written, AWS_ACCESS_KEY_ID is not")
	if _, err := open(t, s, nil).Put(store.WithRecorded(t.Context(), true), credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
}

func TestSecretsThatExistAreNamed(t *testing.T) {
	s := githubtest.New(t)
	s.Seed(webPlace, "", "AWS_ACCESS_KEY_ID=AKIAFOREIGN\n")
	made := open(t, s, nil)
	for doing, err := range map[string]error{"put": second(made.Put(t.Context(), credential)), "check": made.Check(t.Context())} {
		wantError(t, err, store.ErrForeign, "AWS_ACCESS_KEY_ID exists, and there is no record of having written it")
		if strings.Contains(err.Error(), "SECRET_ACCESS_KEY exists") {
			t.Errorf("%s names a secret that does not exist: %v", doing, err)
		}
	}
	for _, ctx := range []context.Context{store.WithRecorded(t.Context(), true), t.Context()} {
		adopt := func(o *github.Options) { o.Adopt = !store.Recorded(ctx) }
		if err := open(t, s, adopt).Check(ctx); err != nil {
			t.Errorf("check of what is ours or to be adopted: %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnOrganizationsSecretKeepsWhoSeesIt(t *testing.T) {
	many := make([]int, 250) // three pages
	for i := range many {
		many[i] = 1000 + i
	}
	for _, x := range []struct {
		visibility string
		selected   []int
	}{{"all", nil}, {"private", nil}, {"selected", many}, {"selected", []int{}}} {
		t.Run(fmt.Sprintf("%s %d", x.visibility, len(x.selected)), func(t *testing.T) {
			s := githubtest.New(t)
			for _, name := range []string{names.Secret, names.KeyID} {
				s.Secrets[orgPlace][name] = &githubtest.Secret{Value: "old", Visibility: x.visibility, Selected: x.selected}
			}
			made := open(t, s, func(o *github.Options) {
				ofOrganization(o)
				o.Visibility, o.Selected = "selected", []string{"web"}
			})
			if _, err := made.Put(store.WithRecorded(t.Context(), true), credential); err != nil {
				t.Fatal(err)
			}
			for name, held := range s.Secrets[orgPlace] {
				if held.Value == "old" || held.Visibility != x.visibility || !slices.Equal(held.Selected, x.selected) {
					t.Errorf("%s is seen by %q, %d repositories", name, held.Visibility, len(held.Selected))
				}
			}
		})
	}
}

func TestANewSecretOfAnOrganizationIsSeenByWhomTheConfigurationNames(t *testing.T) {
	s := githubtest.New(t)
	made := open(t, s, func(o *github.Options) {
		ofOrganization(o)
		o.Visibility, o.Selected = "selected", []string{"web", "api"}
	})
	if err := made.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := made.Put(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if held := s.Secrets[orgPlace][names.KeyID]; held.Visibility != "selected" || !slices.Equal(held.Selected, []int{7, 8}) {
		t.Errorf("seen by %q, %d", held.Visibility, held.Selected)
	}
}

// What fails before a write was sent has written nothing, and says so.
func TestARepositoryThatCannotBeLookedUpIsNoLostAnswer(t *testing.T) {
	for status, sentinel := range map[int]error{404: nil, 403: store.ErrDenied, 500: nil} {
		s := githubtest.New(t)
		s.Answers = []githubtest.Answer{{Method: http.MethodGet, Path: "repos/acme/api", Status: status}}
		_, err := open(t, s, func(o *github.Options) {
			ofOrganization(o)
			o.Visibility, o.Selected = "selected", []string{"api"}
		}).Put(t.Context(), credential)
		wantError(t, err, sentinel, "")
		if len(s.Written) > 0 {
			t.Errorf("after %d %q was written", status, s.Written)
		}
	}
}

func TestACheckNamesWhatIsMissing(t *testing.T) {
	tests := []struct {
		name     string
		prepare  func(*githubtest.Server)
		change   func(*github.Options)
		sentinel error
		want     string
	}{
		{"the scope of a classic token", func(s *githubtest.Server) { s.Scopes = []string{"gist", "read:org"} }, nil, store.ErrDenied, "lacks the scope repo"},
		{"a classic token without any scope", func(s *githubtest.Server) { s.Scopes = []string{} }, nil, store.ErrDenied, "lacks the scope repo"},
		{"the scope for an organization", func(s *githubtest.Server) { s.Scopes = []string{"repo"} }, ofOrganization, store.ErrDenied, "lacks the scope admin:org"},
		{"an archived repository", func(s *githubtest.Server) { s.Archived = true }, nil, nil, "archived"},
		{
			"an environment", func(*githubtest.Server) {}, func(o *github.Options) { o.Environment = "staging" },
			nil, "acme/web/environments/staging does not exist",
		},
		{"a repository that is to see a secret", func(*githubtest.Server) {}, func(o *github.Options) {
			ofOrganization(o)
			o.Visibility, o.Selected = "selected", []string{"gone"}
		}, nil, "acme/gone does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := githubtest.New(t)
			tt.prepare(s)
			wantError(t, open(t, s, tt.change).Check(t.Context()), tt.sentinel, tt.want)
		})
	}
	s := githubtest.New(t)
	s.Scopes = []string{"gist", "repo"}
	if err := open(t, s, nil).Check(t.Context()); err != nil {
		t.Errorf("a token with the scope: %v", err)
	}
}

func TestAValueThatIsTooLargeIsNotSent(t *testing.T) {
	s := githubtest.New(t)
	_, err := open(t, s, nil).Put(t.Context(), store.NewCredential("AKIA", strings.Repeat("canary", 10<<10)))
	wantError(t, err, nil, "larger than 49152 bytes")
	if !errors.Is(err, store.ErrShape) || len(s.Calls) > 0 {
		t.Errorf("err = %v after %d calls", err, len(s.Calls))
	}
}

func TestAStoreIsNamedByItsHostItsPlaceAndItsSecrets(t *testing.T) {
	s := githubtest.New(t)
	tests := []struct {
		url    string
		change func(*github.Options)
		want   string
	}{
		{"", nil, "github:github.com/acme/web#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"},
		{"https://GitHub.example.com/", nil, "github:github.example.com/acme/web#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"},
		{"https://acme.ghe.com", ofOrganization, "github:acme.ghe.com/orgs/acme#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"},
		{"", func(o *github.Options) { o.Repository, o.Environment = "ACME/Web", "Prod" }, "github:github.com/acme/web/environments/prod#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"},
	}
	for _, tt := range tests {
		made := open(t, s, func(o *github.Options) {
			o.URL = tt.url
			if tt.change != nil {
				tt.change(o)
			}
		})
		if got := made.Describe().String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if strings.Contains(fmt.Sprintf(verb, made), githubtest.Token) {
				t.Errorf("%s shows the token", verb)
			}
		}
	}
}

func TestWhatCannotBeAStoreIsRefused(t *testing.T) {
	s := githubtest.New(t)
	for name, change := range map[string]func(*github.Options){
		"no place":                      func(o *github.Options) { o.Repository = "" },
		"two places":                    func(o *github.Options) { o.Organization = "acme" },
		"an organization's environment": func(o *github.Options) { ofOrganization(o); o.Environment = "x" },
		"a path for a repository":       func(o *github.Options) { o.Repository = "acme/web/../x" },
		"no owner of a repository":      func(o *github.Options) { o.Repository = "web" },
		"a path for an organization":    func(o *github.Options) { ofOrganization(o); o.Organization = "a/b" },
		"an unknown visibility":         func(o *github.Options) { ofOrganization(o); o.Visibility = "some" },
		"no client":                     func(o *github.Options) { o.HTTP = nil },
		"no variables":                  func(o *github.Options) { o.Variables = store.Variables{} },
		"no owner":                      func(o *github.Options) { o.Owner = "" },
		"nothing to sign in with":       func(o *github.Options) { o.Token = "" },
		"two things to sign in with":    func(o *github.Options) { o.App = &github.App{} },
		"a URL that is none":            func(o *github.Options) { o.URL = "github" },
		"an App without a key":          func(o *github.Options) { o.Token, o.App = "", &github.App{ID: "1", PrivateKey: "canary"} },
		"an App without an id":          func(o *github.Options) { o.Token, o.App = "", &github.App{PrivateKey: s.NewAppKey(t)} },
	} {
		o := options(t, s)
		change(&o)
		if _, err := github.New(o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
