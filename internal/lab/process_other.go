//go:build !unix

package lab

import (
	"os"
	"syscall"
)

func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// terminate ends a process at once: there is no asking here. The endpoint's state is on disk after every call.
func terminate(pid int) error { return kill(pid) }

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return os.ErrProcessDone
	}
	return p.Kill()
}
