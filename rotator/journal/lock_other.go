//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package journal

import (
	"errors"
	"os"
)

func takeLock(string) (*os.File, error) {
	return nil, errors.New("lock the journal: this operating system has no flock; use memory: or another system")
}
