package ssm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/store"
)

func TestTheSecretIsWrittenBeforeTheID(t *testing.T) {
	c := newCloud(t)
	put(t, open(t, pair(t, c.client)), older)
	broken := open(t, pair(t, hooked{API: c.client, before: func(operation string) error {
		if operation == "PutParameter" && c.value(t, secrets) == "newer/secret" {
			return errors.New("the network is gone")
		}
		return nil
	}}))
	if _, err := broken.Put(t.Context(), newer); !errors.Is(err, store.ErrAmbiguous) {
		t.Fatalf("put: %v, want ErrAmbiguous", err)
	}
	if c.value(t, ids) != older.KeyID() {
		t.Error("the id was written")
	}
	receipt := put(t, open(t, pair(t, c.client)), newer)
	if !receipt.Changed || receipt.Version != "2,2" || c.value(t, ids) != newer.KeyID() {
		t.Errorf("the same put again: %+v, the id is %s", receipt, c.value(t, ids))
	}
}

func TestAFirstPutThatWasInterruptedLeavesAnEmptyPlace(t *testing.T) {
	c := newCloud(t)
	calls := 0
	broken := open(t, pair(t, hooked{API: c.client, before: func(operation string) error {
		if operation == "PutParameter" {
			calls++
		}
		if calls == 2 {
			return errors.New("the network is gone")
		}
		return nil
	}}))
	if _, err := broken.Put(t.Context(), older); !errors.Is(err, store.ErrAmbiguous) || c.value(t, secrets) == "" {
		t.Fatalf("put: %v; the secret is %q", err, c.value(t, secrets))
	}
	s := open(t, pair(t, c.client))
	if _, err := s.Get(t.Context()); !errors.Is(err, store.ErrEmpty) {
		t.Errorf("get: %v, want ErrEmpty", err)
	}
	// Another key than that of the interrupted Put may follow.
	put(t, s, newer)
}

func TestWhatAnotherWriterAddedMeanwhileIsMerged(t *testing.T) {
	c := newCloud(t)
	put(t, open(t, document(t, c.client)), older)
	s := open(t, document(t, hooked{API: c.client, before: during("PutParameter", 1, func() {
		c.seed(t, single, `{"access_key_id":"AKIAOLDER","secret_access_key":"older/secret","note":"added meanwhile"}`)
	})}))
	put(t, s, newer)
	if got := c.value(t, single); !strings.Contains(got, "added meanwhile") || !strings.Contains(got, newer.KeyID()) {
		t.Errorf("the parameter holds %s", got)
	}
}

func TestAForeignValueWrittenMeanwhileIsGivenBack(t *testing.T) {
	const theirs = `{"access_key_id":"AKIAFOREIGN","secret_access_key":"foreign/secret"}`
	for _, adopted := range []bool{false, true} {
		c := newCloud(t)
		put(t, open(t, document(t, c.client)), older)
		o := document(t, hooked{API: c.client, before: during("PutParameter", 1, func() {
			c.seed(t, single, theirs, func(in *sdk.PutParameterInput) {
				in.Description, in.KeyId = aws.String("not yours"), aws.String("alias/theirs")
			})
		})})
		o.Adopt = adopted
		_, err := open(t, o).Put(t.Context(), newer)
		last := c.last(t, single)
		if adopted {
			if err != nil || !strings.Contains(*last.Value, newer.KeyID()) {
				t.Errorf("put with adopt: %v; the parameter holds %s", err, *last.Value)
			}
			continue
		}
		if !errors.Is(err, store.ErrForeign) {
			t.Errorf("put: %v, want ErrForeign", err)
		}
		if *last.Value != theirs || *last.Description != "not yours" || *last.KeyId != "alias/theirs" {
			t.Errorf("the parameter holds %s, %s, %s", *last.Value, *last.Description, *last.KeyId)
		}
	}
}

func TestWhatWasWrittenSinceIsNotGivenBackOver(t *testing.T) {
	c := newCloud(t)
	put(t, open(t, document(t, c.client)), older)
	puts, reads := 0, 0
	s := open(t, document(t, hooked{API: c.client, before: func(operation string) error {
		switch operation {
		case "PutParameter":
			if puts++; puts == 1 {
				c.seed(t, single, "{}", func(in *sdk.PutParameterInput) { in.Description = aws.String("first") })
			}
		case "GetParameter":
			if reads++; puts == 1 && reads == 3 {
				c.seed(t, single, `{"second":true}`, func(in *sdk.PutParameterInput) { in.Description = aws.String("second") })
			}
		}
		return nil
	}}))
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
	if got := c.value(t, single); got != `{"second":true}` {
		t.Errorf("the parameter holds %s", got)
	}
}

func TestAParameterCreatedMeanwhileIsJudged(t *testing.T) {
	c := newCloud(t)
	s := open(t, document(t, hooked{API: c.client, before: during("PutParameter", 1, func() { c.seed(t, single, `{"a":1}`) })}))
	if _, err := s.Put(t.Context(), newer); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put: %v, want ErrForeign", err)
	}
	if got := c.value(t, single); got != `{"a":1}` {
		t.Errorf("the parameter holds %s", got)
	}
}

