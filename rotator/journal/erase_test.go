package journal_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/journal"
)

// TestErasedBytesAreInNoFile puts and erases secrets of many users in a random
// order, so that pages split, merge and move, and searches the files of the
// open database for each that was erased.
func TestErasedBytesAreInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	db := open(t, "sqlite://"+path, journal.Options{Exclusive: true})
	random := rand.New(rand.NewPCG(4, 77))
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	kept := map[int]bool{}
	var erased []int
	change := func(n int, c rotator.Change) {
		t.Helper()
		u := rotator.User{Account: "prod", Name: fmt.Sprintf("user-%d", n%100)}
		row, err := db.Claim(t.Context(), u, "a", now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c.Release = true
		if _, err := db.Save(t.Context(), row, c); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 300 {
		sealed := append([]byte(secretMark(n)), bytes.Repeat([]byte{'.'}, random.IntN(900))...)
		sealed = append(sealed, secretMark(n)...)
		change(n, rotator.Change{Seal: map[rotator.KeyID][]byte{key(n): sealed}})
		kept[n] = true
		if n%3 == 0 { // overwritten bytes are erased too
			change(n, rotator.Change{Seal: map[rotator.KeyID][]byte{key(n): []byte("again")}})
			delete(kept, n)
			erased = append(erased, n)
		}
		for _, m := range slices.Sorted(maps.Keys(kept)) {
			if random.IntN(len(kept)) == 0 && len(kept) > 100 {
				change(m, rotator.Change{Erase: []rotator.KeyID{key(m)}})
				delete(kept, m)
				erased = append(erased, m)
			}
		}
	}
	files := readAll(t, path)
	for _, n := range erased {
		for name, content := range files {
			if bytes.Contains(content, []byte(secretMark(n))) {
				t.Errorf("%s still has erased secret %d", name, n)
			}
		}
	}
	for n := range kept {
		at := bytes.Index(files["journal.db"], []byte(secretMark(n)))
		if at < 0 {
			t.Fatalf("the search does not even find secret %d, which is in custody", n)
		}
		// The first byte of an overflow page is that of a small page number, of
		// a tree page its kind (sqlite.org/fileformat2.html, 1.6 and 1.7).
		if kind := files["journal.db"][at/4096*4096]; kind != 0 {
			t.Errorf("secret %d lies in a tree page, of kind %d, whose rows are moved about", n, kind)
		}
	}
	t.Logf("searched %d files for %d erased secrets", len(files), len(erased))
}

func key(n int) rotator.KeyID { return rotator.KeyID(fmt.Sprintf("AKIA%d", n)) }

// secretMark is a string that nothing else in the file can contain.
func secretMark(n int) string { return fmt.Sprintf("<mark %d of a secret>", n) }

// readAll reads the database and every file beside it.
func readAll(t *testing.T, path string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = content
	}
	return all
}
