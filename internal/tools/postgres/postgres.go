// Package postgres starts real PostgreSQL servers for tests. A server lives in
// a folder of its own, listens on loopback alone, and is stopped when the test
// ends. Where PostgreSQL is not installed the test fails and says what to
// install: a test that is left out proves nothing.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options of a server. The zero value is fit for most tests.
type Options struct {
	// Durable flushes to the disk, as a server that crashes has to; otherwise
	// nothing is flushed, which is faster.
	Durable bool
	// Env is added to the server's environment, such as for libfaketime.
	Env []string
	// Settings are lines of postgresql.conf.
	Settings []string
}

// Server is one PostgreSQL server. Make it with Start and end it with Close.
type Server struct {
	bin, dir string
	port     int
	options  Options
	account  *syscall.Credential // nil for our own
}

// Start makes a database cluster in a folder below dir and starts its server.
func Start(ctx context.Context, dir string, options Options) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: filepath.Join(dir, "postgres"), options: options}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("make a database cluster: %w", err)
	}
	if s.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	if err := s.Up(ctx); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// binaries is the folder of the newest PostgreSQL that Debian installed.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("PostgreSQL is not installed: make packages, or apt-get install postgresql"), err)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // zero for what is no number
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// prepare makes the cluster. PostgreSQL does not run as root; where we do, it
// runs as the user that Debian's package made.
func (s *Server) prepare(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := s.becomePostgres(); err != nil {
			return err
		}
	}
	return s.run(ctx, "initdb", "--pgdata", s.data(), "--auth", "trust", "--username", "postgres", "--encoding", "UTF8", "--no-sync")
}

func (s *Server) becomePostgres() error {
	account, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("find the user that the server runs as: %w", err)
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return err
	}
	s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
		return err
	}
	// The server has to get through to its folder.
	for dir := filepath.Dir(s.dir); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: %s is none", listener.Addr())
	}
	return address.Port, nil
}

// run runs one of PostgreSQL's programs to its end.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...) //nolint:gosec // a program of PostgreSQL, for tests
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.options.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Up starts the server on its port and returns when it answers.
func (s *Server) Up(ctx context.Context) error {
	settings := append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=" + s.dir, "max_connections=200", "fsync=" + onOff(s.options.Durable),
	}, s.options.Settings...)
	args := []string{"-p", strconv.Itoa(s.port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	// Its output goes to a file of its own: a server outlives pg_ctl and would
	// hold our pipe open.
	err := s.run(ctx, "pg_ctl", "start", "--wait", "--pgdata", s.data(), "--log", filepath.Join(s.dir, "log"), "--options", strings.Join(args, " "))
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // only for the message
		return fmt.Errorf("start the server: %w\n%s", err, log)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Down stops the server: "fast" ends connections, "immediate" is a crash.
func (s *Server) Down(ctx context.Context, mode string) error {
	return s.run(ctx, "pg_ctl", "stop", "--wait", "--pgdata", s.data(), "--mode", mode)
}

// Close stops the server, if it runs, and removes its folder.
func (s *Server) Close() error { return s.close(context.Background()) }

func (s *Server) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var stopped error
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err == nil {
		stopped = s.Down(ctx, "immediate")
	}
	return errors.Join(stopped, os.RemoveAll(s.dir))
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// DSN names a database of this server.
func (s *Server) DSN(database string) string {
	return "postgres://postgres@" + s.Address() + "/" + database + "?sslmode=disable"
}

// CreateDatabase makes an empty database.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	return s.SQL(ctx, "postgres", `CREATE DATABASE "`+name+`"`)
}

// SQL runs a statement with psql.
func (s *Server) SQL(ctx context.Context, database, statement string) error {
	return s.run(ctx, "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", s.DSN(database), "--command", statement)
}

// Backup copies the running server's files to a folder beside them.
func (s *Server) Backup(ctx context.Context, name string) error {
	return s.run(ctx, "pg_basebackup", "--dbname", s.DSN(""), "--pgdata", filepath.Join(s.dir, name), "--checkpoint", "fast", "--wal-method", "fetch")
}

// Restore puts a backup in the place of a stopped server's files.
func (s *Server) Restore(name string) error {
	if err := os.RemoveAll(s.data()); err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.dir, name), s.data())
}
