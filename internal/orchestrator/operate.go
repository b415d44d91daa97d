package orchestrator

import (
	"context"
	"io"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// LogOptions say what to read of a workload's logs.
type LogOptions struct {
	// Container is one of the workload's; "" is all of them.
	Container string
	Follow    bool
	// Tail is how many of the last lines of each replica; 0 is all.
	Tail int
	// Since leaves out what is older; 0 leaves out nothing.
	Since time.Duration
	// Previous reads what the container said before its last restart.
	Previous bool
	// Progress is told of replicas that come and go while they are followed; nil is not told.
	Progress func(string)
}

// LogReader is a Client that reads logs: each line begins with the replica that wrote it, "web-5c9d/app | ".
type LogReader interface {
	Logs(ctx context.Context, workload *resource.Record, o LogOptions, out io.Writer) error
}

// ExecOptions say what to run in a workload's container.
type ExecOptions struct {
	// Replica is one of the workload's, by its name in the logs; "" takes one that is ready.
	Replica string
	// Container is one of the workload's; "" is the first.
	Container string
	Command   []string
	// TTY gives it a terminal; In may be nil.
	TTY      bool
	In       io.Reader
	Out, Err io.Writer
}

// Executor is a Client that runs commands in containers. code is the command's exit code.
type Executor interface {
	Exec(ctx context.Context, workload *resource.Record, o ExecOptions) (code int, err error)
}

// KubeconfigMaker is a Client that makes kubeconfig files: one context called name, a client certificate good for ttl, and
// server ("https://203.0.113.7:6443") as the address. "" takes the one that answers from here.
type KubeconfigMaker interface {
	Kubeconfig(ctx context.Context, name, server string, ttl time.Duration) ([]byte, error)
}
