package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

var alice = rotator.User{Account: "prod", Name: "alice"}

// fresh opens a new journal for itself and returns its DSN too.
func fresh(t *testing.T) (string, *journal.DB) {
	t.Helper()
	dsn := "sqlite://" + filepath.Join(t.TempDir(), "journal.db")
	return dsn, open(t, dsn, journal.Options{Exclusive: true})
}

func TestDSN(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dsn, path, problem string }{
		{"sqlite:///var/lib/k/journal.db", "/var/lib/k/journal.db", ""},
		{"sqlite:///with a space/50%.db", "/with a space/50%.db", ""},
		{"sqlite:journal.db", filepath.Join(here, "journal.db"), ""},
		{"sqlite:./a/../journal.db", filepath.Join(here, "journal.db"), ""},
		{"sqlite:/abs/journal.db", "/abs/journal.db", ""},
		{"memory:", "", ""},
		{"mysql://user:hunter2@db/x", "", `unknown kind "mysql"`},
		{"memory:shared", "", `unknown kind "memory"`},
		{"sqlite://journal.db", "", "after sqlite:// comes an absolute path"},
		{"sqlite:", "", "needs the path of a file"},
		{"sqlite:///", "", "needs the path of a file"},
		{"sqlite:///a.db?mode=ro", "", "no parameters"},
		{"/var/lib/journal.db", "", "want sqlite:///absolute/path.db"},
		{"", "", "want sqlite:///absolute/path.db"},
	} {
		path, err := journal.ParseDSN(c.dsn)
		switch {
		case c.problem == "" && (err != nil || path != c.path):
			t.Errorf("%q: %q, %v, want %q", c.dsn, path, err, c.path)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%q: %v, want %q and no password", c.dsn, err, c.problem)
		}
	}
}

func TestPathsWithSpecialCharactersAreTheFilesTheyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20c&d=e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "jo%41urnal+ü.db")
	open(t, "sqlite://"+path, journal.Options{Exclusive: true})
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v: the journal is in another file", info, err)
	}
}

func TestSecondDaemonIsRefusedAndToldWhoHoldsTheJournal(t *testing.T) {
	dsn, db := fresh(t)
	_, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true})
	if !errors.Is(err, journal.ErrHeld) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("got %v, want ErrHeld with the pid", err)
	}
	open(t, dsn, journal.Options{}) // a command line may
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dsn, journal.Options{Exclusive: true})
}

func TestKilledDaemonLeavesALockThatIsFreeAndAClaimThatEndsSoon(t *testing.T) {
	dsn := "sqlite://" + filepath.Join(t.TempDir(), "journal.db")
	dead := exec.CommandContext(t.Context(), os.Args[0], "hold")
	dead.Env = append(os.Environ(), childVariable+"="+dsn)
	out, err := dead.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := dead.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if _, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true}); !errors.Is(err, journal.ErrHeld) {
		t.Errorf("while it lives: %v, want ErrHeld", err)
	}
	if err := dead.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dead.Wait() // says that it was killed

	now := time.Now()
	clock := func() time.Time { return now }
	db := open(t, dsn, journal.Options{Exclusive: true, Takeover: time.Minute, Now: clock})
	if _, err := db.Claim(t.Context(), alice, "next", now.Add(time.Minute-1), time.Hour); !errors.Is(err, rotator.ErrClaimed) {
		t.Errorf("while a call of the dead may be under way: %v, want ErrClaimed", err)
	}
	users, _, err := db.Due(t.Context(), now.Add(time.Minute), 10)
	if err != nil || len(users) != 1 {
		t.Errorf("due: %v, %v, want alice", users, err)
	}
	if _, err := db.Claim(t.Context(), alice, "next", now.Add(time.Minute), time.Hour); err != nil {
		t.Error(err)
	}
}

