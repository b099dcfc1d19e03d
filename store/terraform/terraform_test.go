package terraform_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/terraform"
)

var (
	credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/K7MDENG/bPxRfiCYEXAMPLEKEY")
	older      = store.NewCredential("AKIAOLDER", "canary/older/wJalrXUtnFEMI")
)

// open makes the store of a workspace's two variables, or of what change says.
func open(t *testing.T, s *server, change func(*terraform.Options)) *terraform.Store {
	t.Helper()
	o := options(t, s)
	if change != nil {
		change(&o)
	}
	made, err := terraform.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func put(t *testing.T, s *terraform.Store, c store.Credential) error {
	t.Helper()
	_, err := s.Put(t.Context(), c)
	return err
}

func TestMakingAStoreCallsNobody(t *testing.T) {
	s := newServer(t)
	if open(t, s, nil); len(s.calls) > 0 {
		t.Errorf("it called %q", s.calls)
	}
}

func TestTheSecretIsWrittenBeforeTheIDAndNothingIsDeleted(t *testing.T) {
	for _, change := range []func(*terraform.Options){nil, ofSet} {
		s := newServer(t)
		made := open(t, s, change)
		for _, c := range []store.Credential{older, credential} {
			if err := put(t, made, c); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{names.Secret, names.KeyID, names.Secret, names.KeyID}; !slices.Equal(s.written, want) {
			t.Errorf("written %q, want %q", s.written, want)
		}
		for _, call := range s.calls {
			if strings.HasPrefix(call, http.MethodDelete) {
				t.Errorf("%s: a variable must never be gone", call)
			}
		}
	}
}

func TestANewVariableIsSensitiveAndMarked(t *testing.T) {
	for holder, change := range map[string]func(*terraform.Options){webVars: nil, setsVars: ofSet} {
		s := newServer(t)
		if err := put(t, open(t, s, change), credential); err != nil {
			t.Fatal(err)
		}
		v := *s.find(holder, names.KeyID, "env")
		v.id = ""
		if want := (held{
			Key: names.KeyID, Value: credential.KeyID(), Category: "env", Sensitive: true,
			Description: "keyrotator:prod/ci-deployer:" + credential.KeyID(),
		}); v != want {
			t.Errorf("%+v, want %+v", v, want)
		}
	}
}

func TestAVariableThatExistsKeepsWhatItHasAndBecomesSensitive(t *testing.T) {
	for holder, change := range map[string]func(*terraform.Options){webVars: nil, setsVars: ofSet} {
		s := newServer(t)
		for i := range 150 { // ours are on the second page
			s.person(holder, held{Key: fmt.Sprintf("OTHER_%d", i), Value: "x", Category: "env"})
		}
		secret := s.person(holder, held{Key: names.Secret, Value: "old", Description: "for the nightly job", Category: "env", Sensitive: true})
		id := s.person(holder, held{Key: names.KeyID, Value: "old", Category: "env"})
		input := s.person(holder, held{Key: names.KeyID, Value: "an input variable", Category: "terraform"})
		made := open(t, s, func(o *terraform.Options) {
			o.Adopt = true
			if change != nil {
				change(o)
			}
		})
		for _, c := range []store.Credential{older, credential} {
			if err := put(t, made, c); err != nil {
				t.Fatal(err)
			}
		}
		if secret.Description != "for the nightly job keyrotator:prod/ci-deployer:"+credential.KeyID() || secret.Value != credential.RevealSecret() {
			t.Errorf("%s is described as %q", secret.Key, secret.Description)
		}
		if !id.Sensitive || id.Value != credential.KeyID() {
			t.Errorf("%s is sensitive: %t", id.Key, id.Sensitive)
		}
		if input.Value != "an input variable" || input.Description != "" || len(s.holders[holder]) != 153 {
			t.Error("a variable of another category was changed or made")
		}
	}
}

// A refusal of each status, on reading and on writing. The service's messages
// repeat what was sent, and must not come through.
func TestEachRefusalIsSaidInOurWords(t *testing.T) {
	const get, post, echo = http.MethodGet, http.MethodPost, `{"errors":[{"detail":"canary"}]}`
	tests := []struct {
		name     string
		answer   answer
		sentinel error // nil: none of them
		want     string
	}{
		{"401 on reading", answer{get, "web", 401, nil, echo}, store.ErrDenied, "wrong, expired or revoked"},
		{"403 on reading", answer{get, "vars", 403, nil, echo}, store.ErrDenied, `"Read and write variables" in the workspace`},
		{"404 on reading", answer{get, "web", 404, nil, echo}, nil, "acme/workspaces/web does not exist, or is hidden"},
		{"429 on reading", answer{get, "vars", 429, map[string]string{"X-RateLimit-Reset": "soon"}, echo}, store.ErrThrottled, "429"},
		{"500 on reading", answer{get, "web", 500, nil, echo}, nil, "HCP Terraform answered 500"},
		{"a redirect on reading", answer{get, "web", 301, map[string]string{"Location": "http://127.0.0.1:1/"}, echo}, nil, "a redirect (301)"},
		{"400 on writing", answer{post, "vars", 400, nil, echo}, nil, "does not take the variable (400)"},
		{"401 on writing", answer{post, "vars", 401, nil, echo}, store.ErrDenied, "expired"},
		{"403 on writing", answer{post, "vars", 403, nil, echo}, store.ErrDenied, "Read and write variables"},
		{"404 on writing", answer{post, "vars", 404, nil, echo}, nil, "Read and write variables"},
		{"409 on writing", answer{post, "vars", 409, nil, echo}, store.ErrConflict, "409"},
		{"422 on writing", answer{post, "vars", 422, nil, echo}, nil, "does not take the variable (422)"},
		{"429 on writing", answer{post, "vars", 429, map[string]string{"X-RateLimit-Reset": "0.1"}, echo}, store.ErrThrottled, "429"},
		{"502 on writing", answer{post, "vars", 502, nil, echo}, store.ErrAmbiguous, "502"},
		{"an answer that is none", answer{post, "vars", 201, nil, "canary"}, store.ErrAmbiguous, ""},
		{"a redirect on writing", answer{post, "vars", 307, map[string]string{"Location": "http://127.0.0.1:1/"}, echo}, nil, "a redirect (307)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.answers = []answer{tt.answer}
			wantError(t, put(t, open(t, s, nil), credential), tt.sentinel, tt.want)
			if len(s.written) > 0 || len(s.answers) > 0 {
				t.Errorf("%q was written", s.written)
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
	s := newServer(t)
	made := open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.answers = []answer{{http.MethodPatch, s.find(webVars, names.KeyID, "env").id, 403, nil, ""}}
	wantError(t, put(t, made, credential), store.ErrAmbiguous, "AWS_SECRET_ACCESS_KEY is written, AWS_ACCESS_KEY_ID is not")
	if err := put(t, made, credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
}

func TestSomebodyElseAtTheSameTimeIsNoticed(t *testing.T) {
	s := newServer(t)
	s.before = func() { s.person(webVars, held{Key: names.Secret, Value: "theirs", Category: "env"}) }
	made := open(t, s, nil)
	wantError(t, put(t, made, credential), store.ErrConflict, "somebody made the variable meanwhile")
	wantError(t, put(t, made, credential), store.ErrForeign, "AWS_SECRET_ACCESS_KEY exists without our mark")

	s = newServer(t)
	made = open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.before = func() { s.holders[webVars] = nil }
	wantError(t, put(t, made, credential), nil, "does not exist, or is hidden")
	if err := put(t, made, credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
}

func TestWhoseAVariableIsStandsInItsDescription(t *testing.T) {
	tests := []struct {
		name     string
		v        held
		adopt    bool
		sentinel error
		want     string
	}{
		{"nobody's", held{Value: "x"}, false, store.ErrForeign, "AWS_ACCESS_KEY_ID exists without our mark"},
		{"nobody's, and sensitive", held{Sensitive: true}, false, store.ErrForeign, "exists without our mark"},
		{"nobody's, to be adopted", held{Value: "x"}, true, nil, ""},
		{"nobody's, and empty", held{}, false, nil, ""},
		{"another's", held{Description: "keyrotator:prod/other:AKIA"}, false, store.ErrForeign, "prod/other's"},
		{"another's, to be adopted", held{Description: "keyrotator:prod/other:AKIA"}, true, store.ErrForeign, "prod/other's"},
		{"half a mark", held{Description: "keyrotator:prod/ci-deployer"}, true, store.ErrForeign, "not whole"},
		{"ours", held{Description: "keyrotator:prod/ci-deployer:AKIA", Sensitive: true}, false, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			tt.v.Key, tt.v.Category = names.KeyID, "env"
			s.person(webVars, tt.v)
			made := open(t, s, func(o *terraform.Options) { o.Adopt = tt.adopt })
			for doing, err := range map[string]error{"check": made.Check(t.Context()), "put": put(t, made, credential)} {
				if tt.want == "" && err != nil {
					t.Errorf("%s: %v", doing, err)
				} else if tt.want != "" {
					wantError(t, err, tt.sentinel, tt.want)
				}
			}
		})
	}
}

func TestWhatAVariableCannotHoldIsExplained(t *testing.T) {
	dotenv, err := store.Dotenv(names)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		v      held
		change func(*terraform.Options)
		c      store.Credential
		want   string
	}{
		{"several lines", held{}, func(o *terraform.Options) { o.Variables = single(t, dotenv) }, credential, "aws has several lines"},
		{"too much", held{}, nil, store.NewCredential("AKIA", strings.Repeat("canary", 50_000)), "larger than 262144 bytes"},
		{"HCL", held{Key: names.KeyID, Category: "terraform", HCL: true}, func(o *terraform.Options) { o.Category = terraform.Terraform }, credential, "AWS_ACCESS_KEY_ID is HCL"},
		{
			"a long description", held{Key: names.Secret, Category: "env", Value: "x", Description: strings.Repeat("é", 500)},
			func(o *terraform.Options) { o.Adopt = true }, credential, "shorten it",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			if tt.v.Key != "" {
				s.person(webVars, tt.v)
			}
			err := put(t, open(t, s, tt.change), tt.c)
			wantError(t, err, nil, tt.want)
			if !errors.Is(err, store.ErrShape) || len(s.written) > 0 {
				t.Errorf("%v; written %q", err, s.written)
			}
		})
	}
}

func TestACheckNamesWhatIsMissing(t *testing.T) {
	tests := []struct {
		name     string
		prepare  func(*server)
		change   func(*terraform.Options)
		sentinel error
		want     string
	}{
		{"the permission", func(s *server) { s.readOnly = true }, nil, store.ErrDenied, `allow the token's team "Read and write variables" in the workspace`},
		{"the workspace", func(*server) {}, func(o *terraform.Options) { o.Workspace = "gone" }, nil, "acme/workspaces/gone does not exist"},
		{"the variable set", func(*server) {}, func(o *terraform.Options) { ofSet(o); o.VariableSet = "aws" }, nil, "acme/varsets/aws does not exist"},
		{"a name of its own", func(s *server) { s.sets = append(s.sets, set{"varset-x", "aws keys"}) }, ofSet, nil, `two variable sets are called "aws keys"`},
		{"a token", func(*server) {}, func(o *terraform.Options) { o.Token = "wrong" }, store.ErrDenied, "does not accept the token"},
		{"sets that may be listed", func(s *server) { s.answers = []answer{{http.MethodGet, "varsets", 403, nil, ""}} }, ofSet, store.ErrDenied, "Manage all workspaces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			tt.prepare(s)
			wantError(t, open(t, s, tt.change).Check(t.Context()), tt.sentinel, tt.want)
		})
	}
}

func TestAStoreIsNamedByItsHostItsHolderAndItsVariables(t *testing.T) {
	s := newServer(t)
	for want, change := range map[string]func(*terraform.Options){
		"terraform:app.terraform.io/acme/workspaces/web/env#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID": func(o *terraform.Options) { o.URL = "" },
		"terraform:tfe.example.com/acme/varsets/aws keys/terraform#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID": func(o *terraform.Options) {
			ofSet(o)
			o.URL, o.Category = "https://TFE.example.com/", terraform.Terraform
		},
	} {
		made := open(t, s, change)
		if got := made.Describe().String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if strings.Contains(fmt.Sprintf(verb, made), token) {
				t.Errorf("%s shows the token", verb)
			}
		}
	}
}

func TestWhatCannotBeAStoreIsRefused(t *testing.T) {
	s := newServer(t)
	for name, change := range map[string]func(*terraform.Options){
		"no holder":                func(o *terraform.Options) { o.Workspace = "" },
		"two holders":              func(o *terraform.Options) { o.VariableSet = "aws keys" },
		"no organization":          func(o *terraform.Options) { o.Organization = "" },
		"no client":                func(o *terraform.Options) { o.HTTP = nil },
		"no token":                 func(o *terraform.Options) { o.Token = "" },
		"no variables":             func(o *terraform.Options) { o.Variables = store.Variables{} },
		"no owner":                 func(o *terraform.Options) { o.Owner = "" },
		"an owner of two words":    func(o *terraform.Options) { o.Owner = "prod/a b" },
		"an owner who is too long": func(o *terraform.Options) { o.Owner = strings.Repeat("x", 400) },
		"an unknown category":      func(o *terraform.Options) { o.Category = "policy-set" },
		"a URL that is none":       func(o *terraform.Options) { o.URL = "terraform" },
		"a URL with a path":        func(o *terraform.Options) { o.URL = "https://tfe.example.com/api/v2" },
	} {
		o := options(t, s)
		change(&o)
		if _, err := terraform.New(o); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
