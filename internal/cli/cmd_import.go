package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
)

// ImportOptions are those of `import`.
type ImportOptions struct {
	*App
	PlanFlags
	ApplyFlags
	Address, ID string
}

func newImportCommand(app *App) *cobra.Command {
	o := &ImportOptions{App: app}
	cmd := &cobra.Command{
		Use: "import ADDRESS ID", GroupID: "state", Short: "Record an object that exists already",
		Args: wantArgs(2, 2, "an address and the cloud's id of the object"),
		Long: `Takes the object with the cloud's ID under management, as the object that the
files describe at ADDRESS. It shows a plan of that object alone and asks first:
what differs from the files is changed by it. An "import" block in the files
does the same.`,
		Example: "clusterform import cluster.lab.vpc vpc-0123456789abcdef0\nclusterform import 'node_pool.worker[0]' i-0123456789abcdef0",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Address, o.ID = args[0], args[1]
			return o.Run(cmd.Context())
		},
	}
	set := cmd.Flags()
	o.ConfigFlags.add(set)
	o.OutputFlags.add(set)
	o.ApplyFlags.add(set, app)
	set.BoolVar(&o.Input, "input", true, "Ask when something is missing and a person is there; with -input=false never.")
	o.Refresh = true
	return cmd
}

// Run imports.
func (o *ImportOptions) Run(ctx context.Context) error {
	if err := o.ApplyFlags.check(); err != nil {
		return err
	}
	if _, err := hclconfig.ParseAddress(o.Address); err != nil {
		return usagef("import: %v", err)
	}
	o.Targets = []string{o.Address}
	r := &Run{
		App: o.App, Plan: o.PlanFlags, Apply: &o.ApplyFlags, Operation: "import",
		Import: &hclconfig.Import{To: hclconfig.Address(o.Address), ID: o.ID},
	}
	return r.Do(ctx)
}
