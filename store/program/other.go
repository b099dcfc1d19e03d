//go:build !unix

package program

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// rootDir is left to the system.
const rootDir = ""

func isAbs(path string) bool { return filepath.IsAbs(path) }

// ownGroup leaves the program in this process's group: killing it reaches no
// program that it started.
func ownGroup(*exec.Cmd) {}

func killGroup(leader int) {
	if p, err := os.FindProcess(leader); err == nil {
		_ = p.Kill() // that it is gone already is no error
	}
}

func executable(fs.FileInfo) bool       { return true }
func writableByOthers(fs.FileInfo) bool { return false }
