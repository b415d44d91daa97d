package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine/cgroup"
)

// instance is one machine. Its operations hold mu, so the watcher and a call never change it at once.
type instance struct {
	mu      sync.Mutex
	machine api.Machine
	dir     string
	group   cgroup.Group
	running bool
	leader  int           // process id of the machine's init
	ended   chan struct{} // closed when the watcher of this boot is through
	planned bool          // this end was asked for
}

// machineRecord is what another process needs to take a machine over.
type machineRecord struct {
	Machine api.Machine  `json:"machine"`
	Group   cgroup.Group `json:"group"`
	Running bool         `json:"running"`
}

func (i *instance) save() error {
	return writeJSON(filepath.Join(i.dir, "machine.json"), machineRecord{i.machine, i.group, i.running})
}

func (i *instance) groups() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.group
}

// How long a machine may take to shut down before it is switched off.
const shutdownTime = 60 * time.Second

// Signals that systemd as a container's init process understands; SIGRTMIN is 34.
const (
	signalPoweroff = syscall.Signal(34 + 4)
	signalReboot   = syscall.Signal(34 + 5)
)

// Launch makes the disk and boots the machine. One that runs already is as good: the lab may have been killed after the
// machine booted and before anybody was told. One that is half made is made anew.
func (m *Machines) Launch(ctx context.Context, machine api.Machine) error {
	if old := m.instance(machine.InstanceID); old != nil {
		old.mu.Lock()
		running := old.running
		old.mu.Unlock()
		if running {
			return nil
		}
		if err := m.Terminate(ctx, machine.InstanceID); err != nil {
			return fmt.Errorf("launch %s: %w", machine.InstanceID, err)
		}
	}
	inst := &instance{machine: machine, dir: m.dir(machine.InstanceID)}
	m.mu.Lock()
	m.machines[machine.InstanceID] = inst
	m.mu.Unlock()
	err := inst.makeDisk()
	if err == nil { // without the lock: it may take minutes
		_, err = m.imageOf(ctx, machine.System, inst.dir)
	}
	if err == nil {
		inst.mu.Lock()
		err = m.boot(ctx, inst)
		inst.mu.Unlock()
	}
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		return errors.Join(fmt.Errorf("launch %s: %w", machine.InstanceID, err), m.Terminate(clean, machine.InstanceID))
	}
	return nil
}

// Start boots a stopped machine with its disk.
func (m *Machines) Start(ctx context.Context, machine api.Machine) error {
	m.mu.Lock()
	inst := m.machines[machine.InstanceID]
	if inst == nil {
		inst = &instance{dir: m.dir(machine.InstanceID)}
		m.machines[machine.InstanceID] = inst
	}
	m.mu.Unlock()
	var disk machineRecord
	if err := readJSON(filepath.Join(inst.dir, "machine.json"), &disk); err == nil {
		machine.System = disk.Machine.System // what it was made with
	}
	if _, err := m.imageOf(ctx, machine.System, inst.dir); err != nil {
		return fmt.Errorf("start %s: %w", machine.InstanceID, err)
	}
	inst.mu.Lock()
	defer inst.mu.Unlock()
	if inst.running {
		return nil
	}
	if _, err := os.Stat(filepath.Join(inst.dir, "upper")); err != nil {
		return fmt.Errorf("start %s: its disk is gone: %w", machine.InstanceID, err)
	}
	inst.machine = machine
	if err := m.boot(ctx, inst); err != nil {
		return fmt.Errorf("start %s: %w", machine.InstanceID, err)
	}
	return nil
}

// Stop shuts a machine down and keeps its disk; force switches it off, as does a shutdown that takes longer than a
// minute.
func (m *Machines) Stop(ctx context.Context, id string, force bool) error {
	inst := m.instance(id)
	if inst == nil {
		return nil
	}
	inst.mu.Lock()
	defer inst.mu.Unlock()
	if !inst.running {
		return nil
	}
	inst.planned = true
	if !force {
		if err := inst.signal(ctx, signalPoweroff); err != nil {
			m.log.Warn("machine does not shut down; switching it off", "instance", id, "error", err)
		}
	}
	if err := m.switchOff(ctx, inst); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	return nil
}

// Reboot restarts a machine; one that does not shut down within a minute is reset. One that lost its power boots.
func (m *Machines) Reboot(ctx context.Context, id string) error {
	inst := m.instance(id)
	if inst == nil {
		return fmt.Errorf("reboot %s: %w", id, ErrNotRunning)
	}
	inst.mu.Lock()
	defer inst.mu.Unlock()
	if !inst.running {
		if err := m.boot(ctx, inst); err != nil {
			return fmt.Errorf("reboot %s: %w", id, err)
		}
		return nil
	}
	inst.planned = true
	if err := inst.signal(ctx, signalReboot); err != nil {
		m.log.Warn("machine does not shut down; resetting it", "instance", id, "error", err)
	}
	if err := m.switchOff(ctx, inst); err != nil {
		return fmt.Errorf("reboot %s: %w", id, err)
	}
	if err := m.boot(ctx, inst); err != nil {
		return fmt.Errorf("reboot %s: %w", id, err)
	}
	return nil
}

// Terminate switches a machine off and removes its disk. Unknown ids are no error.
func (m *Machines) Terminate(ctx context.Context, id string) error {
	if inst := m.instance(id); inst != nil {
		inst.mu.Lock()
		inst.planned = true
		err := m.switchOff(ctx, inst)
		inst.mu.Unlock()
		if err != nil {
			return fmt.Errorf("terminate %s: %w", id, err)
		}
	}
	if err := removeDisk(m.dir(id)); err != nil {
		return fmt.Errorf("terminate %s: %w", id, err)
	}
	m.mu.Lock()
	delete(m.machines, id)
	m.mu.Unlock()
	return nil
}

// PowerLoss ends a machine as if its plug was pulled. It is reported through OnChange, like one that nobody asked for.
func (m *Machines) PowerLoss(ctx context.Context, id string) error {
	inst := m.instance(id)
	if inst == nil {
		return fmt.Errorf("power loss of %s: %w", id, ErrNotRunning)
	}
	inst.mu.Lock()
	running, group, ended := inst.running, inst.group, inst.ended
	inst.mu.Unlock()
	if !running {
		return fmt.Errorf("power loss of %s: %w", id, ErrNotRunning)
	}
	if err := group.Kill(ctx); err != nil {
		return fmt.Errorf("power loss of %s: %w", id, err)
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal asks the machine's init to shut down and waits until it has.
func (i *instance) signal(ctx context.Context, s syscall.Signal) error {
	if err := syscall.Kill(i.leader, s); err != nil {
		return err
	}
	select {
	case <-i.ended:
		return nil
	case <-time.After(shutdownTime):
		return fmt.Errorf("still up after %s", shutdownTime)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// switchOff ends what is left of a running machine and gives back what it held, except its disk. It works on any
// half-way state. The caller holds inst.mu.
func (m *Machines) switchOff(ctx context.Context, inst *instance) error {
	ctx, cancel := bounded(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	var errs []error
	if err := inst.group.Kill(ctx); err != nil {
		return err // what still runs still uses the disk
	}
	errs = append(errs, inst.group.Remove(ctx))
	errs = append(errs, unmountTree(inst.dir))
	if inst.machine.InstanceID != "" {
		errs = append(errs, m.net.Detach(ctx, inst.machine.InstanceID))
	}
	if inst.running {
		inst.running = false
		if err := inst.save(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
