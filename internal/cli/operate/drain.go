package operate

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// DrainOptions are those of `drain`.
type DrainOptions struct {
	*Options
	Timeout, Grace time.Duration
	Force          bool
}

func newDrainCommand(all *Options) *cobra.Command {
	o := &DrainOptions{Options: all}
	cmd := &cobra.Command{
		Use: "drain NODE", GroupID: "cluster", Short: "Move the work of a node elsewhere", Args: exactlyOne("the address of one node"),
		Long: `Cordons a node and has its work started elsewhere, as disruption budgets allow.
The node stays a member; ` + "`clusterform uncordon`" + ` lets work on again. Removing or
replacing a node by ` + "`clusterform apply`" + ` drains it by itself.`,
		Example: "clusterform drain 'node_pool.worker[0]'\nclusterform drain 'node_pool.worker[0]' -timeout=2m -force",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), args[0]) },

		ValidArgsFunction: o.nodeNames,
	}
	o.addState(cmd)
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "Give up after `DURATION`.")
	cmd.Flags().DurationVar(&o.Grace, "grace", -1, "Give each piece of work `DURATION` to end, instead of its own setting.")
	cmd.Flags().BoolVar(&o.Force, "force", false, "Also end what nothing starts again elsewhere and, at the end of the time, what a budget still holds.")
	return cmd
}

// Run drains a node.
func (o *DrainOptions) Run(ctx context.Context, name string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	client, m, rec, err := o.member(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Drain(ctx, m, orchestrator.DrainOptions{
		Timeout: o.Timeout, Grace: o.Grace, Force: o.Force,
		Progress: func(text string) { o.note("%s: %s", rec.Address, text) },
	})
	if err != nil {
		return err
	}
	p := o.printer()
	p.Linef("%s is drained: it has no more work and gets none.", rec.Address)
	return p.Flush()
}
