package cluster

import "syscall"

// endsWithUs has a part killed when the test is, so that a test that panics or
// runs out of time leaves no server behind.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
