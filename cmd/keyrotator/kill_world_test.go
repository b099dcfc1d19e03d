package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

const (
	// killRefreshes is what the configuration promises of the consumers.
	killRefreshes = time.Second
	// secondsPolicy has every grace a second long; the dates of AWS, which have
	// whole seconds, make up to three of each.
	secondsPolicy = `{max_age: %s, overlap: 1s, quiet: 1s, trial: 1s, settle: 1s, jitter: 0s, push_limit: 1s, last_used_lag: 0s, verify: {successes: 2, over: 100ms, limit: 30s}}`
)

// killWorld is an embedded AWS on a socket, a daemon in a process of its own
// that is killed and started again, and consumers that sign in all the time.
// Everything that goes wrong is gathered, so that many may run at once.
type killWorld struct {
	emu      *awsemu.Server
	listener *awsemu.Listener
	dir      string
	file     string
	users    []killUser

	end       context.CancelFunc
	ctx       context.Context //nolint:containedctx // the life of this world's consumers
	consumers sync.WaitGroup

	mu      sync.Mutex
	child   *child
	errs    []error
	signIns int
	kills   int
}

type killUser struct {
	user   rotator.User
	old    string
	places []namedPlace
}

// newKillWorld makes users with hour-old keys, each in a secret and in a file.
func newKillWorld(ctx context.Context, dir, maxAge string, users int) (*killWorld, error) {
	w := &killWorld{
		emu: awsemu.New(awsemu.Options{LastUsedGranularity: -1, CallLog: 200}), dir: dir,
		file: filepath.Join(dir, "keyrotator.yaml"),
	}
	w.ctx, w.end = context.WithCancel(ctx)
	if err := w.emu.CreateAccount(testAccount); err != nil {
		return nil, err
	}
	var err error
	if w.listener, err = w.emu.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "accounts: {emu: {id: %q, region: us-east-1}}\njournal: sqlite://%s/journal.db\nlimits: {call_timeout: 2s}\npolicies: {default: %s}\nusers:\n",
		testAccount, dir, fmt.Sprintf(secondsPolicy, maxAge))
	for i := range users {
		part, err := w.addUser(fmt.Sprintf("user-%d", i))
		if err != nil {
			return nil, errors.Join(err, w.listener.Close())
		}
		text.WriteString(part)
	}
	w.emu.OnCall(w.watch)
	return w, os.WriteFile(w.file, []byte(text.String()), 0o600)
}

func (w *killWorld) addUser(name string) (text string, err error) {
	path := filepath.Join(w.dir, name+".credentials")
	_, err = w.emu.CreateUser(testAccount, name)
	id, secret, err2 := w.emu.CreateAccessKey(testAccount, name)
	_, err3 := w.emu.PutSecret(testAccount, "us-east-1", name, secretValue(id, secret))
	err = errors.Join(err, err2, err3, w.emu.SetKeyCreated(id, w.emu.Now().Add(-time.Hour)), writeCredentials(path, id, secret))
	w.users = append(w.users, killUser{
		user: rotator.User{Account: "emu", Name: name}, old: id,
		places: []namedPlace{{"the secret", secretPlace(w.emu, name)}, {"the file", filePlace(path)}},
	})
	return fmt.Sprintf("  - user: emu/%s\n    consumers:\n      - {store: {secretsmanager: {secret: %s, adopt: true}}, refreshes: %s}\n      - {store: {file: {path: %s, adopt: true}}, refreshes: %s}\n",
		name, name, killRefreshes, path, killRefreshes), err
}

func (w *killWorld) failf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, fmt.Errorf(format, args...))
}

// watch checks every cut right before it happens: no store may hold the key.
func (w *killWorld) watch(c awsemu.Call, stage awsemu.Stage) {
	if stage != awsemu.Before || c.Operation != "UpdateAccessKey" && c.Operation != "DeleteAccessKey" {
		return
	}
	for _, u := range w.users {
		for _, p := range u.places {
			held, err := p.read()
			if err != nil {
				w.failf("read %s of %s: %w", p.name, u.user, err)
			}
			if held.AccessKeyID == c.Target {
				w.failf("%s of %s, which %s of %s holds", c.Operation, c.Target, p.name, u.user)
			}
		}
	}
}

// startConsumers has the readers of every store sign in five times a second, and
// read it again twice a second.
func (w *killWorld) startConsumers() {
	for _, u := range w.users {
		for _, p := range u.places {
			w.consumers.Go(func() { w.consume(u, p) })
		}
	}
}

