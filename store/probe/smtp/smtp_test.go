package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/keyrotator/keyrotator/store"
)

var credential = store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary/wJalrXUtnFEMI+K7MDENGbPxRfiC")

// mailbox is an SMTP server in this process that knows one user, as SES does:
// AUTH PLAIN, after TLS only, and 535 for everybody else.
type mailbox struct {
	host  string
	port  int
	trust *tls.Config

	mu      sync.Mutex
	logins  []string
	quits   int
	refuse  *gosmtp.SMTPError // instead of judging
	region  string
	noPlain bool
}

type session struct{ m *mailbox }

func (s session) AuthMechanisms() []string {
	if s.m.noPlain {
		return []string{"XOAUTH2"}
	}
	return []string{"LOGIN", sasl.Plain}
}

func (s session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.m.mu.Lock()
		defer s.m.mu.Unlock()
		s.m.logins = append(s.m.logins, user)
		if s.m.refuse != nil {
			refusal := *s.m.refuse
			refusal.Message = strings.ReplaceAll(refusal.Message, "PASSWORD", password)
			return &refusal
		}
		if user != credential.KeyID() || password != store.SMTPPassword(credential.RevealSecret(), s.m.region) {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.NoEnhancedCode, Message: "Authentication Credentials Invalid"}
		}
		return nil
	}), nil
}

func (session) Mail(string, *gosmtp.MailOptions) error { return errors.New("a probe sends no mail") }
func (session) Rcpt(string, *gosmtp.RcptOptions) error { return errors.New("a probe sends no mail") }
func (session) Data(io.Reader) error                   { return errors.New("a probe sends no mail") }
func (session) Reset()                                 {}
func (s session) Logout() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.quits++
	return nil
}

// newMailbox starts a server with a certificate for 127.0.0.1.
func newMailbox(t *testing.T, immediate bool, edit func(*gosmtp.Server)) *mailbox {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(lender.Close)
	trust := x509.NewCertPool()
	trust.AddCert(lender.Certificate())
	m := &mailbox{host: "127.0.0.1", region: "eu-west-1", trust: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return session{m}, nil }))
	server.TLSConfig = &tls.Config{Certificates: lender.TLS.Certificates}
	server.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	if edit != nil {
		edit(server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = listener.Addr().(*net.TCPAddr).Port
	if immediate {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return m
}

func (m *mailbox) probe(t *testing.T, edit func(*Options)) *Probe {
	t.Helper()
	o := Options{Region: "eu-west-1", Host: m.host, Port: m.port, TLS: m.trust}
	if edit != nil {
		edit(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestALoginSucceedsWithThePasswordOfItsRegion(t *testing.T) {
	for _, immediate := range []bool{false, true} {
		t.Run(fmt.Sprintf("immediate %t", immediate), func(t *testing.T) {
			m := newMailbox(t, immediate, nil)
			p := m.probe(t, func(o *Options) { o.Immediate = immediate })
			if err := p.Check(t.Context()); err != nil || len(m.logins) != 0 {
				t.Errorf("check: %v after the logins %q", err, m.logins)
			}
			if err := p.Probe(t.Context(), credential); err != nil || len(m.logins) != 1 || m.logins[0] != credential.KeyID() {
				t.Errorf("probe: %v after the logins %q", err, m.logins)
			}
			other := m.probe(t, func(o *Options) { o.Immediate, o.Region = immediate, "us-east-1" })
			if err := other.Probe(t.Context(), credential); err == nil || !strings.Contains(err.Error(), "us-east-1") || !strings.Contains(err.Error(), "Credentials Invalid") {
				t.Errorf("probe with the password of another Region: %v", err)
			}
			if err := p.Probe(t.Context(), store.NewCredential(credential.KeyID(), "another secret")); err == nil {
				t.Error("another secret logs in")
			}
			if got := p.Describe(); got != fmt.Sprintf("smtp:127.0.0.1:%d", m.port) {
				t.Errorf("it is described as %s", got)
			}
		})
	}
}

func TestNoPasswordIsSentInTheClearOrToAStranger(t *testing.T) {
	for name, x := range map[string]struct {
		edit  func(*gosmtp.Server)
		probe func(*Options)
		says  string
		plain bool
	}{
		"without STARTTLS":                      {func(s *gosmtp.Server) { s.TLSConfig = nil; s.AllowInsecureAuth = true }, nil, "STARTTLS", false},
		"a certificate that nobody vouches for": {nil, func(o *Options) { o.TLS = nil }, "certificate", false},
		"a certificate for another name":        {nil, func(o *Options) { o.Host = "localhost" }, "certificate", false},
		"no AUTH PLAIN":                         {nil, nil, "AUTH PLAIN", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMailbox(t, false, x.edit)
			m.noPlain = x.plain
			p := m.probe(t, x.probe)
			for what, err := range map[string]error{"probe": p.Probe(t.Context(), credential), "check": p.Check(t.Context())} {
				if err == nil || !strings.Contains(err.Error(), x.says) {
					t.Errorf("%s: %v, want %q", what, err, x.says)
				}
			}
			if len(m.logins) != 0 {
				t.Error("it logged in")
			}
		})
	}
}

func TestWhatTheServerSaysIsUnderstoodAndScreened(t *testing.T) {
	for _, x := range []struct {
		code int
		said string
		want error
		says string
	}{
		{454, "Temporary authentication failure", store.ErrThrottled, "Temporary"},
		{421, "Too many connections", store.ErrThrottled, "Too many"},
		{535, "PASSWORD is wrong", nil, "not shown"},
		{535, "not good: " + credential.RevealSecret()[7:20], nil, "not shown"},
		{500, "what?", nil, "what?"},
	} {
		m := newMailbox(t, false, nil)
		m.refuse = &gosmtp.SMTPError{Code: x.code, EnhancedCode: gosmtp.NoEnhancedCode, Message: x.said}
		err := m.probe(t, nil).Probe(t.Context(), credential)
		if err == nil || !errors.Is(err, x.want) && x.want != nil || !strings.Contains(err.Error(), x.says) ||
			strings.Contains(err.Error(), "wJalr") || strings.Contains(err.Error(), store.SMTPPassword(credential.RevealSecret(), "eu-west-1")[:8]) {
			t.Errorf("%d %s: %v", x.code, x.said, err)
		}
	}
}

func TestASilentServerIsLeftWhenTheContextEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			defer func() { _ = conn.Close() }()
			cancel() // now that somebody waits for a greeting
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	m := &mailbox{host: "127.0.0.1", port: listener.Addr().(*net.TCPAddr).Port}
	if err := m.probe(t, nil).Probe(ctx, credential); !errors.Is(err, context.Canceled) {
		t.Errorf("probe: %v", err)
	}
	if err := m.probe(t, nil).Probe(t.Context(), store.Credential{}); err == nil {
		t.Error("no credential is no error")
	}
	if _, err := New(Options{}); err == nil {
		t.Error("options that lack everything are accepted")
	}
}
