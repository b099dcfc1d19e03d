package postgres

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Shared is one server for all tests of a package. Call its Main from TestMain.
type Shared struct {
	Options Options

	start  sync.Once
	server *Server
	dir    string
	err    error
	made   atomic.Int64
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
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Server starts the server at its first call.
func (s *Shared) Server(t *testing.T) *Server {
	t.Helper()
	s.start.Do(func() {
		s.dir, s.err = os.MkdirTemp("", "keyrotator-postgres-") //nolint:usetesting // it outlives the first test that asks
		if s.err == nil {
			s.server, s.err = Start(t.Context(), s.dir, s.Options)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// DSN makes a database for one test and names it.
func (s *Shared) DSN(t *testing.T) string {
	t.Helper()
	server := s.Server(t)
	name := fmt.Sprintf("test%d", s.made.Add(1))
	if err := server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return server.DSN(name)
}
