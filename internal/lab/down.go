package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/network"
)

// DownOptions say how a lab ends.
type DownOptions struct {
	// Purge removes the lab's directory too: endpoint state, machines' disks, images, log. Without it the next Up
	// continues where this one ended; its machines boot again from their disks.
	Purge    bool
	Progress func(string)
}

// How long a lab's process gets to end before it is killed, and how long the kernel gets for that.
const (
	endTimeout  = 45 * time.Second
	killTimeout = 10 * time.Second
)

// Down ends a lab, also one whose process was killed or that came up half-way, and leaves no process, mount, namespace,
// link, route, packet filter rule or control group of it on the host. A lab that is down already is no error, one that
// never was is a *NotRunningError.
func Down(ctx context.Context, dirs Dirs, name string, opts DownOptions) error {
	if err := CheckName(name); err != nil {
		return err
	}
	dir := dirs.Dir(name)
	onHost := exists(network.LabRunDir(name)) // also of a lab whose directory somebody removed
	if !exists(dir) {
		if !onHost {
			return &NotRunningError{Name: name}
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("lab %q: %w", name, err)
		}
	}
	progress := opts.Progress
	if progress == nil {
		progress = func(string) {}
	}
	if err := end(ctx, dir, name, progress); err != nil {
		return err
	}
	release, err := hold(ctx, dir, name)
	if err != nil {
		return err
	}
	defer release()
	if err := os.Remove(filepath.Join(dir, pidFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if onHost && runtime.GOOS == "linux" {
		if os.Geteuid() != 0 {
			return fmt.Errorf("lab %q has machines on this host; removing them needs root: run it with sudo", name)
		}
		progress("removing machines and network")
		if err := machine.Sweep(ctx, machine.SweepOptions{Name: name, Dir: dir, KeepDisks: !opts.Purge}); err != nil {
			return err
		}
	}
	if !opts.Purge {
		return forgetProcess(dir)
	}
	progress("removing " + dir)
	release() // some platforms do not remove what is open
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("lab %q: %w", name, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// forgetProcess keeps what the next Up reuses (ports, region) and drops the process.
func forgetProcess(dir string) error {
	info, err := readInfo(dir)
	if err != nil {
		return os.RemoveAll(filepath.Join(dir, infoFile)) // none, or damaged: the next Up makes a new one
	}
	info.PID, info.ControlToken = 0, ""
	return writeInfo(dir, info)
}

// end ends the lab's process, if there is one.
func end(ctx context.Context, dir, name string, progress func(string)) error {
	running, err := isRunning(dir)
	if err != nil || !running {
		return err
	}
	pid, err := readPID(dir)
	if err != nil {
		return fmt.Errorf("lab %q: it runs, but which process it is cannot be told: %w", name, err)
	}
	if pid == 0 {
		return nil // another Down is at it
	}
	progress(fmt.Sprintf("ending process %d", pid))
	if err := terminate(pid); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("lab %q: ending process %d: %w", name, pid, err)
	}
	ended, err := awaitEnd(ctx, dir, endTimeout)
	if err != nil || ended {
		return err
	}
	progress("it does not end; killing it")
	if err := kill(pid); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("lab %q: killing process %d: %w", name, pid, err)
	}
	if ended, err = awaitEnd(ctx, dir, killTimeout); err == nil && !ended {
		err = fmt.Errorf("lab %q: process %d is still there %s after it was killed; the kernel waits for something, perhaps a disk", name, pid, killTimeout)
	}
	return err
}

func awaitEnd(ctx context.Context, dir string, limit time.Duration) (ended bool, err error) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		running, err := isRunning(dir)
		if err != nil || !running {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false, nil
}
