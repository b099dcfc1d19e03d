//go:build !unix

package file

import (
	"errors"
	"os"
)

const openFlags = 0

// tryLock refuses: without a lock, two writers could undo each other.
func tryLock(*os.File) (bool, error) {
	return false, errors.New("file stores are supported on Unix only")
}

func writable(string) error { return errors.New("file stores are supported on Unix only") }

func (content) keepable() error { return nil }

func keepOwner(*os.File, content) error { return nil }
