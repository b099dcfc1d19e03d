package secretsmanager_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
	"github.com/keyrotator/keyrotator/store/storetest"
)

func TestASecretConforms(t *testing.T) {
	jsonDoc, err1 := store.JSON(store.Names{})
	dotenv, err2 := store.Dotenv(store.Names{})
	smtp, err3 := store.JSON(store.Names{SMTPUser: "user", SMTPPassword: "password", SMTPRegion: "eu-west-1"})
	template, err4 := store.Template("{{.KeyID}}:{{.Secret}}")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name     string
		payload  store.Payload
		create   bool
		document string
		kept     []string
	}{
		{"a JSON document", jsonDoc, false, `{"n": 1.500, "o": {"a" : []}}`, []string{`"n": 1.500, "o": {"a" : []}`}},
		{"a JSON document in a secret to create", jsonDoc, true, `{"n": 1.500}`, []string{`"n": 1.500`}},
		{"a dotenv document", dotenv, false, "# top\nA='b'\n", []string{"# top\nA='b'\n"}},
		{"an SES SMTP document", smtp, false, `{"host":"x"}`, []string{`"host":"x"`}},
		{"a template", template, true, "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept,
				NewPlace: func(t *testing.T) storetest.Place { return newPlace(t, x.payload, x.create) },
			})
		})
	}
}

func newPlace(t *testing.T, payload store.Payload, create bool) storetest.Place {
	c := newCloud(t)
	if !create {
		c.empty(t)
	}
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := options(t, c.client)
			o.Payload, o.Owner, o.Adopt, o.Create = payload, owner, adopt, create
			s, err := secretsmanager.New(o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Seed:    func(t *testing.T, document []byte) { c.seed(t, string(document)) },
		Content: func(t *testing.T) []byte { return []byte(c.value(t, "")) },
		Writes: func(t *testing.T) int {
			t.Helper()
			out, err := c.client.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: aws.String(name), IncludeDeprecated: aws.Bool(true)})
			if err != nil {
				t.Fatal(err)
			}
			return len(out.Versions)
		},
		LoseAnswer: func(_ *testing.T, n int) {
			for _, operation := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
				c.server.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Service: "secretsmanager", Operation: operation, Count: n})
			}
		},
	}
}
