package main

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
)

// TestOperatorScripts runs what operators type, beside a journal whose state
// the command step makes.
func TestOperatorScripts(t *testing.T) {
	commands := scriptCommands()
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){"step": scriptStep, "tamper": scriptTamper})
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "operator"), Setup: scriptSetup, Cmds: commands,
		RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

// scriptStep does what a daemon does for one user, one step after the other, up
// to the first decision of the given verb, which it carries out. Nothing else
// happens before the next step, so that a script sees exactly this state.
//
//	step USER VERB
func scriptStep(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: step USER VERB")
	}
	user, err := rotator.ParseUser(args[0])
	ts.Check(err)
	cfg, err := config.Load(ts.MkAbs("keyrotator.yaml"))
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, _, err := openJournal(ctx, cfg, true)
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	sealer, _, err := openSealer(ctx, cfg, db)
	ts.Check(err)
	w := worldOf(ts)
	id, secret, err := w.emu.Admin(testAccount)
	ts.Check(err)
	fleet, err := buildFleet(ctx, cfg, reach{transport: w.emu.Transport(), credentials: func(string) aws.CredentialsProvider {
		return credentials.NewStaticCredentialsProvider(id, secret, "")
	}})
	ts.Check(err)
	r, err := rotator.New(rotator.Deps{Journal: db, Sealer: sealer}, fleet, rotator.Options{Owner: "script", BackoffBase: time.Millisecond})
	ts.Check(err)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		d, err := r.Step(ctx, user, false)
		if err == nil && string(d.Verb) == args[1] {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			ts.Check(errors.Join(err, ctx.Err()))
		}
	}
}

// scriptTamper changes one row of the history behind the program's back.
//
//	tamper SEQ
func scriptTamper(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: tamper SEQ")
	}
	db, err := sql.Open("sqlite", ts.MkAbs("journal.db"))
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	done, err := db.ExecContext(context.Background(), "UPDATE history SET body = replace(body, 'intent', 'noted') WHERE seq = ?", args[0])
	ts.Check(err)
	if n, err := done.RowsAffected(); n != 1 || err != nil {
		ts.Fatalf("%d rows were changed: %v", n, err)
	}
}
