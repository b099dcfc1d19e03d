package ssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/ssm"
)

// told changes the description, as one that AWS does not keep would be changed.
func told(description string) func(*sdk.PutParameterInput) {
	return func(in *sdk.PutParameterInput) { in.Description = &description }
}

func TestAMarkIsWorthNothingUnderAnotherValue(t *testing.T) {
	const theirs = `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret"}`
	for name, change := range map[string]func(*sdk.PutParameterInput){
		"the description stays":   func(*sdk.PutParameterInput) {},
		"the description changes": told("by hand"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			s := open(t, document(t, c.client))
			put(t, s, older)
			c.seed(t, single, theirs, change)
			if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
				t.Errorf("put: %v, want ErrForeign", err)
			}
			if held, err := s.Get(t.Context()); err != nil || held.Owner != "" {
				t.Errorf("owner %q, %v", held.Owner, err)
			}
			if before, err := s.Previous(t.Context()); err != nil || !before.Equal(older) {
				t.Errorf("previous: %v, %v", before, err)
			}
		})
	}
}

func TestEditingTheRestOfADocumentLeavesItOurs(t *testing.T) {
	const edited = `{"note":"by hand", "access_key_id":"AKIAOLDER","secret_access_key":"older/secret"}`
	for name, change := range map[string]func(*sdk.PutParameterInput){
		"the description stays":   func(*sdk.PutParameterInput) {},
		"the description changes": told("by hand"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			s := open(t, document(t, c.client))
			put(t, s, older)
			c.seed(t, single, edited, change)
			if receipt := put(t, s, older); receipt.Changed {
				t.Error("the same credential was written again")
			}
			put(t, s, newer)
			if got := c.value(t, single); !strings.Contains(got, "by hand") {
				t.Errorf("the parameter holds %s", got)
			}
			if before, err := s.Previous(t.Context()); err != nil || !before.Equal(older) {
				t.Errorf("previous: %v, %v", before, err)
			}
		})
	}
}

func TestAPlaceOfAnotherUserCanBeHandedOver(t *testing.T) {
	c := newCloud(t)
	put(t, open(t, document(t, c.client)), older)
	o := document(t, c.client)
	o.Owner, o.Adopt = "prod/other", true
	if err := open(t, o).Check(t.Context()); !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), owner) {
		t.Fatalf("check: %v, want ErrForeign with the owner's name", err)
	}
	c.seed(t, single, "{}", told("free for prod/other"))
	put(t, open(t, o), newer)
	if held, err := open(t, o).Get(t.Context()); err != nil || held.Owner != "prod/other" {
		t.Errorf("owner %q, %v", held.Owner, err)
	}
}

func TestOneForeignParameterOfTwoKeepsBothAsTheyAre(t *testing.T) {
	c := newCloud(t)
	s := open(t, pair(t, c.client))
	put(t, s, older)
	c.seed(t, ids, "AKIAFOREIGN")
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), ids) {
		t.Errorf("put: %v, want ErrForeign with the name of the id's parameter", err)
	}
	if c.value(t, secrets) != "older/secret" {
		t.Error("the secret was written before the id was looked at")
	}
}

func TestOnlyAnIDMayLieInTheClear(t *testing.T) {
	plain := func(in *sdk.PutParameterInput) { in.Type = types.ParameterTypeString }
	c := newCloud(t)
	c.seed(t, ids, "AKIAFOREIGN", plain)
	o := pair(t, c.client)
	o.Adopt = true
	put(t, open(t, o), newer)
	if last := c.last(t, ids); last.Type != types.ParameterTypeString || *last.Value != newer.KeyID() {
		t.Errorf("the id is a %s, %s", last.Type, *last.Value)
	}
	c = newCloud(t)
	c.seed(t, secrets, "foreign/secret", plain)
	o = pair(t, c.client)
	o.Adopt = true
	_, err := open(t, o).Put(t.Context(), newer)
	for _, err := range []error{err, open(t, o).Check(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "not encrypted") {
			t.Errorf("a secret in the clear: %v", err)
		}
	}
}

func TestACheckSaysWhatToDo(t *testing.T) {
	c := newCloud(t)
	missing := document(t, c.client)
	missing.Create = false
	advanced := document(t, c.client)
	advanced.Parameter, advanced.Tier, advanced.Adopt = "/prod/advanced", "Standard", true
	c.seed(t, "/prod/advanced", "{}", func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierAdvanced })
	odd := document(t, c.client)
	odd.Parameter, odd.Adopt = "/prod/odd", true
	c.seed(t, "/prod/odd", "no JSON")
	foreign := document(t, c.client)
	foreign.Parameter = "/prod/foreign"
	c.seed(t, "/prod/foreign", "{}")
	for _, x := range []struct {
		options ssm.Options
		want    string
	}{
		{missing, "set create"}, {advanced, "tier"}, {odd, "JSON"}, {foreign, "set adopt"},
	} {
		s := open(t, x.options)
		_, err := s.Put(t.Context(), newer)
		for _, err := range []error{err, s.Check(t.Context())} {
			if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), x.options.Parameter) {
				t.Errorf("%s: %v, want a sentence with %q", x.options.Parameter, err, x.want)
			}
		}
	}
}

func TestALongDescriptionMakesRoomForTheMark(t *testing.T) {
	c := newCloud(t)
	c.seed(t, single, "{}", told(strings.Repeat("é", 1024)))
	o := document(t, c.client)
	o.Adopt = true
	put(t, open(t, o), older)
	put(t, open(t, document(t, c.client)), newer)
	if description := aws.ToString(c.last(t, single).Description); !strings.HasSuffix(description, "]") {
		t.Errorf("the description is %q", description)
	}
}
