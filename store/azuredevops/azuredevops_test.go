package azuredevops_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/azuredevops"
	"github.com/keyrotator/keyrotator/store/azuredevops/azuredevopstest"
	"github.com/keyrotator/keyrotator/store/rest/resttest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var (
	one = store.NewCredential("AKIAONE", "canary-one/wJalrXUtnFEMI")
	two = store.NewCredential("AKIATWO", "canary-two/bPxRfiCYEXAMPLE")
)

func pair(t *testing.T) store.Variables {
	t.Helper()
	v, err := store.NewVariables(store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func toGroup(o *azuredevops.Options)      { o.Group = "aws" }
func toConnection(o *azuredevops.Options) { o.Connection = "aws" }
func adopt(o *azuredevops.Options)        { o.Adopt = true }

func owned(owner string) func(*azuredevops.Options) {
	return func(o *azuredevops.Options) { o.Owner = owner }
}

func open(t *testing.T, s *azuredevopstest.StandIn, set ...func(*azuredevops.Options)) *azuredevops.Store {
	t.Helper()
	o := azuredevops.Options{
		HTTP: http.DefaultClient, URL: s.URL, Organization: "Acme", Project: "Web Shop", Token: azuredevopstest.Token, Variables: pair(t), Owner: storetest.Owner,
	}
	for _, f := range set {
		f(&o)
	}
	made, err := azuredevops.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func put(t *testing.T, s store.Store, c store.Credential) {
	t.Helper()
	if _, err := s.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestARefusedWriteChangesNothingAndSaysWhy(t *testing.T) {
	for name, set := range map[string]func(*azuredevops.Options){"a group": toGroup, "a connection": toConnection} {
		t.Run(name, func(t *testing.T) {
			resttest.Refusals(t, http.MethodPut, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := azuredevopstest.New(t)
				return open(t, s, set), &s.Faults
			})
		})
	}
}

func TestAGroupKeepsWhateverIsNotOurs(t *testing.T) {
	s := azuredevopstest.New(t)
	s.Variables = map[string]azuredevopstest.HeldVariable{
		"region": {Value: "eu-west-1", Secret: false}, "DB_PASSWORD": {Value: "canary-db", Secret: true}, "aws_access_key_id": {Value: "AKIAOLD", Secret: false}, "AWS_SECRET_ACCESS_KEY": {Value: "canary-old", Secret: true},
	}
	place := open(t, s, toGroup, adopt)
	put(t, place, one)
	put(t, place, two)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	want := map[string]azuredevopstest.HeldVariable{
		"region": {Value: "eu-west-1", Secret: false}, "DB_PASSWORD": {Value: "canary-db", Secret: true},
		// The name stays in its case, and an id that was plain stays plain.
		"aws_access_key_id": {Value: two.KeyID(), Secret: false}, "AWS_SECRET_ACCESS_KEY": {Value: two.RevealSecret(), Secret: true},
	}
	if !maps.Equal(s.Variables, want) {
		t.Errorf("the group holds %d variables, and not those that it should hold", len(s.Variables))
	}
	references := s.Group["variableGroupProjectReferences"].([]any)
	const mark = "For the shop. [keyrotator prod/ci-deployer: AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID]"
	if got := s.Group["description"]; got != mark {
		t.Errorf("description %q, want %q", got, mark)
	}
	if got := references[0].(map[string]any)["description"]; got != mark {
		t.Errorf("the project's description %q, want %q", got, mark)
	}
	if got := references[1].(map[string]any)["description"]; got != "Shared." {
		t.Errorf("another project's description became %q", got)
	}
}

func TestNewVariablesAreSecret(t *testing.T) {
	s := azuredevopstest.New(t)
	put(t, open(t, s, toGroup), one)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for name, v := range s.Variables {
		if !v.Secret {
			t.Errorf("%s is not secret", name)
		}
	}
}

func TestSeveralUsersShareAGroupByTheirVariables(t *testing.T) {
	s := azuredevopstest.New(t)
	mail, err := store.NewVariables(store.Names{KeyID: "MAIL_KEY_ID", Secret: "MAIL_SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	first := open(t, s, toGroup)
	second := open(t, s, toGroup, owned("prod/mailer"), func(o *azuredevops.Options) { o.Variables = mail })
	for range 2 {
		put(t, first, one)
		put(t, second, two)
	}
	for _, place := range []*azuredevops.Store{first, second} {
		if err := place.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
	}
	_, err = open(t, s, toGroup, owned("prod/mailer"), adopt).Put(t.Context(), two)
	if !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), "marked as that of prod/ci-deployer") {
		t.Errorf("put into another user's variables: %v", err)
	}
}

func TestAConnectionKeepsWhateverIsNotOurs(t *testing.T) {
	s := azuredevopstest.New(t)
	s.Parameters()["username"], s.Secrets["password"], s.Secrets["sessionToken"] = "AKIAOLD", "canary-old", "canary-session"
	s.Connections[0]["description"] = "For deployments"
	put(t, open(t, s, toConnection, adopt), one)
	s.Mu.Lock()
	defer s.Mu.Unlock()
	c := s.Connections[0]
	if got := s.Parameters(); got["username"] != one.KeyID() || s.Secrets["password"] != one.RevealSecret() || got["assumeRoleArn"] != "arn:aws:iam::111122223333:role/deploy" {
		t.Error("the connection does not hold the new key with the role that it had")
	}
	if s.Secrets["sessionToken"] != "" {
		t.Error("the session token of the old key is still there")
	}
	if got, want := c["description"], "For deployments [keyrotator prod/ci-deployer]"; got != want {
		t.Errorf("description %q, want %q", got, want)
	}
	if c["url"] != "https://aws.amazon.com/" || c["isReady"] == nil || c["data"] == nil {
		t.Errorf("the connection lost a member: %v", maps.Keys(c))
	}
}

func TestAWriteThatSomebodyElseUndidIsAConflict(t *testing.T) {
	s := azuredevopstest.New(t)
	s.Overwrite = func() {
		s.Variables = map[string]azuredevopstest.HeldVariable{"region": {Value: "eu-west-1", Secret: false}}
	}
	if _, err := open(t, s, toGroup).Put(t.Context(), one); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put into a group: %v, want ErrConflict", err)
	}
	s.Overwrite = func() { s.Parameters()["username"] = "AKIATHEIRS" }
	if _, err := open(t, s, toConnection).Put(t.Context(), one); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put into a connection: %v, want ErrConflict", err)
	}
}

func TestAWriteThatCannotBeLookedAtIsAmbiguous(t *testing.T) {
	for name, set := range map[string]func(*azuredevops.Options){"a group": toGroup, "a connection": toConnection} {
		s := azuredevopstest.New(t)
		s.Refuse(http.MethodGet, resttest.Answer{Status: 500, After: 1})
		if _, err := open(t, s, set).Put(t.Context(), one); !errors.Is(err, store.ErrAmbiguous) {
			t.Errorf("put into %s: %v, want ErrAmbiguous", name, err)
		}
	}
}

func TestACheckNamesWhatIsWrong(t *testing.T) {
	readOnly := func(s *azuredevopstest.StandIn) { s.Manages = false }
	for _, tt := range []struct {
		name    string
		set     func(*azuredevops.Options)
		prepare func(*azuredevopstest.StandIn)
		want    error
		says    string
	}{
		{"a group that is not there", func(o *azuredevops.Options) { o.Group = "was" }, nil, nil, `no variable group "was"`},
		{"a connection that is not there", func(o *azuredevops.Options) { o.Connection = "was" }, nil, nil, `no service connection "was"`},
		{"a project that is not there", func(o *azuredevops.Options) { o.Group, o.Project = "aws", "Shop" }, nil, nil, "no such organization or project"},
		{"an organization that is not there", func(o *azuredevops.Options) { o.Connection, o.Organization = "aws", "Acne" }, nil, nil, "no such organization or project"},
		{"a group of Azure Key Vault", func(o *azuredevops.Options) { o.Group = "vault" }, nil, nil, "AzureKeyVault"},
		{"a connection of another type", func(o *azuredevops.Options) { o.Connection = "azure" }, nil, nil, `type "azurerm", not aws`},
		{"a connection that signs in by OIDC", toConnection, func(s *azuredevopstest.StandIn) { s.Parameters()["useOIDC"] = "True" }, nil, "OIDC"},
		{"a connection of another scheme", toConnection, func(s *azuredevopstest.StandIn) {
			s.Connections[0]["authorization"].(map[string]any)["scheme"] = "Token"
		}, nil, `signs in by "Token"`},
		{"a group that may only be read", toGroup, readOnly, store.ErrDenied, "role Administrator of the variable group"},
		{"a connection that may only be used", toConnection, readOnly, store.ErrDenied, "role Administrator of the service connection"},
		{"a token that is wrong", func(o *azuredevops.Options) { o.Group, o.Token = "aws", "another" }, nil, store.ErrDenied, "token is not accepted"},
		{"a scope that is missing", toGroup, func(s *azuredevopstest.StandIn) { s.Refuse(http.MethodGet, resttest.Answer{Status: 403}) }, store.ErrDenied, "Variable Groups (Read)"},
		{"a page for signing in", toGroup, func(s *azuredevopstest.StandIn) { s.Refuse(http.MethodGet, resttest.Answer{Status: 302}) }, store.ErrDenied, "sign in"},
		{"a limit on calls", toConnection, func(s *azuredevopstest.StandIn) {
			s.Refuse(http.MethodGet, resttest.Answer{Status: 429, Header: http.Header{"Retry-After": {"20"}}})
		}, store.ErrThrottled, "wait 20s"},
		{"an Azure DevOps that is broken", toConnection, func(s *azuredevopstest.StandIn) { s.Refuse(http.MethodGet, resttest.Answer{Status: 500}) }, nil, "answered 500"},
		{"a key without a mark", toConnection, func(s *azuredevopstest.StandIn) { s.Parameters()["username"] = "AKIATHEIRS" }, store.ErrForeign, "set adopt"},
		{"a mark of another user", toConnection, func(s *azuredevopstest.StandIn) { s.Connections[0]["description"] = "[keyrotator prod/x]" }, store.ErrForeign, "prod/x"},
		{"a mark in the project's own description", toGroup, func(s *azuredevopstest.StandIn) {
			s.Group["variableGroupProjectReferences"].([]any)[0].(map[string]any)["description"] = "[keyrotator prod/x: AWS_ACCESS_KEY_ID]"
		}, store.ErrForeign, "prod/x"},
		{"variables that are no object", toGroup, func(s *azuredevopstest.StandIn) { s.Group["variableGroupProjectReferences"] = "canary" }, nil, "not as documented"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := azuredevopstest.New(t)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			err := open(t, s, tt.set).Check(t.Context())
			if err == nil || !errors.Is(err, tt.want) && tt.want != nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("check: %v, want %v saying %q", err, tt.want, tt.says)
			}
			if errors.Is(err, store.ErrAmbiguous) {
				t.Errorf("a check that only reads is ambiguous: %v", err)
			}
		})
	}
}

