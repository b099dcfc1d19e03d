package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// serving is whatever reloads and probes consumers, of every kind.
type serving struct {
	e         *everywhere
	yaml      map[string]string // "reload-exec" and so on
	forbidden atomic.Bool
	flag      string // a file that is there while programs are forbidden
	mail      net.Listener
}

func newServing(t *testing.T, e *everywhere) *serving {
	t.Helper()
	s := &serving{e: e, flag: filepath.Join(e.dir, "forbidden")}
	web := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(web.Close)
	host, ca := s.serveMail(t)
	program := func(says string) string {
		return scriptOf(t, fmt.Sprintf("[ ! -e %s ] || { echo %q >&2; exit 13; }", s.flag, says))
	}
	clusters().Do(t, http.MethodPost, "/apis/apps/v1/namespaces/"+e.namespace+"/deployments", `{"metadata": {"name": "runner"}, "spec": {
		"selector": {"matchLabels": {"app": "runner"}},
		"template": {"metadata": {"labels": {"app": "runner"}}, "spec": {"containers": [{"name": "runner", "image": "runner"}]}}}}`, nil)
	s.yaml = map[string]string{
		"reload-rollout":   fmt.Sprintf("rollout: {workloads: [deployment/runner], namespace: %s, kubeconfig: %s}", e.namespace, e.kubeconfig),
		"reload-exec":      fmt.Sprintf("exec: {command: [%s, runner]}", program("polkit forbids it")),
		"reload-webhook":   fmt.Sprintf("webhook: {url: %q, signing_key: %q}", web.URL+"/reload", e.token(t, "", "the-key-of-the-reloader-0123456789")),
		"probe-sts":        "sts: {}",
		"probe-s3":         fmt.Sprintf("s3: {bucket: artifacts, endpoint: %q}", web.URL),
		"probe-smtp":       fmt.Sprintf("smtp: {region: eu-west-1, host: 127.0.0.1, port: %s, tls: immediate, ca_file: %s}", host, ca),
		"probe-http":       fmt.Sprintf("http: {url: %q}", web.URL+"/health"),
		"probe-exec":       fmt.Sprintf("exec: {command: [%s, runner]}", program("no bucket of this name is seen")),
		"probe-prometheus": fmt.Sprintf("prometheus: {url: %q, query: up == 0, token: %q}", web.URL, e.token(t, "", "the-token-of-the-prometheus")),
	}
	return s
}

func (s *serving) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.forbidden.Load():
		http.Error(w, "not for you", http.StatusForbidden)
	case r.URL.Path == "/api/v1/query":
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}
}

// serveMail greets whoever comes, encrypted from the first byte.
func (s *serving) serveMail(t *testing.T) (port, ca string) {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certified.Close)
	var err error
	if s.mail, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.mail.Close() }) // it may be closed already
	go func() {
		for {
			conn, err := s.mail.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, "220 mail\r\n")
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					_, _ = io.WriteString(conn, "250-mail\r\n250 AUTH PLAIN\r\n")
				}
			}()
		}
	}()
	_, port, err = net.SplitHostPort(s.mail.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, certificateOf(t, certified)
}

// served is a consumer with a store that is well and a reload or a probe.
func (s *serving) served(t *testing.T, part, kind string) string {
	t.Helper()
	yaml, ok := s.yaml[part+"-"+kind]
	if !ok {
		t.Fatalf("nothing serves consumers by the %s %s", part, kind)
	}
	return fmt.Sprintf("store: {file: {path: %s}}, %s: {%s}}", filepath.Join(s.e.dir, part+"-"+kind), part, yaml)
}

func (s *serving) forbid(t *testing.T) {
	t.Helper()
	s.forbidden.Store(true)
	if err := os.WriteFile(s.flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.mail.Close(); err != nil {
		t.Fatal(err)
	}
}