func (w *killWorld) consume(u killUser, p namedPlace) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	held, err := p.read()
	if err != nil {
		w.failf("%s: read %s: %w", u.user, p.name, err)
	}
	readAt := time.Now()
	for {
		if time.Since(readAt) >= killRefreshes/2 {
			if held, err = p.read(); err != nil {
				w.failf("%s: read %s: %w", u.user, p.name, err)
			}
			readAt = time.Now()
		}
		// A fault for the daemon may hit a consumer; that blames no key.
		if err := signIn(w.ctx, w.emu.Transport(), stsURL, held); errors.Is(err, errKeyRefused) {
			w.failf("%s cannot sign in with %s, read from %s %s ago: %w", u.user, held.AccessKeyID, p.name, time.Since(readAt), err)
		}
		w.mu.Lock()
		w.signIns++
		w.mu.Unlock()
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			return
		}
	}
}

// child is one process of the daemon.
type child struct {
	cmd  *exec.Cmd
	log  *safeBuffer
	dead chan struct{} // closed when it has ended
}

// spawn starts a daemon: the program itself, or keyrotator-killed if it is to
// kill itself.
func (w *killWorld) spawn(name string, extra ...string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	id, secret, err := w.emu.Admin(testAccount)
	if err != nil {
		return err
	}
	args := []string{name, w.file}
	if name == "keyrotator" {
		args = []string{name, "run", "--config", w.file, "--listen", "127.0.0.1:0"}
	}
	c := &child{log: &safeBuffer{}, dead: make(chan struct{})}
	c.cmd = &exec.Cmd{
		Path: program, Args: args, Dir: w.dir, Stderr: c.log,
		Env: append([]string{
			"HOME=" + w.dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + w.listener.URL(),
			"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "GOMAXPROCS=1",
			"KEYROTATOR_PLANT=" + os.Getenv("KEYROTATOR_PLANT"), // a test build's bug is its daemon's too
		}, extra...),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := c.cmd.Start(); err != nil {
		return err
	}
	w.child = c
	go func() {
		defer close(c.dead)
		_ = c.cmd.Wait() // how it ended is asked of its ProcessState
	}()
	return nil
}

func (w *killWorld) current() *child {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.child
}

// kill ends the daemon as nothing else does, and waits until it is gone.
func (w *killWorld) kill() {
	c := w.current()
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.failf("kill the daemon: %w", err)
	}
	<-c.dead
}

// stop ends the daemon in good order, then everything else, and returns all
// that went wrong, with the last daemon's log.
func (w *killWorld) stop(ctx context.Context) error {
	c := w.current()
	if c != nil {
		w.terminate(ctx, c)
	}
	w.end()
	w.consumers.Wait()
	if err := w.listener.Close(); err != nil {
		w.failf("close the AWS: %w", err)
	}
	w.check(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.errs) > 0 && c != nil {
		w.errs = append(w.errs, fmt.Errorf("the daemon's log:\n%s", c.log))
	}
	return errors.Join(w.errs...)
}

func (w *killWorld) terminate(ctx context.Context, c *child) {
	select {
	case <-c.dead:
		return
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.failf("stop the daemon: %w", err)
	}
	select {
	case <-c.dead:
		// One that has just begun may not listen to signals yet.
		status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if c.cmd.ProcessState.ExitCode() != exitOK && (!ok || status.Signal() != syscall.SIGTERM) {
			w.failf("the daemon ended on SIGTERM as %s", c.cmd.ProcessState)
		}
	case <-ctx.Done():
		w.failf("the daemon does not end on SIGTERM: %w", ctx.Err())
		w.kill()
	}
}

// check looks at what is left: the history's chain, and that what the stores
// hold signs in.
func (w *killWorld) check(ctx context.Context) {
	db, err := journal.Open(ctx, "sqlite://"+filepath.Join(w.dir, "journal.db"), journal.Options{})
	if err != nil {
		w.failf("%w", err)
		return
	}
	if err := errors.Join(db.Verify(ctx), db.Close()); err != nil {
		w.failf("%w", err)
	}
	for _, u := range w.users {
		for _, p := range u.places {
			held, err := p.read()
			if err == nil {
				err = signIn(ctx, w.emu.Transport(), stsURL, held)
			}
			if err != nil {
				w.failf("what %s of %s holds does not sign in: %w", p.name, u.user, err)
			}
		}
	}
}

// rows reads the journal beside the daemon; none while there is no journal yet.
func (w *killWorld) rows(ctx context.Context) (map[rotator.User]rotator.Progress, error) {
	db, err := journal.Open(ctx, "sqlite://"+filepath.Join(w.dir, "journal.db"), journal.Options{})
	if err != nil {
		return nil, err
	}
	rows, err := db.Rows(ctx)
	all := map[rotator.User]rotator.Progress{}
	for _, row := range rows {
		all[row.User] = row.Progress
	}
	return all, errors.Join(err, db.Close())
}