func TestTakeoverNeverLengthensAClaimAndACommandLineNeverEndsOne(t *testing.T) {
	dsn, db := fresh(t)
	now := time.Now()
	if _, err := db.Claim(t.Context(), alice, "a", now, time.Minute); err != nil {
		t.Fatal(err)
	}
	open(t, dsn, journal.Options{})
	if _, err := db.Claim(t.Context(), alice, "b", now.Add(time.Minute-1), time.Minute); !errors.Is(err, rotator.ErrClaimed) {
		t.Errorf("after a command line opened the journal: %v, want ErrClaimed", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dsn, journal.Options{Exclusive: true, Takeover: time.Hour})
	if _, err := db.Claim(t.Context(), alice, "b", now.Add(time.Minute), time.Minute); err != nil {
		t.Errorf("after a takeover that is longer than the claim: %v", err)
	}
}

func TestCommandLineAppendsFromAnotherProcessWhileTheDaemonRuns(t *testing.T) {
	dsn, db := fresh(t)
	row, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c := exec.CommandContext(t.Context(), os.Args[0], "append")
		c.Env = append(os.Environ(), childVariable+"="+dsn)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if _, err := db.Save(t.Context(), row, rotator.Change{Release: true}); err != nil {
		t.Fatalf("the appended requests disturbed the step: %v", err)
	}
	row, err = db.Claim(t.Context(), alice, "a", time.Now(), time.Minute)
	if err != nil || len(row.Requests) != 3 || row.Requests[2].By != "child" {
		t.Errorf("requests: %+v, %v, want three of the child", row.Requests, err)
	}
}

func TestNetworkFileSystemsAreRefused(t *testing.T) {
	dsn := "sqlite://" + filepath.Join(t.TempDir(), "journal.db")
	for name, magic := range map[string]int64{"NFS": 0x6969, "SMB": 0x517B, "CIFS": 0xFF534D42, "SMB2": 0xFE534D42, "FUSE": 0x65735546} {
		for _, exclusive := range []bool{true, false} {
			_, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: exclusive}.WithFileSystem(magic))
			if !errors.Is(err, journal.ErrNetworkFile) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "use a local disk") {
				t.Errorf("%s: %v, want ErrNetworkFile", name, err)
			}
		}
	}
	// Where statfs has 32 bits, CIFS is negative.
	if _, err := journal.Open(t.Context(), dsn, journal.Options{}.WithFileSystem(-0xACB2BE)); !errors.Is(err, journal.ErrNetworkFile) {
		t.Errorf("CIFS in 32 bits: %v, want ErrNetworkFile", err)
	}
	if names, _ := filepath.Glob(strings.TrimPrefix(dsn, "sqlite://") + "*"); len(names) != 0 {
		t.Errorf("the refused journal left %v", names)
	}
	for name, magic := range map[string]int64{"ext4": 0xEF53, "xfs": 0x58465342, "overlay": 0x794C7630, "tmpfs": 0x01021994} {
		db, err := journal.Open(t.Context(), dsn, journal.Options{Exclusive: true}.WithFileSystem(magic))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyTheDaemonMakesAJournalAndOnlyItsOwnerReadsIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	if _, err := journal.Open(t.Context(), "sqlite://"+path, journal.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a command line on no journal: %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the command line made a file: %v", err)
	}
	for _, missing := range []string{filepath.Join(dir, "none", "journal.db"), filepath.Join(path, "journal.db")} {
		if _, err := journal.Open(t.Context(), "sqlite://"+missing, journal.Options{Exclusive: true}); err == nil || !strings.Contains(err.Error(), "directory") {
			t.Errorf("%s: %v, want a word on the directory", missing, err)
		}
	}
	if _, err := journal.Open(t.Context(), "sqlite:/"+dir, journal.Options{Exclusive: true}); err == nil {
		t.Error("a directory was opened")
	}

	db := open(t, "sqlite://"+path, journal.Options{Exclusive: true})
	if _, err := db.Claim(t.Context(), alice, "a", time.Now(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		if info, err := os.Stat(path + end); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("journal.db%s: %v, %v, want mode 0600", end, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), "sqlite://"+path, journal.Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a journal that everybody can read: %v", err)
	}
}

func TestEveryConnectionIsDurableAndErasesWhatItFrees(t *testing.T) {
	_, db := fresh(t)
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "foreign_keys": "1",
		"temp_store": "2", "busy_timeout": "10000", "page_size": "4096",
	} {
		var write, read string
		if err := errors.Join(db.Write().QueryRow("PRAGMA "+name).Scan(&write), db.Read().QueryRow("PRAGMA "+name).Scan(&read)); err != nil {
			t.Fatal(err)
		}
		if write != want || read != want {
			t.Errorf("%s: %q to write and %q to read, want %q", name, write, read, want)
		}
	}
	if _, err := db.Read().Exec("DELETE FROM users"); err == nil {
		t.Error("a connection to read wrote")
	}
}
