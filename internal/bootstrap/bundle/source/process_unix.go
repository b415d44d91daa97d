//go:build unix

package source

import (
	"os/exec"
	"syscall"
)

// ownGroup starts the command in a process group of its own and ends all of it: go runs compilers, which would go on. The
// terminal's Ctrl-C reaches us alone, so that what was begun is tidied up.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
