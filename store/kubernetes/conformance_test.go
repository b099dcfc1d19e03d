package kubernetes_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes"
	"github.com/keyrotator/keyrotator/store/storetest"
)

func TestASecretConforms(t *testing.T) {
	named := store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"}
	mail := store.Names{SMTPUser: "USER", SMTPPassword: "PASSWORD", SMTPRegion: "eu-west-1"}
	keys, err1 := store.NewVariables(named)
	mailKeys, err2 := store.NewVariables(mail)
	lines, err3 := store.Dotenv(named)
	mailLines, err4 := store.Dotenv(mail)
	document, err5 := store.JSON(store.Names{})
	profile, err6 := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	template, err7 := store.Template("{{.KeyID}}:{{.Secret}}")
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name      string
		variables store.Variables
		payload   store.Payload // the one that is written, or the one that shows the variables
		create    bool
		document  string
		kept      []string
	}{
		{"a key for each part", keys, lines, false, "A=b\nC=d\n", []string{"A=b\n", "C=d\n"}},
		{"a key for each part, in a Secret to create", keys, lines, true, "A=b\n", []string{"A=b\n"}},
		{"SES SMTP keys", mailKeys, mailLines, true, "HOST=x\n", []string{"HOST=x\n"}},
		{"a JSON document", store.Variables{}, document, false, `{"n": 1.500, "o": {"a" : []}}`, []string{`"n": 1.500, "o": {"a" : []}`}},
		{"an AWS credentials file", store.Variables{}, profile, true, "# top\n[default]\nregion = eu-west-1\n", []string{"# top\n[default]\nregion = eu-west-1\n"}},
		{"a template", store.Variables{}, template, true, "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept,
				NewPlace: func(t *testing.T) storetest.Place {
					t.Helper()
					o := kubernetes.Options{Variables: x.variables, Create: x.create}
					if len(x.variables.Names()) == 0 {
						o.Key, o.Payload = "document", x.payload
					}
					return suitePlace(t, o)
				},
			})
		})
	}
}

func suitePlace(t *testing.T, wanted kubernetes.Options) storetest.Place {
	t.Helper()
	p, f := newPlace(t), newFront(t)
	if !wanted.Create {
		p.make(t, `{}`)
	}
	o := p.options(t)
	rules := minimal
	if wanted.Create {
		rules = creating
	}
	token, _ := shared.Account(t, p.namespace, "keyrotator", rules)
	o.Cluster.Kubeconfig = shared.KubeconfigThrough(t, f.Server, token)
	o.Variables, o.Key, o.Payload, o.Create = wanted.Variables, wanted.Key, wanted.Payload, wanted.Create
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			o := o
			o.Owner, o.Adopt = owner, adopt
			return open(t, o)
		},
		Seed: func(t *testing.T, document []byte) {
			t.Helper()
			data := map[string]string{o.Key: encoded(string(document))}
			if o.Key == "" {
				data = parsed(document, o.Variables.Names()[0])
			}
			content, err := json.Marshal(map[string]any{"data": data})
			if err != nil {
				t.Fatal(err)
			}
			manifest := string(content)
			if p.read(t).UID == "" {
				p.make(t, manifest)
			} else {
				p.patch(t, manifest)
			}
		},
		Content: func(t *testing.T) []byte {
			t.Helper()
			data := p.read(t).Data
			if o.Key != "" {
				return data[o.Key]
			}
			var text strings.Builder
			for _, key := range slices.Sorted(maps.Keys(data)) {
				_, _ = text.WriteString(key + "=" + string(data[key]) + "\n")
			}
			return []byte(text.String())
		},
		Writes: func(t *testing.T) int {
			t.Helper()
			version, _ := strconv.Atoi(p.read(t).ResourceVersion) // zero for a Secret that is not there
			return version
		},
		LoseAnswer: func(_ *testing.T, n int) { f.lose.Store(int64(n)) },
	}
}

// parsed reads NAME=value lines; what is no such line is the first variable's
// value, all of it.
func parsed(document []byte, first string) map[string]string {
	data := map[string]string{}
	for line := range strings.Lines(string(document)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' }) {
			return map[string]string{first: encoded(string(document))}
		}
		data[key] = encoded(strings.Trim(value, `'"`))
	}
	return data
}

// What an administrator sees is what the suite relies on.
func TestTheSuiteSeesWhatIsWritten(t *testing.T) {
	p := newPlace(t)
	p.make(t, `{"data": {"A": "`+encoded("b")+`"}}`)
	if got := p.read(t); string(got.Data["A"]) != "b" {
		t.Fatal("the secret that was made is not read")
	}
	shared.Do(t, http.MethodDelete, p.path+"/"+name, nil, nil)
	if got := p.read(t); got.UID != "" {
		t.Fatal("the secret that was deleted is read")
	}
}
