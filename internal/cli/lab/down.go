package lab

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab"
)

type downOptions struct {
	*Options
	Purge bool
}

func newDownCommand(base *Options) *cobra.Command {
	o := &downOptions{Options: base}
	cmd := &cobra.Command{
		Use: "down", Short: "End the lab and remove what it made on this machine", Args: exactly(0, "no arguments"),
		Long: `Ends the lab: no process, mount, namespace, link, route, packet filter rule or
control group of it stays, also when it was killed or came up half-way. What is
in its directory (state, disks, images, log) stays for the next ` + "`lab up`" + `;
-purge removes that, too.`,
		Example: "clusterform lab down\nclusterform lab down -purge",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.Purge, "purge", false, "Remove the lab's directory, too: its state, disks, images and log.")
	return cmd
}

func (o *downOptions) run(ctx context.Context) error {
	dirs, err := lab.StandardDirs(o.Env)
	if err != nil {
		return err
	}
	if err := lab.Down(ctx, dirs, o.Name, lab.DownOptions{Purge: o.Purge, Progress: o.note}); err != nil {
		return err
	}
	p := o.printer()
	p.Linef("Lab %q is down.", o.Name)
	return p.Flush()
}
