package embedded

import (
	"os"
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
