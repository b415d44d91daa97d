package operate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner/resource"
)

// Options are what all these commands have.
type Options struct {
	*iostreams.Streams
	// DefaultState is the state file where -state does not say otherwise.
	DefaultState string
	// ReadState reads a state file without a lock.
	ReadState func(ctx context.Context, path string) (*resource.Snapshot, error)
	// Connect gives the client of a recorded cluster.
	Connect func(ctx context.Context, snap *resource.Snapshot, cluster resource.Address) (orchestrator.Client, error)
	// Console is what an instance wrote to its console.
	Console func(ctx context.Context, region, instance string) (string, error)

	state string
}

// NewCommands returns the commands, for the main command to add.
func NewCommands(o *Options) []*cobra.Command {
	return []*cobra.Command{
		newStatusCommand(o), newKubeconfigCommand(o), newDockerEnvCommand(o), newLogsCommand(o), newExecCommand(o),
		newCordonCommand(o), newUncordonCommand(o), newDrainCommand(o), newTokenCommand(o), newCertsCommand(o),
	}
}

func (o *Options) addState(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.state, "state", o.DefaultState, "The state `FILE`.")
}

// snapshot reads the state.
func (o *Options) snapshot(ctx context.Context) (*resource.Snapshot, error) {
	return o.ReadState(ctx, o.state)
}

func (o *Options) printer() *render.Printer { return render.NewPrinter(o.Out, o.Colour(o.OutTTY)) }

// note says something that is not a result.
func (o *Options) note(format string, args ...any) {
	p := render.NewPrinter(o.Err, o.Colour(o.ErrTTY))
	p.Linef(format, args...)
	_ = p.Flush()
}

// FindCluster is the recorded cluster of that name, or the only one there is where name is "".
func FindCluster(snap *resource.Snapshot, name string) (resource.Address, error) {
	return cluster(snap, name)
}

// cluster is the one named, or the only one there is. "lab" means cluster.lab.
func cluster(snap *resource.Snapshot, name string) (resource.Address, error) {
	all := slices.Sorted(maps.Keys(snap.Clusters))
	switch {
	case len(all) == 0:
		return "", fmt.Errorf("no cluster is recorded; `clusterform apply` makes one")
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return "", fmt.Errorf("there are several clusters: name one of %s", words(all))
	}
	for _, a := range all {
		if string(a) == name || strings.HasSuffix(string(a), "cluster."+name) {
			return a, nil
		}
	}
	return "", fmt.Errorf("no cluster %q is recorded; there are %s", name, words(all))
}

// connected is the client of the cluster named, or of the only one there is. The caller closes it.
func (o *Options) connected(ctx context.Context, name string) (orchestrator.Client, resource.Address, *resource.Snapshot, error) {
	snap, err := o.snapshot(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	c, err := cluster(snap, name)
	if err != nil {
		return nil, "", nil, err
	}
	client, err := o.Connect(ctx, snap, c)
	return client, c, snap, err
}

// node finds a recorded node by address, instance id, or private address.
func node(snap *resource.Snapshot, name string) (*resource.Record, error) {
	var known []resource.Address
	for a, r := range snap.Records {
		n, ok := r.Spec.(*resource.Node)
		if !ok {
			continue
		}
		if string(a) == name || r.ID == name || n.PrivateIP == name {
			return r, nil
		}
		known = append(known, a)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("no node is recorded; `clusterform apply` makes them")
	}
	slices.SortFunc(known, resource.Compare)
	return nil, fmt.Errorf("no node %q is recorded; there are %s", name, words(known))
}

// maxWords is how many names a message lists.
const maxWords = 8

func words(all []resource.Address) string {
	var out []string
	for _, a := range all[:min(len(all), maxWords)] {
		out = append(out, string(a))
	}
	if more := len(all) - maxWords; more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

// member is a recorded node as its cluster knows it.
func (o *Options) member(ctx context.Context, name string) (orchestrator.Client, orchestrator.Member, *resource.Record, error) {
	none := orchestrator.Member{}
	snap, err := o.snapshot(ctx)
	if err != nil {
		return nil, none, nil, err
	}
	rec, err := node(snap, name)
	if err != nil {
		return nil, none, nil, err
	}
	client, err := o.Connect(ctx, snap, rec.Cluster)
	if err != nil {
		return nil, none, nil, err
	}
	members, err := client.Members(ctx)
	if err != nil {
		_ = client.Close()
		return nil, none, nil, err
	}
	for _, m := range members {
		if m.Instance == rec.ID {
			return client, m, rec, nil
		}
	}
	_ = client.Close()
	return nil, none, nil, fmt.Errorf("%s (%s) is no member of %s; `clusterform plan` says what became of it", rec.Address, rec.ID, rec.Cluster)
}

// interruptible ends a command that goes on until the user has seen enough.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// exactlyOne refuses more or fewer arguments than the one it names.
func exactlyOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes %s; see `%s -help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// atMostOneCluster refuses a second argument.
func atMostOneCluster(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s takes one cluster, but got %q; see `%s -help`", cmd.CommandPath(), args[1], cmd.CommandPath())
	}
	return nil
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// nodeNames completes the addresses of nodes.
func (o *Options) nodeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	snap, err := o.snapshot(cmd.Context())
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for a, r := range snap.Records {
		if r.Kind == resource.KindNode {
			out = append(out, string(a))
		}
	}
	slices.Sort(out)
	return out, cobra.ShellCompDirectiveNoFileComp
}

// clusterNames completes the addresses of clusters.
func (o *Options) clusterNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	snap, err := o.snapshot(cmd.Context())
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, a := range slices.Sorted(maps.Keys(snap.Clusters)) {
		out = append(out, string(a))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
