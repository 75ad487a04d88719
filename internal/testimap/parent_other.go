//go:build !linux

package testimap

import "syscall"

// dieWithParent does nothing: this system has no parent-death signal.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
