package operate

import (
	"context"

	"github.com/spf13/cobra"
)

func newCordonCommand(o *Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cordon NODE", GroupID: "cluster", Short: "Keep new work off a node", Args: exactlyOne("the address of one node"),
		Long: `Marks a node so that the orchestrator gives it no new work; what runs there goes
on. A NODE is an address of the configuration, an instance id or a private
address.`,
		Example: "clusterform cordon 'node_pool.worker[0]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.cordon(cmd.Context(), args[0], true) },

		ValidArgsFunction: o.nodeNames,
	}
	o.addState(cmd)
	return cmd
}

func newUncordonCommand(o *Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "uncordon NODE", GroupID: "cluster", Short: "Let new work onto a node again", Args: exactlyOne("the address of one node"),
		Long:    "Undoes `clusterform cordon` and `clusterform drain`: the orchestrator gives the\nnode work again.",
		Example: "clusterform uncordon 'node_pool.worker[0]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.cordon(cmd.Context(), args[0], false) },

		ValidArgsFunction: o.nodeNames,
	}
	o.addState(cmd)
	return cmd
}

func (o *Options) cordon(ctx context.Context, name string, on bool) error {
	client, m, rec, err := o.member(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Cordon(ctx, m, on); err != nil {
		return err
	}
	p := o.printer()
	if on {
		p.Linef("%s is cordoned: it gets no new work.", rec.Address)
	} else {
		p.Linef("%s gets work again.", rec.Address)
	}
	return p.Flush()
}
