package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end by itself.
const stopGrace = 3 * time.Second

// process is a running program of the control plane.
type process struct {
	name, log string
	cmd       *exec.Cmd
	done      chan struct{} // closed when it ended
	release   chan struct{} // lets go of the thread that it was started by
}

// start runs a program with its output in a file of dir.
func start(dir, programDir string, p program, args ...string) (*process, error) {
	pr := &process{
		name: string(p), log: filepath.Join(dir, string(p)+".log"),
		done: make(chan struct{}), release: make(chan struct{}),
	}
	log, err := os.Create(pr.log)
	if err != nil {
		return nil, err
	}
	pr.cmd = exec.Command(filepath.Join(programDir, string(p)), args...)
	pr.cmd.Stdout, pr.cmd.Stderr, pr.cmd.SysProcAttr = log, log, dieWithParent()
	started := make(chan error)
	go func() {
		// A child that dies with its parent dies with the thread that started it, so that thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- pr.cmd.Start()
		<-pr.release
	}()
	if err := <-started; err != nil {
		close(pr.release)
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		_ = pr.cmd.Wait()
		_ = log.Close()
		close(pr.done)
		close(pr.release)
	}()
	return pr, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// wait polls ready until it has no error, the process ends, or ctx does.
func (p *process) wait(ctx context.Context, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", p.name, err, p.tail())
		}
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	if len(data) > most {
		data = data[len(data)-most:]
	}
	return strings.TrimSpace(string(data))
}
