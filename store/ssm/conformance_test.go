package ssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/ssm"
	"github.com/keyrotator/keyrotator/store/storetest"
)

func TestOneParameterConforms(t *testing.T) {
	jsonDoc, err1 := store.JSON(store.Names{})
	credentials, err2 := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	smtp, err3 := store.JSON(store.Names{SMTPUser: "user", SMTPPassword: "password", SMTPRegion: "eu-west-1"})
	template, err4 := store.Template("{{.KeyID}}:{{.Secret}}")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name     string
		payload  store.Payload
		document string
		kept     []string
	}{
		{"a JSON document", jsonDoc, `{"n": 1.500, "o": {"a" : []}}`, []string{`"n": 1.500, "o": {"a" : []}`}},
		{"a credentials file", credentials, "# top\n[other]\nregion = x\n", []string{"# top\n[other]\nregion = x\n"}},
		{"an SES SMTP document", smtp, `{"host":"x"}`, []string{`"host":"x"`}},
		{"a template", template, "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept,
				NewPlace: func(t *testing.T) storetest.Place {
					c := newCloud(t)
					p := c.place(func(t *testing.T) ssm.Options {
						o := document(t, c.client)
						o.Payload = x.payload
						return o
					}, single)
					p.Seed = func(t *testing.T, document []byte) { c.seed(t, single, string(document)) }
					p.Content = func(t *testing.T) []byte { return []byte(c.value(t, single)) }
					return p
				},
			})
		})
	}
}

func TestTwoParametersConform(t *testing.T) {
	lines, err := store.Dotenv(store.Names{KeyID: ids, Secret: secrets})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Harness{
		Payload: lines, Document: []byte("OTHER=value\n"), Kept: []string{"OTHER=value"},
		NewPlace: func(t *testing.T) storetest.Place {
			c := newCloud(t)
			p := c.place(func(t *testing.T) ssm.Options { return pair(t, c.client) }, secrets, ids)
			p.Seed = c.seedLines
			p.Content = func(t *testing.T) []byte {
				t.Helper()
				var content strings.Builder
				for _, name := range []string{"OTHER", secrets, ids} {
					if value := c.value(t, name); value != "" {
						content.WriteString(name + "=" + value + "\n")
					}
				}
				return []byte(content.String())
			}
			return p
		},
	})
}

// seedLines writes each NAME=value as a parameter, and what has no such lines
// as the value of the first one.
func (c *cloud) seedLines(t *testing.T, document []byte) {
	t.Helper()
	for line := range strings.Lines(string(document)) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !found || strings.ContainsAny(name, " {}\x00\"") {
			c.seed(t, secrets, string(document))
			return
		}
		c.seed(t, name, value)
	}
}

// place is what all places of this kind have in common.
func (c *cloud) place(options func(*testing.T) ssm.Options, names ...string) storetest.Place {
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := options(t)
			o.Owner, o.Adopt = owner, adopt
			s, err := ssm.New(o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Writes: func(t *testing.T) int {
			t.Helper()
			writes := 0
			for _, name := range names {
				writes += len(c.versions(t, name))
			}
			return writes
		},
		LoseAnswer: func(_ *testing.T, n int) {
			c.server.Inject(awsemu.Fault{Kind: awsemu.LoseAnswer, Service: "ssm", Operation: "PutParameter", Count: n})
		},
	}
}
