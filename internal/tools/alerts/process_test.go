package alerts_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests, on a machine that does much else.
const patience = 2 * time.Minute

// process is a program that runs beside the test, and ends with it.
type process struct {
	name string
	cmd  *exec.Cmd

	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{} // has one element when something was written
}

// start starts a program; what it writes is kept.
func start(t *testing.T, env []string, bin string, args ...string) *process {
	t.Helper()
	p := &process{name: bin + " " + args[0], wrote: make(chan struct{}, 1)}
	p.cmd = exec.CommandContext(t.Context(), bin, args...)
	p.cmd.Env = append(os.Environ(), env...)
	// The test's context ends before its cleanups run: the program is asked first.
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 20 * time.Second
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	t.Cleanup(func() {
		err := p.cmd.Wait() // the context of the test has ended
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 && exit.ExitCode() != 1 {
			t.Logf("%s: %v", p.name, err)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.name, p.tail())
		}
	})
	return p
}

// Write implements io.Writer.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.wrote <- struct{}{}:
	default:
	}
	return p.text.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// tail are the last lines, without credentials, though these open nothing else.
func (p *process) tail() string {
	lines := slices.DeleteFunc(strings.Split(p.output(), "\n"), func(line string) bool { return strings.HasPrefix(line, "export ") })
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// await waits until the program wrote what matches, and returns the groups.
func (p *process) await(t *testing.T, pattern string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	re := regexp.MustCompile(pattern)
	for {
		if m := re.FindStringSubmatch(p.output()); m != nil {
			return m
		}
		select {
		case <-p.wrote:
		case <-ctx.Done():
			t.Fatalf("%s did not write %q but\n%s", p.name, pattern, p.tail())
		}
	}
}

// exports are the lines "export NAME=VALUE" that a program wrote, as an environment.
func exports(text string) []string {
	var env []string
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if line, found := strings.CutPrefix(lines.Text(), "export "); found {
			env = append(env, line)
		}
	}
	return env
}

// until repeats what does not hold yet, twice a second.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it does not come about that %s", what)
		}
	}
}
