package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// LogsOptions are those of `logs`.
type LogsOptions struct {
	*Options
	orchestrator.LogOptions
}

func newLogsCommand(all *Options) *cobra.Command {
	o := &LogsOptions{Options: all}
	cmd := &cobra.Command{
		Use: "logs NODE|WORKLOAD", GroupID: "cluster", Short: "Show the logs of a workload or the console of a node",
		Args: exactlyOne("the address of a node or workload"),
		Long: `Shows what the replicas of a workload write, each line with its replica. Of a
node it shows the console: how it booted and joined, also when nothing else of it
can be reached. EC2 shows a console with some delay.`,
		Example: "clusterform logs workload.web -follow -tail=20\nclusterform logs 'node_pool.worker[1]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), args[0]) },

		ValidArgsFunction: o.logNames,
	}
	o.addState(cmd)
	cmd.Flags().StringVar(&o.Container, "container", "", "Only what the container `NAME` writes.")
	cmd.Flags().BoolVar(&o.Follow, "follow", false, "Go on with what is written from now on, until interrupted.")
	cmd.Flags().IntVar(&o.Tail, "tail", 0, "Begin with the last `N` lines of each replica; 0 is all.")
	cmd.Flags().DurationVar(&o.Since, "since", 0, "Leave out what is older than `DURATION`.")
	cmd.Flags().BoolVar(&o.Previous, "previous", false, "Show what was written before the last restart.")
	return cmd
}

// Run shows logs.
func (o *LogsOptions) Run(ctx context.Context, name string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	snap, err := o.snapshot(ctx)
	if err != nil {
		return err
	}
	rec, err := workload(snap, name)
	if err != nil {
		return err
	}
	if rec == nil {
		return o.console(ctx, snap, name)
	}
	client, err := o.Connect(ctx, snap, rec.Cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	reader, ok := client.(orchestrator.LogReader)
	if !ok {
		return fmt.Errorf("%s: %s does not show logs", rec.Address, snap.Clusters[rec.Cluster].Orchestrator)
	}
	err = reader.Logs(ctx, rec, o.LogOptions, &printable{to: o.Out})
	if ctx.Err() != nil {
		return nil // the user has seen enough
	}
	return err
}

func (o *LogsOptions) console(ctx context.Context, snap *resource.Snapshot, name string) error {
	rec, err := node(snap, name)
	if err != nil {
		return err
	}
	text, err := o.Console(ctx, rec.Region, rec.ID)
	if err != nil {
		return err
	}
	lines := consoleLines(text)
	if o.Tail > 0 {
		lines = lines[max(0, len(lines)-o.Tail):]
	}
	p := o.printer()
	if len(lines) == 0 {
		o.note("%s (%s) has not written anything to its console yet, or EC2 does not show it yet.", rec.Address, rec.ID)
	}
	for _, line := range lines { // one by one: a printer takes control characters, line ends too, out of what it is given
		p.Line(line)
	}
	return p.Flush()
}

// workload finds a recorded workload; nil when the name is not one of a workload.
func workload(snap *resource.Snapshot, name string) (*resource.Record, error) {
	if rec := snap.Records[resource.Address(name)]; rec != nil && rec.Kind == resource.KindWorkload {
		return rec, nil
	}
	if !strings.Contains(name, "workload.") {
		return nil, nil
	}
	known := workloads(snap)
	if len(known) == 0 {
		return nil, fmt.Errorf("no workload is recorded; `clusterform apply` makes them")
	}
	return nil, fmt.Errorf("no workload %q is recorded; there are %s", name, words(known))
}

func workloads(snap *resource.Snapshot) []resource.Address {
	var known []resource.Address
	for a, r := range snap.Records {
		if r.Kind == resource.KindWorkload {
			known = append(known, a)
		}
	}
	slices.SortFunc(known, resource.Compare)
	return known
}

func (o *LogsOptions) logNames(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	names, directive := o.nodeNames(cmd, args, prefix)
	if snap, err := o.snapshot(cmd.Context()); err == nil && len(args) == 0 {
		for _, a := range workloads(snap) {
			names = append(names, string(a))
		}
	}
	return names, directive
}

// printable strips what containers write of control characters, so that it cannot drive the terminal.
type printable struct {
	to interface{ Write([]byte) (int, error) }
}

func (p *printable) Write(b []byte) (int, error) {
	if _, err := p.to.Write([]byte(hclconfig.Printable(string(b)))); err != nil {
		return 0, err
	}
	return len(b), nil
}
