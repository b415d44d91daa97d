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

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine/cgroup"
)

// supervise joins the machine's control group before nspawn starts, so that everything of the machine is in it, and
// keeps nspawn's exit code: whoever takes the machine over later is not its parent.
const supervise = `exit_file=$1; shift
while [ "$1" != -- ]; do echo $$ >"$1" || exit 125; shift; done; shift
rm -f "$exit_file"
"$@"
echo $? >"$exit_file.new" && mv "$exit_file.new" "$exit_file"`

// exitReboot is nspawn's exit code when the machine wants to boot again.
const exitReboot = 133

// bootTime bounds the time until a machine's init process runs.
const bootTime = 60 * time.Second

// boot starts a machine whose disk exists; it returns when its init process runs. The caller holds inst.mu.
func (m *Machines) boot(ctx context.Context, inst *instance) (err error) {
	img, err := m.imageOf(ctx, inst.machine.System, inst.dir)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, bootTime)
	defer cancel()
	id := inst.machine.InstanceID
	defer func() {
		if err != nil {
			err = errors.Join(err, m.switchOff(ctx, inst))
		}
	}()
	at, err := m.net.Attach(ctx, inst.machine)
	if err != nil {
		return err
	}
	group, warning, err := cgroup.Create(groupName(m.opts.Name, id), cgroup.Limits{CPUs: inst.machine.VCPUs, MemoryMiB: inst.machine.MemoryMiB})
	inst.group = group
	if err != nil {
		return err
	}
	if warning != "" {
		m.log.Warn("machine runs without its limits", "instance", id, "reason", warning)
	}
	if err := unmountTree(inst.dir); err != nil { // of a lab that was killed half-way through
		return err
	}
	if err := inst.mountRoot(img.Root); err != nil {
		return err
	}
	inst.running, inst.planned = true, false
	if err := inst.save(); err != nil {
		return err
	}
	supervisor, err := inst.spawn(at.Namespace)
	if err != nil {
		return err
	}
	inst.ended = make(chan struct{})
	if inst.leader, err = inst.awaitInit(ctx, supervisor); err != nil {
		return err
	}
	m.watch(inst)
	m.opts.OnChange(id, api.MachineBooted, "")
	return nil
}

// spawn starts the supervisor in a session of its own; the returned channel is closed when it has ended.
func (i *instance) spawn(namespace string) (ended <-chan struct{}, err error) {
	console, err := os.OpenFile(filepath.Join(i.dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer console.Close()
	argv := []string{"sh", "-c", supervise, "sh", filepath.Join(i.dir, "exit")}
	for _, dir := range i.group {
		argv = append(argv, filepath.Join(dir, "cgroup.procs"))
	}
	argv = append(argv, "--")
	argv = append(argv, i.nspawn(namespace)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"SYSTEMD_NSPAWN_API_VFS_WRITABLE=network", // sysctls of the machine's own network; more makes networkd wait for udev
		"SYSTEMD_NSPAWN_LOCK=0",
		"SYSTEMD_NSPAWN_TMPFS_TMP=0",
	}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // its exit code is in the file
	}()
	return done, nil
}

func (i *instance) nspawn(namespace string) []string {
	argv := []string{
		"systemd-nspawn", "--quiet", "--directory=" + filepath.Join(i.dir, "root"),
		"--machine=" + i.machine.InstanceID, "--hostname=" + i.machine.Hostname,
		"--register=no", "--keep-unit", "--network-namespace-path=" + namespace,
		// Container runtimes need what a virtual machine would have: all capabilities, keyrings and programs of cgroup devices.
		"--capability=all", "--private-users=no", "--system-call-filter=add_key keyctl bpf perf_event_open",
		"--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=read-only", "--kill-signal=SIGRTMIN+4",
		"--bind=/dev/kmsg",
		"--setenv=LAB_EC2_UUID=" + ec2UUID(i.machine.InstanceID),
	}
	for _, path := range dataDirs {
		argv = append(argv, "--bind="+dataDir(i.dir, path)+":"+path)
	}
	return append(argv, "/usr/local/sbin/lab-init")
}

// ec2UUID is a hypervisor's identity in the form by which guests know EC2.
func ec2UUID(id string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'f' {
			return r
		}
		return -1
	}, strings.TrimPrefix(id, "i-")) + strings.Repeat("0", 29)
	return fmt.Sprintf("ec2%s-%s-4%s-8%s-%s", digits[:5], digits[5:9], digits[9:12], digits[12:15], digits[15:27])
}

// awaitInit waits until the machine's init process is systemd and returns its process id.
func (i *instance) awaitInit(ctx context.Context, supervisor <-chan struct{}) (int, error) {
	for {
		if pid, ok := findLeader(i.group); ok {
			if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(comm)) == "systemd" {
				return pid, nil
			}
		}
		select {
		case <-supervisor:
			return 0, fmt.Errorf("machine did not boot; its console ends with:\n%s", i.consoleTail())
		case <-ctx.Done():
			return 0, fmt.Errorf("machine did not boot in time: %w; its console ends with:\n%s", ctx.Err(), i.consoleTail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (i *instance) consoleTail() string {
	data, err := tail(filepath.Join(i.dir, "console.log"), 2048)
	if err != nil {
		return err.Error()
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, string(data))
}

// findLeader finds a machine's init among the processes of its group: it is process 1 one namespace below ours.
func findLeader(g cgroup.Group) (int, bool) {
	for _, pid := range g.PIDs() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
				if ids := strings.Fields(list); len(ids) == 2 && ids[1] == "1" {
					return pid, true
				}
			}
		}
	}
	return 0, false
}

// exitCode reads what the supervisor left; ok is false when it did not get to that, as after a power loss.
func (i *instance) exitCode() (code int, ok bool) {
	data, err := os.ReadFile(filepath.Join(i.dir, "exit"))
	if err != nil {
		return 0, false
	}
	code, err = strconv.Atoi(strings.TrimSpace(string(data)))
	return code, err == nil
}
