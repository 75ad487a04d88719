//go:build !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing: this system has no parent-death signal. A server left over by a
// killed process is stopped at the next start.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// runsIn tells whether the process is a server of this data directory, by its command line.
// The number alone proves nothing: after a crash another program may have it.
func runsIn(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "-D "+data)
}

// processesIn finds none: command lines of sessions do not name the folder. While one lives, the
// server says so and does not start.
func processesIn(string) []int { return nil }
