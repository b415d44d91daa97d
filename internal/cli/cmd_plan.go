package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// PlanOptions are those of `plan`.
type PlanOptions struct {
	*App
	PlanFlags
	Out              string
	DetailedExitCode bool
}

func newPlanCommand(app *App) *cobra.Command {
	o := &PlanOptions{App: app}
	cmd := &cobra.Command{
		Use: "plan", GroupID: "main", Short: "Show what apply would do", Args: noArgs,
		Long: `Compares the files with what is recorded and with what really exists, and shows
what apply would do. It changes nothing and takes no lock, so it can run while
somebody else applies.

With -detailed-exitcode the exit code is 0 when there is nothing to do, 1 after
an error, 2 when there are changes, and 3 when there is nothing to change but
something drifted from its record.`,
		Example: "clusterform plan -out=monday.plan\nclusterform apply monday.plan",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.Run(cmd.Context()) },
	}
	o.PlanFlags.add(cmd.Flags(), false)
	cmd.Flags().StringVar(&o.Out, "out", "", "Save the plan to `FILE`, for `clusterform apply FILE`.")
	cmd.Flags().BoolVar(&o.DetailedExitCode, "detailed-exitcode", false, "Tell by the exit code whether there are changes.")
	return cmd
}

// Run plans.
func (o *PlanOptions) Run(ctx context.Context) error {
	if err := o.PlanFlags.check(); err != nil {
		return err
	}
	r := &Run{App: o.App, Plan: o.PlanFlags, Out: o.Out, DetailedExitCode: o.DetailedExitCode, Operation: "plan"}
	return r.Do(ctx)
}
