package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// lockRetry is how often a lock that somebody else holds is tried again.
const lockRetry = 10 * time.Millisecond

// place is the folder of a file, held open for one operation, so that
// everything happens in this very folder whatever its path becomes meanwhile.
type place struct {
	root   *os.Root
	folder string
	// name is the file's own name, behind every symbolic link.
	name   string
	before func(step string) error
}

// content is what a file holds and how.
type content struct {
	exists  bool
	content []byte
	info    fs.FileInfo
}

// open resolves symbolic links and opens the folder that the file really lies
// in. A link that leads nowhere is refused: to create a file at its end might
// surprise whoever made it.
func (s *Store) open() (*place, error) {
	path, err := filepath.EvalSymlinks(s.options.Path)
	if errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Lstat(s.options.Path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, errors.New("the symbolic link leads nowhere")
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(s.options.Path))
		if err != nil {
			return nil, fmt.Errorf("find folder: %w", err)
		}
		path = filepath.Join(folder, filepath.Base(s.options.Path))
	} else if err != nil {
		return nil, fmt.Errorf("follow path: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	before := s.before
	if before == nil {
		before = func(string) error { return nil }
	}
	return &place{root, filepath.Dir(path), filepath.Base(path), before}, nil
}

func (f *place) close() { _ = f.root.Close() } // nothing was written through it

// beside names the files that we keep beside the file.
func (f *place) beside(suffix string) string { return "." + f.name + ".keyrotator" + suffix }

// lock waits for the other writers of the file, in this process and in others.
// The lock file stays behind, empty: removing it would let two writers hold
// two different locks.
func (f *place) lock(ctx context.Context) (unlock func(), err error) {
	if err := f.before("lock"); err != nil {
		return nil, err
	}
	lock, err := f.root.OpenFile(f.beside("-lock"), os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	unlock = func() { _ = lock.Close() } // closing is what releases it
	for {
		taken, err := tryLock(lock)
		if taken {
			return unlock, nil
		}
		if err != nil {
			unlock()
			return nil, fmt.Errorf("take lock: %w", err)
		}
		select {
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("wait for lock: %w", ctx.Err())
		case <-time.After(lockRetry):
		}
	}
}

// read returns a file's content, or that it does not exist. Everything but a
// regular file is refused before a byte of it is read.
func (f *place) read(name string) (content, error) {
	info, err := f.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	if !info.Mode().IsRegular() {
		return content{}, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return content{}, err
	}
	if !info.Mode().IsRegular() {
		return content{}, fmt.Errorf("%s is not a regular file", name)
	}
	read, err := io.ReadAll(io.LimitReader(file, store.MaxDocument+1))
	if err != nil {
		return content{}, err
	}
	if len(read) > store.MaxDocument {
		return content{}, fmt.Errorf("%w: more than %d bytes", store.ErrShape, store.MaxDocument)
	}
	return content{true, read, info}, nil
}

func (f *place) readMarks() (marks, error) {
	is, err := f.read(f.beside(""))
	if err != nil {
		return marks{}, fmt.Errorf("read mark: %w", err)
	}
	return parseMarks(is.content)
}

// writeMarks replaces the mark file, durably before it returns. The mark is
// readable by its owner alone; like the file, it belongs to whoever owned it.
func (f *place) writeMarks(m marks, file content) error {
	encoded, err := m.encode()
	if err != nil {
		return err
	}
	temporary, err := f.prepare("mark", encoded, 0o600, file)
	if err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	if err := f.rename("mark", temporary, f.beside("")); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	return nil
}

// write replaces the file, if it still is what it was. ErrConflict otherwise.
func (f *place) write(document []byte, was content, limit fs.FileMode) error {
	mode := limit & 0o660
	if was.exists && was.info.Mode()&limit&0o400 != 0 {
		mode = was.info.Mode().Perm() & limit
	}
	temporary, err := f.prepare("file", document, mode, was)
	if err != nil {
		return err
	}
	is, err := f.read(f.name)
	if err == nil && (is.exists != was.exists || !bytes.Equal(is.content, was.content)) {
		err = store.ErrConflict
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(temporary))
	}
	return f.rename("file", temporary, f.name)
}

// prepare writes a temporary file, durable, and with the mode and the owner it
// is to have. Its name is always the same: only the lock's holder writes it,
// and finds and removes what a crash has left.
func (f *place) prepare(what string, document []byte, mode fs.FileMode, was content) (string, error) {
	name := f.beside("-" + what)
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove leftover: %w", err)
	}
	if err := f.before(what + ": create"); err != nil {
		return "", err
	}
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	err = f.fill(what, file, document, mode, was)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, f.root.Remove(name))
	}
	return name, nil
}

// fill writes, syncs and dresses the temporary file.
func (f *place) fill(what string, file *os.File, document []byte, mode fs.FileMode, was content) error {
	if err := f.before(what + ": write"); err != nil {
		return err
	}
	if _, err := file.Write(document); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	if err := keepOwner(file, was); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	if err := f.before(what + ": sync"); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync temporary file: %w", err)
	}
	return nil
}

// rename puts the temporary file into place and makes that durable.
func (f *place) rename(what, from, to string) error {
	if err := f.before(what + ": rename"); err != nil {
		return errors.Join(err, f.root.Remove(from))
	}
	if err := f.root.Rename(from, to); err != nil {
		return errors.Join(fmt.Errorf("replace: %w", err), f.root.Remove(from))
	}
	if err := f.syncFolder(what); err != nil {
		return fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
	}
	return nil
}

// syncFolder makes durable what was renamed in the folder.
func (f *place) syncFolder(what string) error {
	if err := f.before(what + ": sync folder"); err != nil {
		return err
	}
	folder, err := f.root.Open(".")
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
