package lab

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab"
)

type killOptions struct {
	*Options
	State string
}

func newKillCommand(base *Options) *cobra.Command {
	o := &killOptions{Options: base}
	cmd := &cobra.Command{
		Use: "kill NODE", Short: "Cut the power of a machine", Args: exactly(1, "one NODE"),
		Long: `Ends a machine as a power loss would, without telling anybody inside. On the
endpoint the instance goes on running, with failed status checks, until it is
rebooted, stopped or terminated. See ` + "`clusterform lab exec`" + `
for what NODE may be.`,
		Example: "clusterform lab kill 'node_pool.worker[1]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	stateFlag(cmd, &o.State)
	return cmd
}

func (o *killOptions) run(ctx context.Context, node string) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	instance, err := o.resolve(ctx, info, o.State, node)
	if err != nil {
		return err
	}
	if err := lab.NewClient(info).Post(ctx, "/_lab/instances/"+instance.ID+"/power-loss", nil, nil); err != nil {
		return err
	}
	p := o.printer()
	p.Linef("The power of %s is cut.", instance.ID)
	return p.Flush()
}
