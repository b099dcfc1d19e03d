package vault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/storetest"
	"github.com/keyrotator/keyrotator/store/vault"
)

// The suite runs against a real Vault, with a token that may do what
// docs/stores/vault.md says and nothing else.
func TestFieldsConform(t *testing.T) {
	payload, err := store.Dotenv(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Harness{
		Payload: payload, Document: []byte("OTHER=value\n"), Kept: []string{"OTHER=value"},
		NewPlace: func(t *testing.T) storetest.Place {
			w := newWorld(t)
			p := w.place(w.pair)
			p.Seed = func(t *testing.T, document []byte) { w.seed(t, fieldsOf(document)) }
			p.Content = func(t *testing.T) []byte { return lines(w.fields(t)) }
			return p
		},
	})
}

func TestADocumentInAFieldConforms(t *testing.T) {
	jsonDoc, err1 := store.JSON(store.Names{})
	smtp, err2 := store.JSON(store.Names{SMTPUser: "user", SMTPPassword: "password", SMTPRegion: "eu-west-1"})
	template, err3 := store.Template("{{.KeyID}}:{{.Secret}}")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name     string
		payload  store.Payload
		document string
		kept     []string
	}{
		{"a JSON document", jsonDoc, `{"n": 1.500, "o": {"a" : []}}`, []string{`"n": 1.500, "o": {"a" : []}`}},
		{"an SES SMTP document", smtp, `{"host":"x"}`, []string{`"host":"x"`}},
		{"a template", template, "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept,
				NewPlace: func(t *testing.T) storetest.Place {
					w := newWorld(t)
					p := w.place(func(t *testing.T) vault.Options {
						o := w.document(t)
						o.Payload = x.payload
						return o
					})
					p.Seed = func(t *testing.T, document []byte) {
						w.seed(t, map[string]any{"aws": string(document), "other": map[string]any{"deep": []int{1}}})
					}
					p.Content = func(t *testing.T) []byte {
						document, _ := w.fields(t)["aws"].(string)
						return []byte(document)
					}
					return p
				},
			})
		})
	}
}

// place is what all places of this kind have in common.
func (w *world) place(options func(*testing.T) vault.Options) storetest.Place {
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := options(t)
			o.Owner, o.Adopt = owner, adopt
			s, err := vault.New(o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Writes:     w.version,
		LoseAnswer: func(_ *testing.T, n int) { w.transport.loseAnswers(n) },
	}
}

// fieldsOf makes a field of each NAME=value, and the first of ours of what has no
// such lines.
func fieldsOf(document []byte) map[string]any {
	fields := map[string]any{}
	for line := range strings.Lines(string(document)) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !found || strings.ContainsAny(name, " {}\x00\"") {
			return map[string]any{"AWS_SECRET_ACCESS_KEY": string(document)}
		}
		fields[name] = strings.Trim(value, `'"`)
	}
	return fields
}
