package azuredevops_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
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
					s := newStandIn(t)
					return storetest.Place{
						Open: func(t *testing.T, owner string, adopt bool) store.Store {
							return open(t, s, toGroup, owned(owner), func(o *azuredevops.Options) { o.Adopt, o.Variables = adopt, x.variables })
						},
						Seed:       func(_ *testing.T, document []byte) { s.seedGroup(names, document) },
						Content:    func(*testing.T) []byte { return s.contentOfGroup(names) },
						Writes:     func(*testing.T) int { s.mu.Lock(); defer s.mu.Unlock(); return s.writes },
						LoseAnswer: func(_ *testing.T, n int) { s.LoseAnswers(n) },
					}
				},
			})
		})
	}
}

// seedGroup makes every variable secret whose name says so, and those of ours
// whose value is.
func (s *standIn) seedGroup(names []string, document []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]string{names[0]: string(document)}
	if len(names) > 1 {
		values = resttest.Values(document, names[0])
	}
	s.variables = map[string]heldVariable{}
	for name, value := range values {
		s.variables[name] = heldVariable{value, strings.Contains(name, "SECRET")}
	}
}

func (s *standIn) contentOfGroup(names []string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(names) == 1 {
		return []byte(s.variables[names[0]].value)
	}
	values := map[string]string{}
	for name, v := range s.variables {
		values[name] = v.value
	}
	return resttest.Lines(values)
}

func TestAConnectionConforms(t *testing.T) {
	payload, err := store.Dotenv(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Harness{
		Payload: payload, WriteOnly: true,
		NewPlace: func(t *testing.T) storetest.Place {
			s := newStandIn(t)
			return storetest.Place{
				Open: func(t *testing.T, owner string, adopt bool) store.Store {
					return open(t, s, toConnection, owned(owner), func(o *azuredevops.Options) { o.Adopt = adopt })
				},
				Seed: func(_ *testing.T, document []byte) {
					s.mu.Lock()
					defer s.mu.Unlock()
					values := resttest.Values(document, "AWS_ACCESS_KEY_ID")
					s.parameters()["username"], s.secrets["password"] = values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]
				},
				Content: func(*testing.T) []byte {
					s.mu.Lock()
					defer s.mu.Unlock()
					values := map[string]string{}
					if id, ok := s.parameters()["username"].(string); ok {
						values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"] = id, s.secrets["password"]
					}
					return resttest.Lines(values)
				},
				Writes:     func(*testing.T) int { s.mu.Lock(); defer s.mu.Unlock(); return s.writes },
				LoseAnswer: func(_ *testing.T, n int) { s.LoseAnswers(n) },
			}
		},
	})
}
