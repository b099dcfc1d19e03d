// Package program runs a program of the operator's own, for the kinds called
// exec: of store, of reload and of probe.
//
// What is secret reaches the program by its standard input and in no other way:
// arguments and the environment are visible to others on the machine. It starts
// in a process group of its own with an environment of a few variables, has a
// time limit after which the whole group is killed, and answers by its exit
// code. What it prints is bounded, and shown only as far as store.Screen finds
// no secret in it.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

const (
	// maxStdout bounds the answer of a program: a document and a line before it.
	maxStdout = store.MaxDocument + 4096
	// maxStderr bounds what is kept of its complaints, from their end: as much
	// as store.Screen shows.
	maxStderr = 300
	// lingering is how long whatever a program left running may hold its
	// streams after it ended itself.
	lingering = time.Second

	defaultTimeout = 20 * time.Second
)

// Options says what New needs to know.
type Options struct {
	// Command is the program's absolute path, then the arguments that follow
	// the verb.
	Command []string
	// Environment is added to the few variables that every program has. It is
	// visible to others and must hold no secret.
	Environment map[string]string
	// Timeout limits one run; zero means 20 seconds.
	Timeout time.Duration
}

// Program can be run any number of times, also at once.
type Program struct {
	path      string
	arguments []string
	base      []string // environment
	timeout   time.Duration
}

// Call is one run.
type Call struct {
	// Verb is the first argument.
	Verb string
	// Facts are passed as variables KEYROTATOR_NAME. They hold no secret.
	Facts map[string]string
	// Stdin is what the program reads; it may be secret.
	Stdin []byte
	// Secrets are what no message may show, beside what Screen finds itself.
	Secrets []string
}

// New prepares a program; it looks at no file yet.
func New(o Options) (*Program, error) {
	if len(o.Command) == 0 || !strings.HasPrefix(o.Command[0], "/") && !isAbs(o.Command[0]) {
		return nil, errors.New("prepare program: the command needs to begin with the absolute path of a program")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	base := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	base = append(base, variables("", o.Environment)...)
	return &Program{path: o.Command[0], arguments: slices.Clone(o.Command[1:]), base: base, timeout: o.Timeout}, nil
}

// String is the command as it was configured.
func (p *Program) String() string { return strings.Join(append([]string{p.path}, p.arguments...), " ") }

// Run runs the program once and returns what it printed, whole. An exit code of
// the contract other than 0 is an error that wraps its sentinel; whatever else
// goes wrong after the program started wraps ErrFailed. What was printed is
// returned with an error too.
func (p *Program) Run(ctx context.Context, call Call) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.Inspect(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	stdout, stderr := &head{limit: maxStdout}, &tail{limit: maxStderr}
	cmd := exec.CommandContext(limited, p.path, append([]string{call.Verb}, p.arguments...)...) //nolint:gosec // G204: the operator configured it, and no shell is started
	cmd.Env = append(slices.Clone(p.base), variables("KEYROTATOR_", call.Facts)...)
	cmd.Dir = rootDir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(call.Stdin), stdout, stderr
	cmd.WaitDelay = lingering
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	err := cmd.Wait()
	if err != nil {
		// Whatever it left behind in its group, such as a child that still
		// holds its streams (exec.ErrWaitDelay), has nothing left to do. The
		// group's number is a moment old, and nobody else's yet.
		killGroup(cmd.Process.Pid)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("%w: it was killed: %w", ErrFailed, ctx.Err())
	case err != nil && limited.Err() != nil:
		err = fmt.Errorf("%w: it took longer than %s and was killed", ErrFailed, p.timeout)
	default:
		err = verdict(err, stdout.overflown)
	}
	if err == nil {
		return stdout.kept, nil
	}
	err = fmt.Errorf("%s %s: %w", p.path, call.Verb, err)
	if said := store.Screen(stderr.kept, slices.Concat(call.Secrets, store.SecretWords(call.Stdin), store.SecretWords(stdout.kept))...); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return stdout.kept, err
}

// verdict turns the end of a run that nobody cut short into an error of the
// contract, nil for success.
func verdict(err error, overflown bool) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ok && exit.Exited():
		return meaning(exit.ExitCode())
	case ok:
		return fmt.Errorf("%w: %s", ErrFailed, exit.ProcessState)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("%w: %w", ErrFailed, err)
	case overflown:
		return fmt.Errorf("%w: it printed more than %d bytes", ErrFailed, maxStdout)
	}
	return nil
}

// Inspect reports why the program cannot be run, or should not: whoever may
// write it may read every secret that it is given.
func (p *Program) Inspect() error {
	info, err := os.Stat(p.path)
	switch {
	case err != nil:
		return fmt.Errorf("look at program: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("look at program: %s is not a regular file", p.path)
	case !executable(info):
		return fmt.Errorf("look at program: %s may not be executed: chmod u+x it, and see that this user may", p.path)
	case writableByOthers(info):
		return fmt.Errorf("look at program: anybody may write %s and so read what it is given: chmod o-w it", p.path)
	}
	return nil
}

// variables renders NAME=value, sorted by name.
func variables(prefix string, values map[string]string) []string {
	rendered := make([]string, 0, len(values))
	for name, value := range values {
		rendered = append(rendered, prefix+name+"="+value)
	}
	slices.Sort(rendered)
	return rendered
}
