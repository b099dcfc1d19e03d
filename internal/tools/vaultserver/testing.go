package vaultserver

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is one server for all tests of a package. Call its Main from TestMain.
type Shared struct {
	start  sync.Once
	server *Server
	err    error
}

// Main runs the tests and stops the server, if one of them started it. It
// returns the exit code.
func (s *Shared) Main(m interface{ Run() int }) int {
	code := m.Run()
	if s.server == nil {
		return code
	}
	if err := s.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Server starts the server at its first call. A test that cannot have it fails.
func (s *Shared) Server(t *testing.T) *Server {
	t.Helper()
	s.start.Do(func() {
		// Another test may wait for it longer than this one lives.
		s.server, s.err = Start(context.WithoutCancel(t.Context()))
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}
