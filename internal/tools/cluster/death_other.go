//go:build !linux

package cluster

import "syscall"

// endsWithUs does nothing here: only Linux ends a child with its parent.
func endsWithUs() *syscall.SysProcAttr { return nil }
