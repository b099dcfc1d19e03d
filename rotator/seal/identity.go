package seal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// Options of OpenAge.
type Options struct {
	// Create makes the identity file, with a new identity, if there is none.
	Create bool
	// Group lets the file's group read it, as a Kubernetes volume with an
	// fsGroup does to its files. Others never may.
	Group bool
}

// fileLimit bounds an identity file, in bytes.
const fileLimit = 64 << 10

// OpenAge reads the identity file at path: lines that begin with
// AGE-SECRET-KEY-1, of which the first seals; lines that are empty or begin
// with # are skipped. It refuses a file that others can read, and wraps
// fs.ErrNotExist if there is none and Create is not set.
func OpenAge(path string, options Options) (*Age, error) {
	a, err := readIdentities(path, options)
	if errors.Is(err, fs.ErrNotExist) && options.Create {
		if err := createIdentity(path); err != nil {
			return nil, fmt.Errorf("make identity file %s: %w", path, err)
		}
		a, err = readIdentities(path, options)
	}
	if err != nil {
		return nil, fmt.Errorf("open identity file %s: %w", path, err)
	}
	return a, nil
}

func readIdentities(path string, options Options) (*Age, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, withoutPath(err)
	}
	refused := fs.FileMode(0o077)
	if options.Group {
		refused = 0o007
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Mode().Perm()&refused != 0:
		return nil, fmt.Errorf("its mode %#o lets others read it: chmod 600 it, and change the identity if somebody may have", info.Mode().Perm())
	case info.Size() > fileLimit:
		return nil, errors.New("it is too long for a file of identities")
	}
	text, err := io.ReadAll(io.LimitReader(f, fileLimit))
	defer clear(text)
	if err != nil {
		return nil, withoutPath(err)
	}
	return parseIdentities(text)
}

// parseIdentities never quotes a line, nor an error that may.
func parseIdentities(text []byte) (*Age, error) {
	a := &Age{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is not an age identity (AGE-SECRET-KEY-1…)", n)
		}
		a.identities = append(a.identities, identity)
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("it has a line that is too long")
	}
	if len(a.identities) == 0 {
		return nil, errors.New("it holds no identity")
	}
	return a, nil
}

// createIdentity writes a new identity beside path and links it there, so that
// the file is there whole or not at all, and an existing one is never
// replaced. Somebody who was faster is no error: theirs is the identity.
func createIdentity(path string) (err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".identity-*") // of mode 0600
	if err != nil {
		return withoutPath(err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = fmt.Fprintf(f, "# keyrotator: opens what the journal has in custody. Keep a copy apart from the journal's.\n# public key: %s\n%s\n",
		identity.Recipient(), identity)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return withoutPath(err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return withoutPath(err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the new name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return withoutPath(err)
	}
	return withoutPath(errors.Join(d.Sync(), d.Close()))
}

// withoutPath takes the path out of an error; OpenAge names it once.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
