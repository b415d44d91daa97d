package operate

import (
	"context"

	"github.com/spf13/cobra"
)

func newTokenCommand(o *Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", GroupID: "cluster", Short: "Manage the credentials that nodes join with",
		Long: `Nodes join with credentials that clusterform makes, keeps in the Parameter Store
while nodes are joining, and takes back afterwards.`,
	}
	rotate := &cobra.Command{
		Use: "rotate [CLUSTER]", Short: "Make the present join credentials worthless", Args: atMostOneCluster,
		Long: `Makes every join credential that was handed out worth nothing. Nodes that joined
are not concerned. The next node that is made gets a new one.`,
		Example: "clusterform token rotate\nclusterform token rotate cluster.lab",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.rotate(cmd.Context(), first(args)) },

		ValidArgsFunction: o.clusterNames,
	}
	o.addState(rotate)
	cmd.AddCommand(rotate)
	return cmd
}

func (o *Options) rotate(ctx context.Context, name string) error {
	client, c, _, err := o.connected(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Dismiss(ctx); err != nil {
		return err
	}
	p := o.printer()
	p.Linef("The join credentials of %s are worth nothing any more.", c)
	return p.Flush()
}
