package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// included finds ${file:/path}, as examples write it.
var included = regexp.MustCompile(`\$\{file:(/[^}]+)\}`)

// TestEveryExampleIsAccepted checks the files of examples/ as an operator
// would, offline. A file that an example includes with ${file:/path} is made
// below a temporary folder, and the example reads it from there. What it holds
// goes by its name: an RSA private key where that ends in .pem, otherwise a
// word that no service takes for a token.
func TestEveryExampleIsAccepted(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("found %d examples (%v)", len(examples), err)
	}
	for _, example := range examples {
		t.Run(filepath.Base(example), func(t *testing.T) {
			text, err := os.ReadFile(example)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), filepath.Base(example))
			if err := os.WriteFile(path, []byte(withIncluded(t, string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			code := newCLI(strings.NewReader(""), &stdout, &stderr).execute(t.Context(), []string{"check", "--offline", "--config", path})
			if code != exitOK {
				t.Errorf("check --offline exits with %d:\n%s%s", code, stdout.String(), stderr.String())
			}
		})
	}
}

// withIncluded makes the files that a configuration includes, and has it read
// them where they were made.
func withIncluded(t *testing.T, text string) string {
	t.Helper()
	root := t.TempDir()
	return included.ReplaceAllStringFunc(text, func(found string) string {
		path := filepath.Join(root, included.FindStringSubmatch(found)[1])
		content := []byte("not-a-token-of-any-service-nor-a-signing-key\n")
		if filepath.Ext(path) == ".pem" {
			content = privateKey(t)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return "${file:" + path + "}"
	})
}

// privateKey is a new RSA private key in PEM.
func privateKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}
