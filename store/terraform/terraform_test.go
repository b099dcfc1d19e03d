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
	"github.com/keyrotator/keyrotator/store/terraform/terraformtest"
)

var (
	credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/K7MDENG/bPxRfiCYEXAMPLEKEY")
	older      = store.NewCredential("AKIAOLDER", "canary/older/wJalrXUtnFEMI")
)

// open makes the store of a workspace's two variables, or of what change says.
func open(t *testing.T, s *terraformtest.Server, change func(*terraform.Options)) *terraform.Store {
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
	s := terraformtest.New(t)
	if open(t, s, nil); len(s.Calls) > 0 {
		t.Errorf("it called %q", s.Calls)
	}
}

func TestTheSecretIsWrittenBeforeTheIDAndNothingIsDeleted(t *testing.T) {
	for _, change := range []func(*terraform.Options){nil, ofSet} {
		s := terraformtest.New(t)
		made := open(t, s, change)
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
}

func TestANewVariableIsSensitiveAndMarked(t *testing.T) {
	for holder, change := range map[string]func(*terraform.Options){terraformtest.WebVars: nil, terraformtest.SetsVars: ofSet} {
		s := terraformtest.New(t)
		if err := put(t, open(t, s, change), credential); err != nil {
			t.Fatal(err)
		}
		v := *s.Find(holder, names.KeyID, "env")
		v.ID = ""
		if want := (terraformtest.Held{
			Key: names.KeyID, Value: credential.KeyID(), Category: "env", Sensitive: true,
			Description: "keyrotator:prod/ci-deployer:" + credential.KeyID(),
		}); v != want {
			t.Errorf("%+v, want %+v", v, want)
		}
	}
}

func TestAVariableThatExistsKeepsWhatItHasAndBecomesSensitive(t *testing.T) {
	for holder, change := range map[string]func(*terraform.Options){terraformtest.WebVars: nil, terraformtest.SetsVars: ofSet} {
		s := terraformtest.New(t)
		for i := range 150 { // ours are on the second page
			s.Person(holder, terraformtest.Held{Key: fmt.Sprintf("OTHER_%d", i), Value: "x", Category: "env"})
		}
		secret := s.Person(holder, terraformtest.Held{Key: names.Secret, Value: "old", Description: "for the nightly job", Category: "env", Sensitive: true})
		id := s.Person(holder, terraformtest.Held{Key: names.KeyID, Value: "old", Category: "env"})
		input := s.Person(holder, terraformtest.Held{Key: names.KeyID, Value: "an input variable", Category: "terraform"})
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
		if input.Value != "an input variable" || input.Description != "" || len(s.Holders[holder]) != 153 {
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
		answer   terraformtest.Answer
		sentinel error // nil: none of them
		want     string
	}{
		{"401 on reading", terraformtest.Answer{Method: get, Path: "web", Status: 401, Body: echo}, store.ErrDenied, "wrong, expired or revoked"},
		{"403 on reading", terraformtest.Answer{Method: get, Path: "vars", Status: 403, Body: echo}, store.ErrDenied, `"Read and write variables" in the workspace`},
		{"404 on reading", terraformtest.Answer{Method: get, Path: "web", Status: 404, Body: echo}, nil, "acme/workspaces/web does not exist, or is hidden"},
		{"429 on reading", terraformtest.Answer{Method: get, Path: "vars", Status: 429, Header: map[string]string{"X-RateLimit-Reset": "soon"}, Body: echo}, store.ErrThrottled, "429"},
		{"500 on reading", terraformtest.Answer{Method: get, Path: "web", Status: 500, Body: echo}, nil, "HCP Terraform answered 500"},
		{"a redirect on reading", terraformtest.Answer{Method: get, Path: "web", Status: 301, Header: map[string]string{"Location": "http://127.0.0.1:1/"}, Body: echo}, nil, "a redirect (301)"},
		{"400 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 400, Body: echo}, nil, "does not take the variable (400)"},
		{"401 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 401, Body: echo}, store.ErrDenied, "expired"},
		{"403 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 403, Body: echo}, store.ErrDenied, "Read and write variables"},
		{"404 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 404, Body: echo}, nil, "Read and write variables"},
		{"409 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 409, Body: echo}, store.ErrConflict, "409"},
		{"422 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 422, Body: echo}, nil, "does not take the variable (422)"},
		{"429 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 429, Header: map[string]string{"X-RateLimit-Reset": "0.1"}, Body: echo}, store.ErrThrottled, "429"},
		{"502 on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 502, Body: echo}, store.ErrAmbiguous, "502"},
		{"an answer that is none", terraformtest.Answer{Method: post, Path: "vars", Status: 201, Body: "canary"}, store.ErrAmbiguous, ""},
		{"a redirect on writing", terraformtest.Answer{Method: post, Path: "vars", Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}, Body: echo}, nil, "a redirect (307)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := terraformtest.New(t)
			s.Answers = []terraformtest.Answer{tt.answer}
			wantError(t, put(t, open(t, s, nil), credential), tt.sentinel, tt.want)
			if len(s.Written) > 0 || len(s.Answers) > 0 {
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
	s := terraformtest.New(t)
	made := open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.Answers = []terraformtest.Answer{{Method: http.MethodPatch, Path: s.Find(terraformtest.WebVars, names.KeyID, "env").ID, Status: 403}}
	wantError(t, put(t, made, credential), store.ErrAmbiguous, "AWS_SECRET_ACCESS_KEY is written, AWS_ACCESS_KEY_ID is not")
	if err := put(t, made, credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
}

func TestSomebodyElseAtTheSameTimeIsNoticed(t *testing.T) {
	s := terraformtest.New(t)
	s.Before = func() {
		s.Person(terraformtest.WebVars, terraformtest.Held{Key: names.Secret, Value: "theirs", Category: "env"})
	}
	made := open(t, s, nil)
	wantError(t, put(t, made, credential), store.ErrConflict, "somebody made the variable meanwhile")
	wantError(t, put(t, made, credential), store.ErrForeign, "AWS_SECRET_ACCESS_KEY exists without our mark")

	s = terraformtest.New(t)
	made = open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.Before = func() { s.Holders[terraformtest.WebVars] = nil }
	wantError(t, put(t, made, credential), nil, "does not exist, or is hidden")
	if err := put(t, made, credential); err != nil {
		t.Errorf("the same put again: %v", err)
	}
}

func TestWhoseAVariableIsStandsInItsDescription(t *testing.T) {
	tests := []struct {
		name     string
		v        terraformtest.Held
		adopt    bool
		sentinel error
		want     string
	}{
		{"nobody's", terraformtest.Held{Value: "x"}, false, store.ErrForeign, "AWS_ACCESS_KEY_ID exists without our mark"},
		{"nobody's, and sensitive", terraformtest.Held{Sensitive: true}, false, store.ErrForeign, "exists without our mark"},
		{"nobody's, to be adopted", terraformtest.Held{Value: "x"}, true, nil, ""},
		{"nobody's, and empty", terraformtest.Held{}, false, nil, ""},
		{"another's", terraformtest.Held{Description: "keyrotator:prod/other:AKIA"}, false, store.ErrForeign, "prod/other's"},
		{"another's, to be adopted", terraformtest.Held{Description: "keyrotator:prod/other:AKIA"}, true, store.ErrForeign, "prod/other's"},
		{"half a mark", terraformtest.Held{Description: "keyrotator:prod/ci-deployer"}, true, store.ErrForeign, "not whole"},
		{"ours", terraformtest.Held{Description: "keyrotator:prod/ci-deployer:AKIA", Sensitive: true}, false, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := terraformtest.New(t)
			tt.v.Key, tt.v.Category = names.KeyID, "env"
			s.Person(terraformtest.WebVars, tt.v)
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
		v      terraformtest.Held
		change func(*terraform.Options)
		c      store.Credential
		want   string
	}{
		{"several lines", terraformtest.Held{}, func(o *terraform.Options) { o.Variables = single(t, dotenv) }, credential, "aws has several lines"},
		{"too much", terraformtest.Held{}, nil, store.NewCredential("AKIA", strings.Repeat("canary", 50_000)), "larger than 262144 bytes"},
		{"HCL", terraformtest.Held{Key: names.KeyID, Category: "terraform", HCL: true}, func(o *terraform.Options) { o.Category = terraform.Terraform }, credential, "AWS_ACCESS_KEY_ID is HCL"},
		{
			"a long description", terraformtest.Held{Key: names.Secret, Category: "env", Value: "x", Description: strings.Repeat("é", 500)},
			func(o *terraform.Options) { o.Adopt = true }, credential, "shorten it",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := terraformtest.New(t)
			if tt.v.Key != "" {
				s.Person(terraformtest.WebVars, tt.v)
			}
			err := put(t, open(t, s, tt.change), tt.c)
			wantError(t, err, nil, tt.want)
			if !errors.Is(err, store.ErrShape) || len(s.Written) > 0 {
				t.Errorf("%v; written %q", err, s.Written)
			}
		})
	}
}

func TestACheckNamesWhatIsMissing(t *testing.T) {
	tests := []struct {
		name     string
		prepare  func(*terraformtest.Server)
		change   func(*terraform.Options)
		sentinel error
		want     string
	}{
		{"the permission", func(s *terraformtest.Server) { s.ReadOnly = true }, nil, store.ErrDenied, `allow the token's team "Read and write variables" in the workspace`},
		{"the workspace", func(*terraformtest.Server) {}, func(o *terraform.Options) { o.Workspace = "gone" }, nil, "acme/workspaces/gone does not exist"},
		{"the variable set", func(*terraformtest.Server) {}, func(o *terraform.Options) { ofSet(o); o.VariableSet = "aws" }, nil, "acme/varsets/aws does not exist"},
		{"a name of its own", func(s *terraformtest.Server) {
			s.Sets = append(s.Sets, terraformtest.Set{ID: "varset-x", Name: "aws keys"})
		}, ofSet, nil, `two variable sets are called "aws keys"`},
		{"a token", func(*terraformtest.Server) {}, func(o *terraform.Options) { o.Token = "wrong" }, store.ErrDenied, "does not accept the token"},
		{"sets that may be listed", func(s *terraformtest.Server) {
			s.Answers = []terraformtest.Answer{{Method: http.MethodGet, Path: "varsets", Status: 403}}
		}, ofSet, store.ErrDenied, "Manage all workspaces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := terraformtest.New(t)
			tt.prepare(s)
			wantError(t, open(t, s, tt.change).Check(t.Context()), tt.sentinel, tt.want)
		})
	}
}

func TestAStoreIsNamedByItsHostItsHolderAndItsVariables(t *testing.T) {
	s := terraformtest.New(t)
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
			if strings.Contains(fmt.Sprintf(verb, made), terraformtest.Token) {
				t.Errorf("%s shows the token", verb)
			}
		}
	}
}

func TestWhatCannotBeAStoreIsRefused(t *testing.T) {
	s := terraformtest.New(t)
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
