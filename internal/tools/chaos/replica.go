package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// replica is one daemon, and its supervisor: whenever its process ends another
// one is started, as Kubernetes or systemd would.
type replica struct {
	name    string
	program string
	args    []string
	dir     string // where it runs and where its output goes
	env     []string
	fail    failing
	// mayEnd says whether a process may end by itself at this moment.
	mayEnd func() bool

	mu       sync.Mutex
	cmd      *exec.Cmd
	dead     chan struct{} // closed when cmd has ended
	expected bool          // its end was asked for
	starts   int
	ends     int // by itself, when it might
}

// run starts the process, and again whenever it has ended, until ctx ends.
func (r *replica) run(ctx context.Context) {
	for ctx.Err() == nil {
		dead, err := r.start()
		if err != nil {
			r.fail(stuck, "start %s: %w", r.name, err)
			return
		}
		<-dead
		r.mu.Lock()
		expected := r.expected
		r.mu.Unlock()
		if expected || ctx.Err() != nil {
			continue
		}
		if !r.mayEnd() {
			r.fail(stuck, "%s ended by itself: %s; see %s", r.name, r.cmd.ProcessState, r.log())
		}
		r.ends++
		wait(ctx, 200*time.Millisecond)
	}
}

func (r *replica) log() string { return filepath.Join(r.dir, r.name+".log") }

func (r *replica) start() (<-chan struct{}, error) {
	out, err := os.OpenFile(r.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd = &exec.Cmd{
		Path: r.program, Args: append([]string{r.program}, r.args...), Dir: r.dir, Env: r.env, Stdout: out, Stderr: out,
		SysProcAttr: ownGroup(),
	}
	r.dead, r.expected = make(chan struct{}), false
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.starts++
	go func(cmd *exec.Cmd, dead chan struct{}) {
		defer close(dead)
		_ = cmd.Wait() // how it ended is asked of its ProcessState
	}(r.cmd, r.dead)
	return r.dead, nil
}

// kill ends the process as nothing else does and waits until it is gone.
func (r *replica) kill() { <-r.send(syscall.SIGKILL) }

// end asks the process to end and waits; after the time is up it kills.
func (r *replica) end(ctx context.Context) {
	select {
	case <-r.send(syscall.SIGTERM):
	case <-ctx.Done():
		r.fail(stuck, "%s does not end when it is asked to: %w", r.name, ctx.Err())
		r.kill()
	}
}

// send sends the process a signal that ends it. What it returns is closed when it
// has ended.
func (r *replica) send(signal syscall.Signal) (dead <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = true
	if r.cmd == nil || r.cmd.Process == nil { // it never started
		none := make(chan struct{})
		close(none)
		return none
	}
	if err := r.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.fail(brokenHarness, "send %s to %s: %w", signal, r.name, err)
	}
	return r.dead
}

// freeze stops the process where it stands, until thaw.
func (r *replica) freeze() { r.signal(syscall.SIGSTOP) }

func (r *replica) thaw() { r.signal(syscall.SIGCONT) }

func (r *replica) signal(signal syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	if err := r.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.fail(brokenHarness, "send %s to %s: %w", signal, r.name, err)
	}
}

func (r *replica) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%s (started %d times, ended %d times by itself)", r.name, r.starts, r.ends)
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stop ends the process for good, in good order; the context of run has ended.
func (r *replica) stop(ctx context.Context) {
	r.thaw()
	r.end(ctx)
}
