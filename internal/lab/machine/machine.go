// Package machine runs a lab's instances as systemd-nspawn machines: an overlay over an image of package image, a
// control group of its own in every hierarchy, a network namespace of package network, and a console in a file. It is
// the api.Machines of a lab with real machines; the endpoint itself is package api, the daemon around both package lab.
//
// Machines outlive the process that started them. A new process takes them over with Adopt, or removes everything with
// Sweep; both work after the old one was killed.
package machine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// Options describe the machines of one lab.
type Options struct {
	// Name is the lab's name: 1 to 20 lower-case letters, digits and hyphens. Required.
	Name string
	// Dir holds the machines' disks and consoles; it must be on a file system that an overlay can write to (ext4, xfs,
	// btrfs). Required.
	Dir string
	// CacheDir holds the image, shared by all labs. Required.
	CacheDir string
	// Systems are those of package image whose root filesystems Up makes ready, besides the default one. Others are built
	// when the first machine wants them.
	Systems []string
	// UbuntuMirror is image.Options.UbuntuMirror.
	UbuntuMirror string
	// Logger receives what happens; nil discards.
	Logger *slog.Logger
	// Progress is told the steps of Up, one line each; nil means nobody listens.
	Progress func(line string)
	// Metadata answers 169.254.169.254 for an instance; see network.Options.
	Metadata func(w http.ResponseWriter, r *http.Request, instanceID string)
	// HopLimit is the instance's limit for IMDSv2 tokens; nil means 1.
	HopLimit func(instanceID string) int
	// Hosts are further names that machines resolve; see network.Options.
	Hosts map[string]netip.Addr
	// OnChange hears what a machine does by itself. It must not call back into this package before it returns.
	OnChange func(instanceID string, state api.MachineState, reason string)
	// OnTargetHealth hears each change of a load balancer's target.
	OnTargetHealth func(targetGroupARN, targetID string, port int, healthy bool, reason string)
}

// ExecOptions describe a command to run inside a machine.
type ExecOptions struct {
	// Argv is the command; its first word is looked up in the machine's PATH. Required.
	Argv []string
	// Env is added to a clean environment (PATH, HOME, TERM, LANG).
	Env    []string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// TTY gives the command a terminal of the machine's own. Stdin must then be a terminal.
	TTY bool
}

// Stats is what a machine uses now.
type Stats struct {
	// MemoryMiB is the working set: without file pages that the kernel can drop.
	MemoryMiB int
	CPU       time.Duration
	Processes int
}

// ErrNotRunning is the error of what needs a running machine.
var ErrNotRunning = errors.New("machine is not running")

var _ api.Machines = (*Machines)(nil)

// SweepOptions say what Sweep removes.
type SweepOptions struct {
	// Name is the lab's name. Required.
	Name string
	// Dir is the lab's directory; empty means the one on record in the host's run directory.
	Dir string
	// KeepDisks leaves the machines' disks in Dir for a later Start.
	KeepDisks bool
}

// sweepTimeout bounds a Sweep whose caller gave no deadline.
const sweepTimeout = 2 * time.Minute

func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}
