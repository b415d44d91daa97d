package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clusterform/clusterform/internal/lab/network"
)

// enter joins the machine's control group, so that the command is the machine's and ends with it.
const enter = `while [ "$1" != -- ]; do echo $$ >"$1" 2>/dev/null; shift; done; shift
exec "$@"`

// Exec runs a command as root inside a machine and returns its exit code. Ending ctx ends the command.
func (m *Machines) Exec(ctx context.Context, id string, opts ExecOptions) (int, error) {
	return execIn(ctx, m.dir(id), opts)
}

// Exec does the same from another process than the lab's, found by the lab's name; it needs root too.
func Exec(ctx context.Context, lab, id string, opts ExecOptions) (int, error) {
	var record labRecord
	if err := readJSON(filepath.Join(network.LabRunDir(lab), "lab.json"), &record); err != nil {
		return 0, fmt.Errorf("lab %s is not up on this host: %w", lab, err)
	}
	return execIn(ctx, filepath.Join(record.Dir, "machines", id), opts)
}

func execIn(ctx context.Context, dir string, opts ExecOptions) (int, error) {
	id := filepath.Base(dir)
	var record machineRecord
	if err := readJSON(filepath.Join(dir, "machine.json"), &record); err != nil {
		return 0, fmt.Errorf("exec in %s: %w (%w)", id, ErrNotRunning, err)
	}
	leader, ok := findLeader(record.Group)
	if !ok {
		return 0, fmt.Errorf("exec in %s: %w", id, ErrNotRunning)
	}
	if len(opts.Argv) == 0 {
		return 0, fmt.Errorf("exec in %s: no command given", id)
	}
	argv := append([]string{"sh", "-c", enter, "sh"}, record.Group.Join()...)
	argv = append(argv, "--", "nsenter", "--target="+strconv.Itoa(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LANG=C.UTF-8",
		"container=systemd-nspawn", "TERM="+term(opts.TTY))
	argv = append(argv, opts.Env...)
	if opts.TTY {
		argv = append(argv, "script", "--quiet", "--return", "--command", quote(opts.Argv), "/dev/null")
	} else {
		argv = append(argv, opts.Argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = opts.Stdin, opts.Stdout, opts.Stderr
	cmd.WaitDelay = 2 * time.Second
	if !opts.TTY {
		// nsenter forks into the machine: both must end with ctx. A terminal's foreground group stays as it is.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("exec in %s: %w", id, errors.Join(ctx.Err(), err))
	}
	return 0, nil
}

func term(tty bool) string {
	if t := os.Getenv("TERM"); tty && t != "" {
		return t
	}
	return "dumb"
}

// quote writes words so that a shell reads them back unchanged.
func quote(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}