func TestABusyWriterEndsInAConflict(t *testing.T) {
	c := newCloud(t)
	n := 0
	o := document(t, hooked{API: c.client, before: during("PutParameter", 9, func() {
		n++
		c.seed(t, single, fmt.Sprintf(`{"n":%d}`, n))
	})})
	o.Adopt = true
	c.seed(t, single, "{}")
	if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put: %v, want ErrConflict", err)
	}
}

func TestAParameterKeepsWhatItIs(t *testing.T) {
	c := newCloud(t)
	c.seed(t, single, `{"a":1}`, func(in *sdk.PutParameterInput) {
		in.KeyId, in.Tier, in.Description, in.AllowedPattern = aws.String("alias/mine"), types.ParameterTierAdvanced, aws.String("The nightly job."), aws.String(`^\{.*$`)
	})
	o := document(t, c.client)
	o.Adopt = true
	for _, credential := range []store.Credential{older, newer} {
		put(t, open(t, o), credential)
		last := c.last(t, single)
		if *last.KeyId != "alias/mine" || last.Tier != types.ParameterTierAdvanced || *last.AllowedPattern != `^\{.*$` ||
			!strings.HasPrefix(*last.Description, "The nightly job. [keyrotator prod/ci-deployer "+credential.KeyID()+" ") || strings.Count(*last.Description, "keyrotator") != 1 {
			t.Errorf("after putting %v: %s, %s, %s, %q", credential, *last.KeyId, last.Tier, *last.AllowedPattern, *last.Description)
		}
	}
}

func TestAParameterIsMadeAsConfigured(t *testing.T) {
	c := newCloud(t)
	o := document(t, c.client)
	o.KMSKeyID, o.Tier, o.Tags = "alias/mine", "Advanced", map[string]string{"team": "platform"}
	put(t, open(t, o), older)
	put(t, open(t, o), newer) // with tags this would be refused if they were sent again
	last := c.last(t, single)
	tags, err := c.client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String(single)})
	if err != nil || len(tags.TagList) != 1 || *tags.TagList[0].Value != "platform" {
		t.Errorf("tags: %+v, %v", tags, err)
	}
	if last.Type != types.ParameterTypeSecureString || *last.KeyId != "alias/mine" || last.Tier != types.ParameterTierAdvanced {
		t.Errorf("the parameter is a %s of %s in the tier %s", last.Type, *last.KeyId, last.Tier)
	}
}

func TestAValueThatAWSWouldRefuseIsNotSent(t *testing.T) {
	for _, x := range []struct {
		about, tier, given string
		filling            int
		want               error
	}{
		{"beyond the standard limit", "Standard", "Standard", 4050, store.ErrShape},
		{"beyond the standard limit, the tier being free to grow", "Intelligent-Tiering", "Standard", 4050, nil},
		{"beyond the advanced limit", "Advanced", "Advanced", 8150, store.ErrShape},
		{"beyond the standard limit in a parameter that is advanced", "", "Advanced", 4050, nil},
	} {
		t.Run(x.about, func(t *testing.T) {
			c := newCloud(t)
			c.seed(t, single, `{"a":"`+strings.Repeat("x", x.filling)+`"}`, func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTier(x.given) })
			o := document(t, c.client)
			o.Adopt, o.Tier = true, x.tier
			if _, err := open(t, o).Put(t.Context(), newer); !errors.Is(err, x.want) {
				t.Errorf("put: %v, want %v", err, x.want)
			}
			if got := len(c.versions(t, single)); x.want != nil && got != 1 {
				t.Errorf("it was sent: %d versions", got)
			}
		})
	}
}

func TestTheHundredAndFirstVersionIsReadAndReplaced(t *testing.T) {
	c := newCloud(t)
	put(t, open(t, pair(t, c.client)), older)
	s := open(t, pair(t, c.client))
	for i := range 105 {
		put(t, s, []store.Credential{newer, older}[i%2])
	}
	put(t, s, newest)
	held, err := s.Get(t.Context())
	if err != nil || !held.Credential.Equal(newest) || held.Owner != owner || held.Previous != newer.KeyID() {
		t.Errorf("get: %v of %q, before it %q, %v", held.Credential, held.Owner, held.Previous, err)
	}
	if before, err := s.Previous(t.Context()); err != nil || !before.Equal(newer) {
		t.Errorf("previous: %v, %v", before, err)
	}
}

func TestOnlyTheCallsOfItsPermissionsAreMade(t *testing.T) {
	c := newCloud(t)
	s := open(t, pair(t, c.client))
	put(t, s, older)
	put(t, s, newer)
	if _, err := s.Previous(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, call := range c.server.Calls() {
		if !slices.Contains([]string{"GetParameter", "GetParameterHistory", "PutParameter"}, call.Operation) {
			t.Errorf("%s was called", call.Operation)
		}
	}
}
