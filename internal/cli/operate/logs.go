package operate

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
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
		Long: `Shows what the replicas of a workload write, each line with its replica. With
-follow it goes on, also with replicas that take the place of others, until the
workload is done (a job, a pod) or Ctrl-C ends it, with exit code 130.

Of a node it shows the console: how it booted and joined, also when nothing else of
it can be reached. EC2 shows a console with some delay.`,
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
	if o.Follow && o.Previous {
		return errors.New("-previous shows what has ended, and -follow what goes on: use one of them")
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	return interruption(ctx, o.run(ctx, name))
}

func (o *LogsOptions) run(ctx context.Context, name string) error {
	w, err := o.reach(ctx, name)
	if err != nil {
		return err
	}
	if w == nil {
		return o.console(ctx, name)
	}
	defer w.Close()
	reader, ok := w.Client.(orchestrator.LogReader)
	if !ok {
		return fmt.Errorf("%s: %s does not show logs", w.rec.Address, w.orchestrator)
	}
	o.Progress = func(text string) { o.note("%s", text) }
	return reader.Logs(ctx, w.rec, o.LogOptions, &printable{to: o.Out})
}

func (o *LogsOptions) console(ctx context.Context, name string) error {
	snap, err := o.snapshot(ctx)
	if err != nil {
		return err
	}
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
