package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// TestMain makes the test binary serve as the command keyrotator too, so that
// scripts run the real program in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(withServers{m}, map[string]func(){"keyrotator": main, "keyrotator-killed": killedMain})
}

// withServers runs the tests, and then stops the servers that some of them may
// have started: of a database, Vault and Kubernetes.
type withServers struct{ m *testing.M }

func (w withServers) Run() int { return servers().Main(withVault(w)) }

type withVault withServers

func (w withVault) Run() int { return vaults().Main(withCluster(w)) }

type withCluster withServers

func (w withCluster) Run() int { return clusters().Main(w.m) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               scriptSetup,
		Cmds:                scriptCommands(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// scriptSetup keeps every script from the machine's own AWS settings.
func scriptSetup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	env.Values[worldKey{}] = &scriptWorld{}
	return nil
}

// scriptCommands are what scripts have beside the commands of testscript.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"aws":        scriptAWS,
		"aws-user":   scriptUser,
		"aws-key":    scriptKey,
		"aws-deny":   scriptDeny,
		"aws-faults": scriptFaults,
		"aws-await":  scriptAwait,
		"await":      scriptAwaitText,
		"exits":      scriptExits,
		"expand":     scriptExpand,
		"signal":     scriptSignal,
	}
}

// scriptWorld is the embedded AWS of one script.
type scriptWorld struct {
	emu   *awsemu.Server
	calls chan awsemu.Call
}

// worldKey finds a script's AWS among its values.
type worldKey struct{}

func worldOf(ts *testscript.TestScript) *scriptWorld {
	w, ok := ts.Value(worldKey{}).(*scriptWorld)
	if !ok || w == nil || w.emu == nil {
		ts.Fatalf("start an embedded AWS first, with: aws")
	}
	return w
}

// scriptAWS starts an embedded AWS with account 111122223333 on loopback, and
// has the environment point the SDK there as its administrator.
//
//	aws
func scriptAWS(ts *testscript.TestScript, _ bool, _ []string) {
	w, ok := ts.Value(worldKey{}).(*scriptWorld)
	if !ok {
		ts.Fatalf("the script was set up without a place for its AWS")
	}
	w.emu = awsemu.New(awsemu.Options{LastUsedGranularity: -1})
	w.calls = make(chan awsemu.Call, 10000)
	ts.Check(w.emu.CreateAccount(testAccount))
	id, secret, err := w.emu.Admin(testAccount)
	ts.Check(err)
	stopWatching := w.emu.OnCall(func(c awsemu.Call, stage awsemu.Stage) {
		if stage == awsemu.After {
			w.calls <- c
		}
	})
	listener, err := w.emu.Listen("127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() {
		stopWatching()
		ts.Check(listener.Close())
	})
	ts.Setenv("AWS_ENDPOINT_URL", listener.URL())
	ts.Setenv("AWS_ACCESS_KEY_ID", id)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	ts.Setenv("AWS_REGION", "us-east-1")
}

// scriptUser makes an IAM user with one key of the given age, which a secret
// of the user's name holds; the environment has its id as KEY_name.
//
//	aws-user NAME AGE
func scriptUser(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: aws-user NAME AGE")
	}
	w := worldOf(ts)
	_, err := w.emu.CreateUser(testAccount, args[0])
	ts.Check(err)
	id, secret := newScriptKey(ts, w, args[0], args[1])
	_, err = w.emu.PutSecret(testAccount, "us-east-1", args[0], fmt.Sprintf(`{"AWS_ACCESS_KEY_ID":%q,"AWS_SECRET_ACCESS_KEY":%q}`, id, secret))
	ts.Check(err)
	ts.Setenv("KEY_"+args[0], id)
}

// scriptKey gives a user one more key; the environment has its id as KEY2_name.
//
//	aws-key NAME AGE
func scriptKey(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: aws-key NAME AGE")
	}
	id, _ := newScriptKey(ts, worldOf(ts), args[0], args[1])
	ts.Setenv("KEY2_"+args[0], id)
}

func newScriptKey(ts *testscript.TestScript, w *scriptWorld, name, age string) (id, secret string) {
	old, err := time.ParseDuration(age)
	ts.Check(err)
	id, secret, err = w.emu.CreateAccessKey(testAccount, name)
	ts.Check(err)
	ts.Check(w.emu.SetKeyCreated(id, w.emu.Now().Add(-old)))
	return id, secret
}

// scriptDeny forbids actions to a user, such as the administrator.
//
//	aws-deny USER ACTION...
func scriptDeny(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: aws-deny USER ACTION...")
	}
	ts.Check(worldOf(ts).emu.Deny(testAccount, args[0], args[1:]...))
}

// scriptFaults puts faults in force, in the language of awsemu.ParseFaults.
//
//	aws-faults FAULT
func scriptFaults(ts *testscript.TestScript, _ bool, args []string) {
	faults, err := awsemu.ParseFaults(strings.Join(args, " "))
	ts.Check(err)
	for _, f := range faults {
		worldOf(ts).emu.Inject(f)
	}
}

// scriptAwait waits for a call that succeeds, such as iam:DeleteAccessKey, about
// a user if one is named. Calls that were awaited, or passed over, are gone.
//
//	aws-await SERVICE:OPERATION [USER]
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: aws-await SERVICE:OPERATION [USER]")
	}
	w := worldOf(ts)
	limit := time.After(patience)
	for {
		select {
		case c := <-w.calls:
			if c.Service+":"+c.Operation == args[0] && c.ErrorCode == "" && (len(args) == 1 || c.User == args[1]) {
				return
			}
		case <-limit:
			ts.Fatalf("within %s there was no call of %s", patience, strings.Join(args, " "))
		}
	}
}

// scriptAwaitText waits until a file holds a text, such as the log of a program
// that runs in the background.
//
//	await FILE TEXT
func scriptAwaitText(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(patience); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			ts.Fatalf("within %s %s did not hold %q: %v\n%s", patience, args[0], args[1], err, text)
		}
	}
}

// scriptExpand replaces $NAME and ${NAME} in files by the environment's values.
//
//	expand FILE...
func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(text), ts.Getenv)), 0o600))
	}
}

// scriptSignal sends a signal to every background command.
//
//	signal HUP|TERM
func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}
	if len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal HUP|TERM")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

// scriptExits runs a program, which has to end with the given exit code. Its
// output is there for stdout and stderr as that of exec is.
//
//	exits CODE PROGRAM ARGUMENT...
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("%s ended with exit code %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}
