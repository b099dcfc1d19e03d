package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

func TestPermissionsAreNeverLooserThanAllowed(t *testing.T) {
	for _, x := range []struct {
		name            string
		existing, limit fs.FileMode
		want            fs.FileMode
	}{
		{"a new file is for its owner alone", 0, 0, 0o600},
		{"a new file may be for its group too", 0, 0o640, 0o640},
		{"an existing file keeps what is allowed", 0o640, 0o640, 0o640},
		{"an existing file stays stricter", 0o400, 0o640, 0o400},
		{"a looser file is tightened", 0o644, 0, 0o600},
		{"a file that its owner may not read gets the default", 0o040, 0o640, 0o640},
	} {
		t.Run(x.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "credentials")
			if x.existing != 0 {
				if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, x.existing)); err != nil {
					t.Fatal(err)
				}
				if os.Geteuid() != 0 && x.existing&0o400 == 0 {
					return // only root can read such a file at all
				}
			}
			s, err := New(Options{Path: path, Payload: payload(t), Owner: owner, Mode: x.limit})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), newer); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != x.want {
				t.Errorf("mode = %#o, %v, want %#o", info.Mode().Perm(), err, x.want)
			}
			for _, beside := range []string{".credentials.keyrotator", ".credentials.keyrotator-lock"} {
				if info, err := os.Stat(filepath.Join(filepath.Dir(path), beside)); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("mode of %s = %v, %v", beside, info.Mode(), err)
				}
			}
		})
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	p := payload(t)
	for name, o := range map[string]Options{
		"no path":                {Payload: p, Owner: owner},
		"no payload":             {Path: "x", Owner: owner},
		"no owner":               {Path: "x", Payload: p},
		"readable by everybody":  {Path: "x", Payload: p, Owner: owner, Mode: 0o644},
		"unwritable by its user": {Path: "x", Payload: p, Owner: owner, Mode: 0o400},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}

func TestTheOwnerOfTheFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	writeDocument(t, path, foreign)
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 12345, 23456
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, path, true, newer)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if is := info.Sys().(*syscall.Stat_t); int(is.Uid) != uid || int(is.Gid) != gid {
		t.Errorf("owner = %d:%d, want %d:%d", is.Uid, is.Gid, uid, gid)
	}
}

func TestASymbolicLinkStaysAndItsTargetIsReplaced(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	target, link := filepath.Join(elsewhere, "real"), filepath.Join(folder, "credentials")
	writeDocument(t, target, foreign)
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	mustPut(t, link, true, newer)
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if held, err := openAt(t, target, false, nil).Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
		t.Errorf("the target holds %v, %v", held, err)
	}
}

func TestOnlyARegularFileIsReplaced(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"a folder":                      func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":                        func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to nowhere":             func(path string) error { return os.Symlink(path+"-gone", path) },
		"a link to a folder":            func(path string) error { return os.Symlink(".", path) },
		"a file with a second name":     func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Link(path, path+"-2")) },
		"a file in a folder not there":  func(path string) error { return os.Remove(filepath.Dir(path)) },
		"a file larger than documents":  func(path string) error { return os.WriteFile(path, make2MB(), 0o600) },
		"a file of an unexpected shape": func(path string) error { return os.WriteFile(path, []byte("[default"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "x")
			path := filepath.Join(folder, "credentials")
			if err := errors.Join(os.Mkdir(folder, 0o700), prepare(path)); err != nil {
				t.Fatal(err)
			}
			s := openAt(t, path, true, nil)
			if _, err := s.Put(t.Context(), newer); err == nil {
				t.Error("put accepts it")
			}
			if err := s.Check(t.Context()); err == nil {
				t.Error("check accepts it")
			}
			if _, err := os.Lstat(path + "-gone"); err == nil {
				t.Error("a file was made where the link led")
			}
		})
	}
}

func make2MB() []byte { return []byte(strings.Repeat("# x\n", 2<<20/4)) }

func TestAnEditorsChangeIsMergedNotLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	mustPut(t, path, false, older)
	edits := 0
	edit := func(times int) func(string) error {
		return func(step string) error {
			if step != "file: sync" || edits == times {
				return nil
			}
			edits++
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("# edited\n")
			return errors.Join(err, f.Close())
		}
	}
	if _, err := openAt(t, path, false, edit(1)).Put(t.Context(), newer); err != nil {
		t.Fatalf("put: %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil || strings.Count(string(content), "# edited\n") != 1 || !strings.Contains(string(content), newer.KeyID()) {
		t.Errorf("the file holds %q, %v", content, err)
	}
	edits = 0
	if _, err := openAt(t, path, false, edit(-1)).Put(t.Context(), older); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put against a busy editor: %v, want ErrConflict", err)
	}
	if held, err := openAt(t, path, false, nil).Get(t.Context()); err != nil || !held.Credential.Equal(newer) || held.Owner != owner {
		t.Errorf("the file holds %v of %q, %v", held.Credential, held.Owner, err)
	}
	checkLeftovers(t, path)
}

func TestUsersShareAFileByProfiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	var group sync.WaitGroup
	open := func(name string) Readable {
		p, err := store.NewAWSFile(store.AWSFile{Profile: name})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Path: path, Payload: p, Owner: "prod/" + name})
		if err != nil {
			t.Fatal(err)
		}
		return s.(Readable)
	}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		s := open(name)
		group.Go(func() {
			for _, secret := range []string{"one", "two", "three"} {
				if _, err := s.Put(t.Context(), store.NewCredential("AKIA"+name, secret)); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	group.Wait()
	for _, name := range names {
		held, err := open(name).Get(t.Context())
		if err != nil || !held.Credential.Equal(store.NewCredential("AKIA"+name, "three")) || held.Owner != "prod/"+name {
			t.Errorf("profile %s holds %v of %q, %v", name, held.Credential, held.Owner, err)
		}
	}
}

func TestTheFilesBesideHoldNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	mustPut(t, path, false, older)
	mustPut(t, path, false, newer)
	for _, beside := range []string{".credentials.keyrotator", ".credentials.keyrotator-lock"} {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(path), beside))
		if err != nil || strings.Contains(string(content), "/secret") {
			t.Errorf("%s holds a secret or cannot be read: %v", beside, err)
		}
	}
}

func TestALeftoverOfACrashIsReplacedWhateverItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(
		os.WriteFile(victim, []byte("precious"), 0o600),
		os.Symlink(victim, filepath.Join(filepath.Dir(path), ".credentials.keyrotator-file")),
		os.Symlink(victim, filepath.Join(filepath.Dir(path), ".credentials.keyrotator-mark")),
	); err != nil {
		t.Fatal(err)
	}
	mustPut(t, path, false, newer)
	if content, err := os.ReadFile(victim); err != nil || string(content) != "precious" {
		t.Errorf("a leftover's target holds %q, %v", content, err)
	}
	checkLeftovers(t, path)
}

func TestAPutThatChangesNothingStillMakesTheFileDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	mustPut(t, path, false, newer)
	var steps []string
	s := openAt(t, path, false, func(step string) error {
		steps = append(steps, step)
		return nil
	})
	if receipt, err := s.Put(t.Context(), newer); err != nil || receipt.Changed {
		t.Fatalf("put: %+v, %v", receipt, err)
	}
	if want := "lock, file: sync folder"; strings.Join(steps, ", ") != want {
		t.Errorf("steps = %q, want %s", steps, want)
	}
}
