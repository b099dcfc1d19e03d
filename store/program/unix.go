//go:build unix

package program

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// rootDir is where programs start: they hold no other folder busy.
const rootDir = "/"

func isAbs(string) bool { return false }

// ownGroup starts a program in a process group of its own, and has the end of
// its context kill that group, not the program alone.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		killGroup(cmd.Process.Pid)
		return nil
	}
}

// killGroup kills every process of a group; that it is gone already is no error.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

func executable(info fs.FileInfo) bool       { return info.Mode().Perm()&0o111 != 0 }
func writableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }
