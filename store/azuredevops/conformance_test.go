package azuredevops_test

import (
	"errors"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
	"github.com/keyrotator/keyrotator/store/azuredevops/azuredevopstest"
	"github.com/keyrotator/keyrotator/store/rest/resttest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

func TestVariablesOfAGroupConform(t *testing.T) {
	dotenv, err1 := store.Dotenv(store.Names{})
	document, err2 := store.JSON(store.Names{})
	single, err3 := store.NewSingleVariable("AWS_CREDENTIAL", document)
	mailNames := store.Names{SMTPUser: "SMTP_USERNAME", SMTPPassword: "SMTP_PASSWORD", SMTPRegion: "eu-west-1"}
	mail, err4 := store.NewVariables(mailNames)
	mailDotenv, err5 := store.Dotenv(mailNames)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, document string
		kept           []string
		payload        store.Payload
		variables      store.Variables
	}{
		{"two variables", "A_FLAG=kept\nZ_SECRET=kept too\n", []string{"A_FLAG=kept\n", "Z_SECRET=kept too\n"}, dotenv, pair(t)},
		{"one JSON variable", "", nil, document, single},
		{"the variables of SES SMTP", "", nil, mailDotenv, mail},
	} {
		t.Run(x.name, func(t *testing.T) {
			names := x.variables.Names()
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept, WriteOnly: true,
				NewPlace: func(t *testing.T) storetest.Place {
					s := azuredevopstest.New(t)
					return storetest.Place{
						Open: func(t *testing.T, owner string, adopt bool) store.Store {
							return open(t, s, toGroup, owned(owner), func(o *azuredevops.Options) { o.Adopt, o.Variables = adopt, x.variables })
						},
						Seed:       func(_ *testing.T, document []byte) { s.SeedGroup(names, document) },
						Content:    func(*testing.T) []byte { return s.ContentOfGroup(names) },
						Writes:     func(*testing.T) int { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Writes },
						LoseAnswer: func(_ *testing.T, n int) { s.LoseAnswers(n) },
					}
				},
			})
		})
	}
}

func TestAConnectionConforms(t *testing.T) {
	payload, err := store.Dotenv(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Harness{
		Payload: payload, WriteOnly: true,
		NewPlace: func(t *testing.T) storetest.Place {
			s := azuredevopstest.New(t)
			return storetest.Place{
				Open: func(t *testing.T, owner string, adopt bool) store.Store {
					return open(t, s, toConnection, owned(owner), func(o *azuredevops.Options) { o.Adopt = adopt })
				},
				Seed: func(_ *testing.T, document []byte) {
					s.Mu.Lock()
					defer s.Mu.Unlock()
					values := resttest.Values(document, "AWS_ACCESS_KEY_ID")
					s.Parameters()["username"], s.Secrets["password"] = values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]
				},
				Content: func(*testing.T) []byte {
					s.Mu.Lock()
					defer s.Mu.Unlock()
					values := map[string]string{}
					if id, ok := s.Parameters()["username"].(string); ok {
						values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"] = id, s.Secrets["password"]
					}
					return resttest.Lines(values)
				},
				Writes:     func(*testing.T) int { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Writes },
				LoseAnswer: func(_ *testing.T, n int) { s.LoseAnswers(n) },
			}
		},
	})
}
