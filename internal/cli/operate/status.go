package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// StatusOptions are those of `status`.
type StatusOptions struct {
	*Options
	JSON, Watch bool
	Interval    time.Duration
}

func newStatusCommand(all *Options) *cobra.Command {
	o := &StatusOptions{Options: all}
	cmd := &cobra.Command{
		Use: "status [CLUSTER]", GroupID: "look", Short: "Show how clusters, nodes and workloads are doing", Args: atMostOneCluster,
		Long: `Asks the recorded clusters how they are: whether the API answers, which nodes are
ready, how many replicas of each workload are, and when certificates end. It
changes nothing. The exit code is 0 when all is well and 1 when something is not.`,
		Example: "clusterform status\nclusterform status -watch\nclusterform status -json cluster.lab",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), first(args)) },

		ValidArgsFunction: o.clusterNames,
	}
	o.addState(cmd)
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	cmd.Flags().BoolVar(&o.Watch, "watch", false, "Show it again and again until interrupted; with -json, one document a line.")
	cmd.Flags().DurationVar(&o.Interval, "interval", 5*time.Second, "With -watch, ask every `DURATION`.")
	return cmd
}

// Run shows the status, once or again and again.
func (o *StatusOptions) Run(ctx context.Context, name string) error {
	if o.Interval < time.Second {
		return fmt.Errorf("-interval=%s: want at least 1s", o.Interval)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	for {
		s, err := o.ask(ctx, name)
		if err != nil {
			return err
		}
		if err := o.show(s); err != nil {
			return err
		}
		if !o.Watch {
			if !s.Well {
				return &unwell{}
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.Interval):
		}
	}
}

// unwell ends the process with 1; what is wrong has been shown.
type unwell struct{}

func (*unwell) Error() string { return "something is not well" }
func (*unwell) ExitCode() int { return 1 }

func (o *StatusOptions) show(s *status) error {
	if o.JSON {
		if o.Watch {
			return o.writeLine(s)
		}
		return o.writeJSON(s)
	}
	if o.Watch && o.OutTTY {
		fmt.Fprint(o.Out, "\x1b[H\x1b[2J") // from the top of an empty screen
	}
	p := o.printer()
	s.text(p, o.Now())
	return p.Flush()
}
