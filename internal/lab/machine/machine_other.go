//go:build !linux

package machine

import (
	"context"
	"net/netip"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// Machines cannot be made on this platform.
type Machines struct{}

// New returns what is missing: Linux.
func New(Options) (*Machines, error) { return nil, require.Check() }

func (*Machines) Up(context.Context) error                               { return require.Check() }
func (*Machines) Adopt(context.Context) ([]string, error)                { return nil, require.Check() }
func (*Machines) Close() error                                           { return nil }
func (*Machines) HostAddr() netip.Addr                                   { return netip.Addr{} }
func (*Machines) Reach(string, netip.Addr) (netip.Addr, bool)            { return netip.Addr{}, false }
func (*Machines) Collisions() map[string]string                          { return nil }
func (*Machines) Launch(context.Context, api.Machine) error              { return require.Check() }
func (*Machines) Start(context.Context, api.Machine) error               { return require.Check() }
func (*Machines) Stop(context.Context, string, bool) error               { return require.Check() }
func (*Machines) Reboot(context.Context, string) error                   { return require.Check() }
func (*Machines) Terminate(context.Context, string) error                { return require.Check() }
func (*Machines) PowerLoss(context.Context, string) error                { return require.Check() }
func (*Machines) Console(context.Context, string) ([]byte, error)        { return nil, require.Check() }
func (*Machines) Network(context.Context, api.Topology) error            { return require.Check() }
func (*Machines) Exec(context.Context, string, ExecOptions) (int, error) { return 0, require.Check() }
func (*Machines) Stats(string) (Stats, error)                            { return Stats{}, require.Check() }

// Exec cannot work on this platform.
func Exec(context.Context, string, string, ExecOptions) (int, error) { return 0, require.Check() }

// Sweep has nothing to remove on this platform.
func Sweep(context.Context, SweepOptions) error { return nil }