func TestAStoreIsNamedByItsPlaceAndShowsNoToken(t *testing.T) {
	s := azuredevopstest.New(t)
	host := strings.TrimPrefix(s.URL, "http://")
	for _, tt := range []struct {
		set  func(*azuredevops.Options)
		want string
	}{
		{toGroup, host + "/acme/web shop/group/aws#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"},
		{toConnection, host + "/acme/web shop/connection/aws"},
	} {
		place := open(t, s, tt.set)
		if got := place.Describe().Location; got != tt.want {
			t.Errorf("location %q, want %q", got, tt.want)
		}
		if text := fmt.Sprintf("%v %+v %#v", place, place, place); strings.Contains(text, azuredevopstest.Token) {
			t.Error("a store shows its token")
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for name, set := range map[string]func(*azuredevops.Options){
		"no place":              func(o *azuredevops.Options) { o.Group = "" },
		"two places":            func(o *azuredevops.Options) { o.Connection = "aws" },
		"no organization":       func(o *azuredevops.Options) { o.Organization = "" },
		"an organization of ..": func(o *azuredevops.Options) { o.Organization = ".." },
		"no token":              func(o *azuredevops.Options) { o.Token = "" },
		"two ways to sign in":   func(o *azuredevops.Options) { o.Entra = &azuredevops.Entra{} },
		"half of a principal": func(o *azuredevops.Options) {
			o.Token, o.Entra = "", &azuredevops.Entra{ClientSecret: azuredevopstest.Token}
		},
		"no owner":          func(o *azuredevops.Options) { o.Owner = "" },
		"an owner with a ]": func(o *azuredevops.Options) { o.Owner = "prod/a]" },
		"no variables":      func(o *azuredevops.Options) { o.Variables = store.Variables{} },
		"no address":        func(o *azuredevops.Options) { o.URL = "" },
	} {
		o := azuredevops.Options{
			HTTP: http.DefaultClient, URL: "https://dev.example.com", Organization: "Acme", Project: "Web Shop", Group: "aws",
			Token: azuredevopstest.Token, Variables: pair(t), Owner: storetest.Owner,
		}
		set(&o)
		if made, err := azuredevops.New(o); err == nil || strings.Contains(err.Error(), azuredevopstest.Token) {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}
