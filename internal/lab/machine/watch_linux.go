package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// watch follows one boot of a machine until its init process ends. An end that nobody asked for is either a reboot from
// inside, after which the machine boots again, or reported. The caller holds inst.mu.
func (m *Machines) watch(inst *instance) {
	leader, ended := inst.leader, inst.ended
	m.watchers.Go(func() {
		if !awaitEnd(m.ctx, leader) {
			return // the lab's process ends; the machine runs on
		}
		inst.awaitExitCode()
		close(ended)
		inst.mu.Lock()
		defer inst.mu.Unlock()
		if inst.ended != ended || inst.planned {
			return
		}
		m.endedByItself(inst)
	})
}

// awaitExitCode waits until nspawn has tidied up: its exit code says how the machine ended. It may also be dead itself,
// or have been killed with the machine.
func (i *instance) awaitExitCode() {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, ok := i.exitCode(); ok || len(i.group.PIDs()) == 0 {
			return
		}
	}
}

// endedByItself acts on a machine whose init process ended although nobody asked for it. The caller holds inst.mu.
func (m *Machines) endedByItself(inst *instance) {
	id := inst.machine.InstanceID
	code, known := inst.exitCode()
	ctx, cancel := context.WithTimeout(m.ctx, shutdownTime+bootTime)
	defer cancel()
	err := m.switchOff(ctx, inst)
	if err != nil {
		m.log.Error("machine ended and left something behind", "instance", id, "error", err)
	}
	var reason string
	switch {
	case !known:
		reason = "power loss"
	case code == exitReboot:
		err := m.boot(ctx, inst)
		if err == nil {
			return
		}
		if m.ctx.Err() != nil { // the lab's process ends: the next one finds the exit code and boots it
			inst.running = true
			if err := inst.save(); err != nil {
				m.log.Error("machine that wants to boot again is not on record", "instance", id, "error", err)
			}
			return
		}
		reason = "it did not boot again: " + err.Error()
	case code == 0:
		reason = api.PoweredOff
	default:
		reason = fmt.Sprintf("ended with code %d; its console ends with: %s", code, inst.consoleTail())
	}
	m.log.Info("machine gone", "instance", id, "reason", reason)
	m.opts.OnChange(id, api.MachineGone, reason)
}

// awaitEnd waits for the end of a process, which need not be a child; false means ctx ended first.
func awaitEnd(ctx context.Context, pid int) bool {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil {
		return pollEnd(ctx, pid)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return pollEnd(ctx, pid)
	}
	ready := false
	readErr := raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		ready = err == nil && n > 0
		return ready
	})
	if readErr != nil && !ready { // ctx ended, or this kernel cannot wait for a descriptor
		return pollEnd(ctx, pid)
	}
	return true
}

// pollEnd is for kernels without process descriptors that can be waited for.
func pollEnd(ctx context.Context, pid int) bool {
	for {
		if ctx.Err() != nil {
			return false
		}
		if err := unix.Kill(pid, 0); errors.Is(err, unix.ESRCH) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Adopt takes over the machines that an earlier process of this lab started, and returns those that run. One that ended
// meanwhile is reported through OnChange; one that wanted to boot again does. It is called once, after Up and before
// the first Network.
func (m *Machines) Adopt(ctx context.Context) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(m.opts.Dir, "machines", "*", "machine.json"))
	if err != nil {
		return nil, err
	}
	var running []string
	var errs []error
	for _, path := range found {
		var record machineRecord
		if err := readJSON(path, &record); err != nil {
			errs = append(errs, err)
			continue
		}
		inst := &instance{machine: record.Machine, dir: filepath.Dir(path), group: record.Group, running: record.Running}
		id := record.Machine.InstanceID
		m.mu.Lock()
		m.machines[id] = inst
		m.mu.Unlock()
		if !record.Running {
			continue
		}
		inst.mu.Lock()
		inst.ended = make(chan struct{})
		leader, alive := findLeader(inst.group)
		if alive {
			inst.leader = leader
			m.net.Adopt(inst.machine)
			running = append(running, id)
			m.watch(inst)
			inst.mu.Unlock()
			continue
		}
		// Booting again waits for the network, and that comes after us. The lock goes with it: what the caller asks of
		// this machine comes later.
		m.watchers.Go(func() {
			defer inst.mu.Unlock()
			m.endedByItself(inst)
		})
	}
	return running, errors.Join(errs...)
}
