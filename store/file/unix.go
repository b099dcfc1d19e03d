//go:build unix

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep an open from following a link that was put there meanwhile
// and from waiting at a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// accessWrite is W_OK of access(2), which package syscall does not name.
const accessWrite = 0x2

// tryLock takes the lock of an open lock file if it is free; closing the file
// releases it.
func tryLock(file *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}
		return false, err
	}
}

// writable asks whether this process may create files in a folder.
func writable(folder string) error { return syscall.Access(folder, accessWrite) }

// keepable tells whether the file can be replaced without anybody losing it.
func (c content) keepable() error {
	if !c.exists {
		return nil
	}
	is, ok := c.info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if is.Nlink > 1 {
		return fmt.Errorf("the file has %d hard links, of which a replacement would leave all but one behind", is.Nlink)
	}
	if uid := os.Geteuid(); uid != 0 && int(is.Uid) != uid {
		return fmt.Errorf("%w: the file belongs to user %d, whom only root can keep as its owner", fs.ErrPermission, is.Uid)
	}
	return nil
}

// keepOwner gives a new file the owner and the group of the one it replaces,
// which may be none.
func keepOwner(file *os.File, was content) error {
	if err := was.keepable(); err != nil || !was.exists {
		return err
	}
	old, ok := was.info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == old.Uid && is.Gid == old.Gid {
		return nil
	}
	if err := file.Chown(int(old.Uid), int(old.Gid)); err != nil {
		return fmt.Errorf("keep owner %d and group %d: %w", old.Uid, old.Gid, err)
	}
	return nil
}
