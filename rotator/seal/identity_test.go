package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/keyrotator/keyrotator/rotator/seal"
)

func TestIdentityFileIsMadeOnceForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity")
	if _, err := seal.OpenAge(path, seal.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Create: %v, want fs.ErrNotExist", err)
	}
	var group sync.WaitGroup
	all := make([]*seal.Age, 8)
	for i := range all {
		group.Go(func() {
			a, err := seal.OpenAge(path, seal.Options{Create: true})
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = a
		})
	}
	group.Wait()
	text := sealed(t, all[0], alice)
	for i, a := range all {
		if _, err := a.Unseal(t.Context(), alice, text); err != nil {
			t.Errorf("opener %d has another identity: %v", i, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want mode 0600", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	if _, err := seal.OpenAge(filepath.Join(path, "below"), seal.Options{Create: true}); err == nil {
		t.Error("made a file below a file")
	}
}

func TestIdentityFileIsRefusedWhenOthersCanReadIt(t *testing.T) {
	path, _ := fresh(t)
	for _, c := range []struct {
		mode  fs.FileMode
		group bool
		ok    bool
	}{{0o600, false, true}, {0o400, false, true}, {0o640, false, false}, {0o604, false, false}, {0o660, true, true}, {0o644, true, false}} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.OpenAge(path, seal.Options{Group: c.group})
		if (err == nil) != c.ok {
			t.Errorf("mode %#o, group %t: %v", c.mode, c.group, err)
		}
	}
	if _, err := seal.OpenAge(filepath.Dir(path), seal.Options{Create: true}); err == nil {
		t.Error("a directory was read")
	}
}

func TestIdentityFileErrorsNeverQuoteIt(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	good := identity.String()
	for name, text := range map[string]string{
		"empty":          "",
		"comments only":  "# nothing\n\n",
		"a cut identity": good[:len(good)-3],
		"with a typo":    strings.Replace(good, "1", "2", 2),
		"a public key":   identity.Recipient().String(),
		"a long line":    good + strings.Repeat("A", 70<<10),
		"garbage after":  good + "\n" + canarySecret,
	} {
		path := filepath.Join(t.TempDir(), "identity")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := seal.OpenAge(path, seal.Options{Create: true})
		if err == nil {
			t.Errorf("%s: read", name)
			continue
		}
		if len(text) > 20 && (strings.Contains(err.Error(), good[20:40]) || strings.Contains(err.Error(), canarySecret)) {
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
	}
}
