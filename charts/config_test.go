package charts_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keyrotator/keyrotator/config"
)

// configuration is the text that the pod would read.
func configuration(t *testing.T, all []object) string {
	t.Helper()
	text, ok := at(find(t, all, "ConfigMap"), "data", "keyrotator.yaml").(string)
	if !ok {
		t.Fatal("the ConfigMap has no keyrotator.yaml")
	}
	return text
}

// secretFile is a reference to a file that only the pod has.
var secretFile = regexp.MustCompile(`\$\{file:(/secrets/[^}]+)\}`)

// checked gives a configuration to keyrotator check --offline, with files in the
// place of the Secrets.
func checked(t *testing.T, text string, environment []string) answer {
	t.Helper()
	dir := t.TempDir()
	for _, reference := range secretFile.FindAllStringSubmatch(text, -1) {
		write(t, filepath.Join(dir, reference[1]), contents(reference[1]))
	}
	text = strings.ReplaceAll(text, "${file:/secrets/", "${file:"+dir+"/secrets/")
	path := write(t, filepath.Join(dir, "keyrotator.yaml"), text)
	return start(t.Context(), dir, keyrotator(t), environment, "check", "--offline", "--config", path)
}

// environment is what extraEnv sets to a value.
func environment(pod object) []string {
	var all []string
	variables, _ := at(pod, "spec", "template", "spec", "containers", 0, "env").([]any)
	for _, v := range variables {
		all = append(all, fmt.Sprintf("%s=%s", at(v, "name"), at(v, "value")))
	}
	return all
}

func TestTheProgramAcceptsTheConfigMapOfEveryValuesFile(t *testing.T) {
	for name, file := range valuesFiles(t) {
		t.Run(name, func(t *testing.T) {
			all := objects(t, file)
			if a := checked(t, configuration(t, all), environment(find(t, all, "Deployment"))); a.err != nil {
				t.Errorf("keyrotator check --offline: %v\n%s%s", a.err, a.stdout, a.stderr)
			}
		})
	}
}

// A check that accepts everything would make the test above worth nothing.
func TestTheProgramRefusesAConfigMapWithALeadThatIsTooLong(t *testing.T) {
	values := write(t, filepath.Join(t.TempDir(), "values.yaml"), "config: {policies: {default: {max_age: 2d}}}")
	all := objects(t, valuesFiles(t)["minimal"], values)
	if a := checked(t, configuration(t, all), nil); a.err == nil || !strings.Contains(a.stderr, "max_age") {
		t.Errorf("keyrotator check --offline ended with %v and said %s", a.err, a.stderr)
	}
}

