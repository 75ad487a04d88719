package testimap

import "syscall"

// dieWithParent has the kernel signal the server when this process dies, even by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
