package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// ApplyOptions are those of `apply` and `destroy`.
type ApplyOptions struct {
	*App
	PlanFlags
	ApplyFlags
	// PlanFile is a saved plan to carry out as it is.
	PlanFile string
}

func newApplyCommand(app *App) *cobra.Command {
	o := &ApplyOptions{App: app}
	cmd := &cobra.Command{
		Use: "apply [PLAN]", GroupID: "main", Short: "Make what exists be what the files say",
		Args: wantArgs(0, 1, "at most one saved plan"),
		Long: `Plans, shows the plan, asks, and carries it out. With a PLAN saved by
"clusterform plan -out" it does exactly that without asking, and refuses it when
the state or the objects have changed since, or when the file was altered.

Ctrl-C, SIGTERM and SIGHUP start nothing new and let running calls end; what
was done is recorded, and the next apply goes on from there. A second signal
stops waiting.`,
		Example: "clusterform apply\nclusterform apply -auto-approve -var workers=5\nclusterform apply monday.plan",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.PlanFile = args[0]
				if name, ok := changed(cmd, "var", "var-file", "target", "exclude", "replace", "refresh-only", "destroy"); ok {
					return usagef("-%s cannot be used with a saved plan, which holds what it was made with", name)
				}
			}
			return o.Run(cmd.Context())
		},
	}
	o.PlanFlags.add(cmd.Flags(), false)
	o.ApplyFlags.add(cmd.Flags(), app)
	return cmd
}

func newDestroyCommand(app *App) *cobra.Command {
	o := &ApplyOptions{App: app}
	cmd := &cobra.Command{
		Use: "destroy", GroupID: "main", Short: "Destroy everything that is recorded", Args: noArgs,
		Long: `Plans to destroy all recorded objects, shows the plan, asks, and carries it
out: the same as "clusterform apply -destroy". Objects with prevent_destroy stop
it. It can be interrupted and run again.`,
		Example: "clusterform destroy\nclusterform destroy -target=node_pool.batch",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.Run(cmd.Context()) },
	}
	o.PlanFlags.add(cmd.Flags(), true)
	o.ApplyFlags.add(cmd.Flags(), app)
	return cmd
}

// Run applies.
func (o *ApplyOptions) Run(ctx context.Context) error {
	if err := o.PlanFlags.check(); err != nil {
		return err
	}
	if err := o.ApplyFlags.check(); err != nil {
		return err
	}
	r := &Run{App: o.App, Plan: o.PlanFlags, Apply: &o.ApplyFlags, PlanFile: o.PlanFile, Operation: "apply"}
	if o.Destroy {
		r.Operation = "destroy"
	}
	return r.Do(ctx)
}
