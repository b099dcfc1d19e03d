package terraform_test

import (
	"net/http"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/storetest"
	"github.com/keyrotator/keyrotator/store/terraform"
	"github.com/keyrotator/keyrotator/store/terraform/terraformtest"
)

var names = store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}

// options are those of a workspace's two environment variables.
func options(t *testing.T, s *terraformtest.Server) terraform.Options {
	t.Helper()
	variables, err := store.NewVariables(names)
	if err != nil {
		t.Fatal(err)
	}
	return terraform.Options{
		HTTP: &http.Client{Transport: s.Client().Transport}, URL: s.URL, Token: terraformtest.Token,
		Organization: "acme", Workspace: "web", Category: terraform.Env, Variables: variables, Owner: storetest.Owner,
	}
}

func single(t *testing.T, shape store.Payload) store.Variables {
	t.Helper()
	variables, err := store.NewSingleVariable("aws", shape)
	if err != nil {
		t.Fatal(err)
	}
	return variables
}

func ofSet(o *terraform.Options) { o.Workspace, o.VariableSet = "", "aws keys" }

func TestVariablesConform(t *testing.T) {
	dotenv, err := store.Dotenv(names)
	if err != nil {
		t.Fatal(err)
	}
	document, err := store.JSON(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, holder, category string
		payload                store.Payload
		single                 string
		change                 func(*testing.T, *terraform.Options)
	}{
		{"a workspace's", terraformtest.WebVars, terraform.Env, dotenv, "", nil},
		{"a variable set's", terraformtest.SetsVars, terraform.Env, dotenv, "", func(_ *testing.T, o *terraform.Options) { ofSet(o) }},
		{"input variables", terraformtest.WebVars, terraform.Terraform, dotenv, "", func(_ *testing.T, o *terraform.Options) { o.Category = terraform.Terraform }},
		{"an environment variable with a document", terraformtest.WebVars, terraform.Env, document, "aws", func(t *testing.T, o *terraform.Options) {
			o.Variables = single(t, document)
		}},
		{"an input variable with several lines", terraformtest.SetsVars, terraform.Terraform, dotenv, "aws", func(t *testing.T, o *terraform.Options) {
			ofSet(o)
			o.Variables, o.Category = single(t, dotenv), terraform.Terraform
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{Payload: x.payload, WriteOnly: true, NewPlace: func(t *testing.T) storetest.Place {
				s := terraformtest.New(t)
				base := options(t, s)
				if x.change != nil {
					x.change(t, &base)
				}
				return storetest.Place{
					Open: func(t *testing.T, owner string, adopt bool) store.Store {
						t.Helper()
						o := base
						o.Owner, o.Adopt = owner, adopt
						made, err := terraform.New(o)
						if err != nil {
							t.Fatal(err)
						}
						return made
					},
					Seed:       func(_ *testing.T, document []byte) { s.Seed(x.holder, x.category, x.single, string(document)) },
					Content:    func(*testing.T) []byte { return s.Content(x.holder, x.category, x.single) },
					Writes:     func(*testing.T) int { s.Mu.Lock(); defer s.Mu.Unlock(); return len(s.Written) },
					LoseAnswer: func(_ *testing.T, n int) { s.Mu.Lock(); defer s.Mu.Unlock(); s.Lose = n },
				}
			}})
		})
	}
}
