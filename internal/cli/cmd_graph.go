package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/render"
)

// GraphOptions are those of `graph`.
type GraphOptions struct {
	*App
	State, Plan, Type string
}

func newGraphCommand(app *App) *cobra.Command {
	o := &GraphOptions{App: app}
	cmd := &cobra.Command{
		Use: "graph", GroupID: "look", Short: "Draw what depends on what", Args: noArgs,
		Long: `Writes the recorded objects, or with -plan the steps of a saved plan, as a graph
for Graphviz or Mermaid. An arrow points to what is needed; the nodes of a pool
are one box, and arrows that follow from others are left out.`,
		Example: "clusterform graph | dot -Tsvg > graph.svg\nclusterform graph -type=mermaid -plan=monday.plan",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.Run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&o.State, "state", DefaultState, "The state `FILE`.")
	cmd.Flags().StringVar(&o.Plan, "plan", "", "Draw the steps of the plan saved in `FILE`.")
	cmd.Flags().StringVar(&o.Type, "type", "dot", "The language: `dot` or mermaid.")
	return cmd
}

// Run draws.
func (o *GraphOptions) Run(ctx context.Context) error {
	if o.Type != "dot" && o.Type != "mermaid" {
		return usagef("-type=%s: want dot or mermaid", o.Type)
	}
	var g render.Graph
	if o.Plan != "" {
		saved, err := o.readPlan(o.Plan)
		if err != nil {
			return err
		}
		g = render.PlanGraph(saved.Plan)
	} else {
		s, err := o.readState(ctx, o.State)
		if err != nil {
			return err
		}
		g = render.StateGraph(s)
	}
	p := o.out()
	if o.Type == "mermaid" {
		g.Mermaid(p)
	} else {
		g.DOT(p)
	}
	return p.Flush()
}
