package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// dieWithParent has the kernel signal the server when this process dies, even by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }

// runsIn tells whether the process is a server of this data directory, which is its working
// directory. The number alone proves nothing: after a crash another program may have it.
func runsIn(pid int, data string) bool {
	dir, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	return err == nil && dir == data
}

// processesIn lists all processes of this data directory: the server's and those it left behind.
func processesIn(data string) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is well-formed
	var pids []int
	for _, link := range links {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err == nil && runsIn(pid, data) {
			pids = append(pids, pid)
		}
	}
	return pids
}