// contents of the file of a Secret: something that looks like what is expected.
func contents(path string) string {
	if strings.HasSuffix(path, ".pem") {
		return "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	}
	return strings.Repeat("x", 40) + "\n"
}

// everything has all files and variables.
var everything = config.Env{
	LookupEnv: func(string) (string, bool) { return "acme-7", true },
	ReadFile:  func(path string) ([]byte, error) { return []byte(contents(path)), nil },
}

// configurations are the examples, and the configurations that the tests of
// package config hold for good.
func configurations(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../config/testdata/good/*.yaml", "../examples/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, paths...)
	}
	if len(all) < 30 {
		t.Fatalf("only %d configurations were found", len(all))
	}
	return all
}

// refused are those that the program accepts and the chart does not, each with
// what it says.
var refused = map[string]string{
	"../config/testdata/good/full.yaml":   "/config/accounts/shared/id': got number, want string",
	"../config/testdata/good/github.yaml": "private_key is a secret",
}

// What is rendered is what was written, up to form, numbers and dates included,
// and the schema lets everything through that the program accepts. The journal is
// left out, whose place the chart decides.
func TestEveryGoodConfigurationIsRenderedVerbatim(t *testing.T) {
	for _, path := range configurations(t) {
		t.Run(path, func(t *testing.T) {
			text := strings.ReplaceAll(strings.TrimPrefix(read(t, path), "\ufeff"), "\r\n", "\n")
			values := "config:\n  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
			const here = "config: {journal: 'sqlite:///var/lib/keyrotator/journal.db', sealing: {identity: /var/lib/keyrotator/identity}}"
			dir := t.TempDir()
			a := render(t, write(t, dir+"/values.yaml", values), write(t, dir+"/here.yaml", here))
			if sentence := refused[path]; a.err != nil || sentence != "" {
				if a.err == nil || sentence == "" || !strings.Contains(a.stderr, sentence) {
					t.Errorf("helm template ended with %v: %s", a.err, a.stderr)
				}
				return
			}
			var want, got object
			if err := yaml.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(configuration(t, documents(t, a.stdout))), &got); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"journal", "sealing"} {
				delete(want, key)
				delete(got, key)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("it was rendered as\n%v\nand written as\n%v", got, want)
			}
		})
	}
}

// A pod reads its configuration at its start, so that a change needs new pods; what
// changes nothing for it must not cost any.
func TestPodsAreReplacedWhenTheConfigurationChangesAndOnlyThen(t *testing.T) {
	checksum := func(values string) any {
		all := objects(t, valuesFiles(t)["minimal"], write(t, t.TempDir()+"/values.yaml", values))
		return at(find(t, all, "Deployment"), "spec", "template", "metadata", "annotations", "checksum/config")
	}
	before := checksum("{}")
	if after := checksum("config: {no_delete: true}"); after == before || after == nil {
		t.Errorf("the checksum is %v before and %v after the change", before, after)
	}
	if after := checksum("{commonLabels: {team: platform}, annotations: {a: b}, serviceMonitor: {enabled: true}}"); after != before {
		t.Errorf("the checksum is %v before and %v after a change of something else", before, after)
	}
}

// secretKeys are the keys of the configuration whose values are secrets, as its
// types say.
func secretKeys() map[string]bool {
	keys := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for field := range typ.Fields() {
			if !field.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if field.Type == reflect.TypeFor[config.Secret]() {
				if typ == reflect.TypeFor[config.Callbacks]() {
					name = "config.callbacks." + name
				}
				keys[name] = true
			}
			walk(field.Type)
		}
	}
	walk(reflect.TypeFor[config.Config]())
	return keys
}

// The chart's list of secret keys is that of the configuration's types: a new kind
// of store with a new kind of token must not be forgotten.
func TestEverySecretOfTheConfigurationIsRefusedAsText(t *testing.T) {
	text := read(t, chart+"/templates/_refusals.tpl")
	keys := secretKeys()
	if len(keys) < 5 {
		t.Fatalf("only %d secrets were found in the configuration's types", len(keys))
	}
	for key := range keys {
		if !strings.Contains(text, `"`+key+`"`) {
			t.Errorf("templates/_refusals.tpl does not refuse %s as text", key)
		}
	}
}

func TestAPasswordOrATokenWrittenIntoTheConfigurationIsRefusedAndNotRepeated(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
	sealed := "sealing: {existingSecret: s}\nconfig:\n  sealing: {identity: /sealing/identity}\n"
	for name, values := range map[string]string{
		"an external id":                      "config: {accounts: {prod: {external_id: " + secret + "}}}",
		"a callback key":                      "config: {callbacks: {key: " + secret + "}}",
		"a token of a store":                  "config: {users: [{user: prod/x, consumers: [{store: {gitlab: {project: a/b, token: " + secret + "}}}]}]}",
		"a key after an escaped reference":    "config: {callbacks: {key: \"$${file:/x}" + secret + "\"}}",
		"a password of the journal":           sealed + "  journal: postgres://u:" + secret + "@db/keyrotator",
		"a password in the journal's options": sealed + "  journal: postgres://u@db/keyrotator?sslmode=require&password=" + secret,
		"a password before a reference":       sealed + "  journal: postgres://u:" + secret + "${file:/secrets/a/b}@db/keyrotator",
	} {
		t.Run(name, func(t *testing.T) {
			a := render(t, valuesFiles(t)["minimal"], write(t, filepath.Join(t.TempDir(), "values.yaml"), values))
			if a.err == nil || !strings.Contains(a.stderr, "would stand in a ConfigMap") && !strings.Contains(a.stderr, "config stands in a ConfigMap") {
				t.Errorf("helm template ended with %v: %s", a.err, strings.ReplaceAll(a.stderr, secret, "…"))
			}
			if strings.Contains(a.stdout+a.stderr, secret) {
				t.Error("the refusal repeats the secret")
			}
		})
	}
}
