package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/image"
	"github.com/clusterform/clusterform/internal/lab/machine/cgroup"
	"github.com/clusterform/clusterform/internal/lab/machine/hostlimit"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
	"github.com/clusterform/clusterform/internal/lab/network"
)

// Machines are the machines of one lab.
type Machines struct {
	opts Options
	log  *slog.Logger
	net  *network.Network

	mu       sync.Mutex
	images   map[string]*image.Image // by system
	machines map[string]*instance
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	watchers sync.WaitGroup
}

// labRecord tells another process where a lab keeps its machines.
type labRecord struct {
	Dir string `json:"dir"`
	PID int    `json:"pid"`
}

// New checks the options; nothing on the host changes before Up.
func New(opts Options) (*Machines, error) {
	if opts.Dir == "" || opts.CacheDir == "" {
		return nil, errors.New("lab machines: a directory for the lab and one for the cache are needed")
	}
	var err error
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if opts.CacheDir, err = filepath.Abs(opts.CacheDir); err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.OnChange == nil {
		opts.OnChange = func(string, api.MachineState, string) {}
	}
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	net, err := network.New(network.Options{
		Lab: opts.Name, Logger: opts.Logger, Metadata: opts.Metadata, HopLimit: opts.HopLimit,
		Names: opts.Hosts, OnTargetHealth: opts.OnTargetHealth,
	})
	if err != nil {
		return nil, err
	}
	m := &Machines{opts: opts, log: opts.Logger, net: net, images: map[string]*image.Image{}, machines: map[string]*instance{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m, nil
}

// hostLimits are what thirty machines need: about twenty inotify instances each, more with Kubernetes, and the
// connection table that kube-proxy asks for and cannot set from a machine.
func hostLimits() map[string]int64 {
	return map[string]int64{
		"fs/inotify/max_user_instances":  8192,
		"fs/inotify/max_user_watches":    1 << 20,
		"net/netfilter/nf_conntrack_max": int64(max(131072, 32768*runtime.NumCPU())),
	}
}

// Up prepares the host: checks what is required, finds or builds the images, raises limits, and makes the lab's side of
// the network, after which HostAddr is known. Everything but the images is undone by Sweep.
func (m *Machines) Up(ctx context.Context) error {
	if err := require.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(m.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("lab directory: %w", err)
	}
	if err := checkFileSystem(m.opts.Dir); err != nil {
		return err
	}
	for _, system := range append([]string{image.DefaultSystem}, m.opts.Systems...) {
		if _, err := m.imageOf(ctx, system, ""); err != nil {
			return err
		}
	}
	if err := m.record(); err != nil {
		return err
	}
	if err := hostlimit.New(network.RunDir).Raise(m.opts.Name, hostLimits()); err != nil {
		m.log.Warn("the host's limits stay as they are; many machines may not fit", "error", err)
	}
	m.watchers.Go(func() { m.trimConsoles(m.ctx, time.Minute) })
	return m.net.Up(ctx)
}

func (m *Machines) record() error {
	dir := network.LabRunDir(m.opts.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "lab.json"), labRecord{Dir: m.opts.Dir, PID: os.Getpid()})
}

// checkFileSystem refuses a directory on which an overlay cannot write.
func checkFileSystem(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("lab directory: %w", err)
	}
	if stat.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return fmt.Errorf("lab directory %s is on an overlay file system, on which machines' disks cannot lie; choose one on ext4, xfs or btrfs (in a container: a volume)", dir)
	}
	return nil
}

// HostAddr is the lab's address on the host; machines reach it under the same address. It is known after Up.
func (m *Machines) HostAddr() netip.Addr { return m.net.HostAddr() }

// Reach returns the address under which the host reaches an address of a VPC; see network.Network.Reach.
func (m *Machines) Reach(vpcID string, addr netip.Addr) (netip.Addr, bool) {
	return m.net.Reach(vpcID, addr)
}

// Collisions says, by VPC, which ranges the host cannot use as they are and what stands in.
func (m *Machines) Collisions() map[string]string { return m.net.Collisions() }

// Network makes the network look like the topology.
func (m *Machines) Network(ctx context.Context, t api.Topology) error { return m.net.Apply(ctx, t) }

// Close ends what this process does for its machines (metadata, DNS, load balancers, watching). They run on.
func (m *Machines) Close() error {
	m.cancel()
	err := m.net.Close()
	m.watchers.Wait()
	return err
}

// instance returns the machine of an id, or nil.
func (m *Machines) instance(id string) *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machines[id]
}

func (m *Machines) dir(id string) string { return filepath.Join(m.opts.Dir, "machines", id) }

// groupName is how a machine's control group is found again.
func groupName(lab, id string) string { return groupPrefix(lab) + id }
func groupPrefix(lab string) string   { return "cf." + lab + "." }

// Stats returns what a machine uses now.
func (m *Machines) Stats(id string) (Stats, error) {
	inst := m.instance(id)
	if inst == nil {
		return Stats{}, fmt.Errorf("stats of %s: %w", id, ErrNotRunning)
	}
	u := cgroup.Group(inst.groups()).Usage()
	return Stats{MemoryMiB: u.MemoryMiB, CPU: u.CPU, Processes: u.Processes}, nil
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
