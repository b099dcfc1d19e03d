package file_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/file"
	"github.com/keyrotator/keyrotator/store/storetest"
)

func TestAFileConforms(t *testing.T) {
	awsFile, err1 := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	jsonDoc, err2 := store.JSON(store.Names{})
	dotenv, err3 := store.Dotenv(store.Names{})
	smtp, err4 := store.JSON(store.Names{SMTPUser: "user", SMTPPassword: "password", SMTPRegion: "eu-west-1"})
	template, err5 := store.Template("id={{.KeyID}} secret={{.Secret}}\n")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name     string
		payload  store.Payload
		document string
		kept     []string
	}{
		{"an AWS credentials file", awsFile, "# top\n[default]\naws_access_key_id = D\n\n[ci]\nregion = eu-west-1 ; here\n", []string{"# top\n[default]\naws_access_key_id = D\n", "region = eu-west-1 ; here\n"}},
		{"a JSON document", jsonDoc, `{"n": 1.500, "o": {"a" : []}}`, []string{`"n": 1.500, "o": {"a" : []}`}},
		{"a dotenv file", dotenv, "# top\nA='b'\n", []string{"# top\nA='b'\n"}},
		{"an SES SMTP document", smtp, `{"host":"x"}`, []string{`"host":"x"`}},
		{"a template", template, "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Payload: x.payload, Document: []byte(x.document), Kept: x.kept,
				NewPlace: func(t *testing.T) storetest.Place { return newPlace(t, x.payload) },
			})
		})
	}
}

func newPlace(t *testing.T, payload store.Payload) storetest.Place {
	path := filepath.Join(t.TempDir(), "document")
	return storetest.Place{
		Open: func(t *testing.T, owner string, adopt bool) store.Store {
			t.Helper()
			s, err := file.New(file.Options{Path: path, Payload: payload, Owner: owner, Adopt: adopt})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Seed: func(t *testing.T, document []byte) {
			t.Helper()
			if err := os.WriteFile(path, document, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		Content: func(t *testing.T) []byte {
			t.Helper()
			content, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return content
		},
	}
}
