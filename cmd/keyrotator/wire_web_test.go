package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestAWebClientTrustsTheAuthoritiesItWasGiven(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	clients := webClients{}
	for caFile, trusted := range map[string]bool{"": false, file: true} {
		client, err := clients.client(caFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Get(server.URL); (err == nil) != trusted {
			t.Errorf("with authorities of %q: %v", caFile, err)
		}
		if again, err := clients.client(caFile); err != nil || again != client {
			t.Errorf("the second client of %q is another one (%v)", caFile, err)
		}
	}
	if clients[""] == clients[file] {
		t.Error("whom one store trusts, all of them trust")
	}
	for _, wrong := range []string{filepath.Join(t.TempDir(), "missing.pem"), "wire_web_test.go"} {
		if _, err := clients.client(wrong); err == nil {
			t.Errorf("authorities of %s are no error", wrong)
		}
	}
}

func TestAWebClientFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the request went where nobody configured it to go")
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client, err := webClients(nil).client("")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Get(server.URL)
	if err != nil || answer.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("answer %v, %v", answer, err)
	}
}
