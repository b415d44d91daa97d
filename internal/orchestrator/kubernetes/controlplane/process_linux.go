package controlplane

import "syscall"

// dieWithParent makes a child end when the thread that started it does, however that ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
