package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// certificateOf writes the certificate of a server to a file.
func certificateOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var ci = rotator.User{Account: "prod", Name: "ci"}

func TestAWebhookIsWhatTheConfigurationSays(t *testing.T) {
	var heard []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var envelope struct {
			User, Format string
			SigningKeyID string `json:"signing_key_id"`
			Adopt        bool
		}
		_ = json.Unmarshal(body, &envelope) // a GET has none
		said, _ := json.Marshal(envelope)
		heard = append(heard, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Keyrotator-Signing-Key")+" "+string(said))
	}))
	defer server.Close()
	w := config.Webhook{
		Hook: config.Hook{
			URL: server.URL + "/put", SigningKey: config.NewSecret(strings.Repeat("k", 32)), SigningKeyID: "7", Token: config.NewSecret("t"),
			CAFile: certificateOf(t, server), Timeout: time.Minute,
		},
		CheckURL: server.URL + "/check", Format: config.FormatDotenv, Adopt: true,
		Shape: config.Shape{Fields: config.Fields{KeyID: "ID", Secret: "SECRET"}},
	}
	s, err := (storeBuilder{web: webClients{}}).store(ci, config.Store{Webhook: &w})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), store.NewCredential("AKIA1", "secret")); err != nil {
		t.Fatal(err)
	}
	if err := s.(store.Checker).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := `POST /put Bearer t 7 {"User":"prod/ci","Format":"dotenv","signing_key_id":"7","Adopt":true}
GET /check Bearer t 7 {"User":"","Format":"","signing_key_id":"","Adopt":false}`
	if got := strings.Join(heard, "\n"); got != want {
		t.Errorf("heard\n%s\nwant\n%s", got, want)
	}
	w.CAFile = filepath.Join(t.TempDir(), "missing.pem")
	if _, err := (storeBuilder{web: webClients{}}).store(ci, config.Store{Webhook: &w}); err == nil || !strings.Contains(err.Error(), w.CAFile) {
		t.Errorf("a missing ca_file: %v", err)
	}
}

// scriptOf writes a shell script.
func scriptOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAProgramIsWhatTheConfigurationSays(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	e := config.Exec{
		Program: config.Program{
			Command: []string{scriptOf(t, `[ "$1" = put ] || exit 11; echo "$2 $REGION $KEYROTATOR_USER $KEYROTATOR_ADOPT $(cat)" > "$OUT"`), "place"}, Timeout: time.Minute,
			Environment: map[string]string{"REGION": "eu-west-1", "OUT": out},
		},
		Reads: true, Format: config.FormatTemplate, Adopt: true, Shape: config.Shape{Template: "id={{.KeyID}}"},
	}
	s, err := (storeBuilder{}).store(ci, config.Store{Exec: &e})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), store.NewCredential("AKIA1", "secret")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != "place eu-west-1 prod/ci true id=AKIA1\n" {
		t.Errorf("the program was told %q, %v", got, err)
	}
	e.Format, e.Fields = config.FormatJSON, config.Fields{KeyID: "ID", Secret: "SECRET"}
	if s, err = (storeBuilder{}).store(ci, config.Store{Exec: &e}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.(store.Reader); !ok {
		t.Error("reads is not passed on")
	}
}
