package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// demonstrated is what came of a demo.
type demonstrated struct {
	tally          tally
	stdout, stderr string
	dir            string
	seen           *secrets
	err            error
	failed         error // of the test itself
}

// demonstrate runs a demo in this process. Check what came of it.
func demonstrate(ctx context.Context, d demonstration) demonstrated {
	var stdout, stderr safeBuffer
	c := newCLI(strings.NewReader(""), &stdout, &stderr)
	c.output = formJSON
	r := demonstrated{seen: &secrets{}}
	d.made = func(w *demoWorld) {
		r.dir = w.dir
		r.failed = r.seen.take(w)
		w.wire = r.seen
	}
	r.err = c.demo(ctx, d)
	r.stdout, r.stderr = stdout.String(), stderr.String()
	r.failed = errors.Join(r.failed, json.Unmarshal([]byte(r.stdout), &r.tally))
	return r
}

// check fails the test if anything that the demo printed holds a secret, or if
// it left its folder behind.
func (r demonstrated) check(t *testing.T) {
	t.Helper()
	if r.failed != nil {
		t.Fatalf("the demo was not set up, or its tally is no JSON: %v:\n%s\n%s", r.failed, r.stdout, r.stderr)
	}
	if r.seen.count() < 2*len(r.tally.Users)-1 {
		t.Errorf("only %d secrets were seen: the search for them is broken", r.seen.count())
	}
	r.seen.missingFrom(t, "stdout", r.stdout)
	r.seen.missingFrom(t, "stderr", r.stderr)
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo left %s behind", r.dir)
	}
}

// secrets is a transport that remembers every secret access key that it carries.
type secrets struct {
	next http.RoundTripper

	mu    sync.Mutex
	known map[string]bool
}

var secretKeys = regexp.MustCompile(`(?:<SecretAccessKey>|AWS_SECRET_ACCESS_KEY[\\": ]+|aws_secret_access_key = )([A-Za-z0-9/+=]{40})`)

func (s *secrets) remember(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, found := range secretKeys.FindAllSubmatch(text, -1) {
		s.known[string(found[1])] = true
	}
}

// take begins with the secrets that the demo's world starts with.
func (s *secrets) take(w *demoWorld) error {
	s.next, s.known = w.wire, map[string]bool{w.admin.SecretAccessKey: true}
	for _, u := range w.users {
		if u.path != "" {
			text, err := os.ReadFile(u.path)
			if err != nil {
				return err
			}
			s.remember(text)
		}
		if u.secret != "" {
			text, _, err := w.emu.Secret(demoID, demoRegion, u.secret, "")
			if err != nil {
				return err
			}
			s.remember([]byte(text))
		}
	}
	return nil
}

func (s *secrets) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	s.remember(text)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

func (s *secrets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

func (s *secrets) missingFrom(t *testing.T, where, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret := range s.known {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret, the one that begins with %s", where, secret[:4])
		}
	}
}
