package journal_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/postgres"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// childVariable makes the test binary another process that works on the
// journal at the DSN it holds: the child of a test.
const childVariable = "KEYROTATOR_JOURNAL_CHILD"

// servers has the one PostgreSQL server of these tests.
var servers = sync.OnceValue(func() *postgres.Shared { return &postgres.Shared{} })

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childVariable); dsn != "" {
		if err := child(context.Background(), dsn, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(servers().Main(m))
}

// child does what one other process does with a journal.
func child(ctx context.Context, dsn, act string) error {
	switch act {
	case "append": // as the command line does
		db, err := journal.Open(ctx, dsn, journal.Options{})
		if err != nil {
			return err
		}
		_, err = db.Append(ctx, rotator.Request{User: alice, Verb: rotator.RequestRotate, By: "child"})
		if err != nil {
			return err
		}
		return db.Close()
	case "hold": // as a daemon that is killed in the middle of a step
		db, err := journal.Open(ctx, dsn, journal.Options{Exclusive: true})
		if err != nil {
			return err
		}
		if _, err := db.Claim(ctx, alice, "dead", time.Now(), time.Hour); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "holding")
		_, err = io.Copy(io.Discard, os.Stdin) // until it is killed
		return err
	}
	return fmt.Errorf("unknown act %q", act)
}
