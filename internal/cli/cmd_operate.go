package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/cli/operate"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// newOperateCommands are the commands on running clusters; they are in internal/cli/operate.
func newOperateCommands(app *App) []*cobra.Command {
	var e *engine
	connected := func() *engine {
		if e == nil {
			e = app.newEngine(CloudOptions{Parallelism: apply.DefaultParallelism, Events: event.Discard, UserAgent: "clusterform/" + app.Version}, nil, false)
		}
		return e
	}
	commands := operate.NewCommands(&operate.Options{
		Streams: app.Streams, DefaultState: DefaultState, ReadState: app.readState,
		Connect: func(ctx context.Context, s *resource.Snapshot, cluster resource.Address) (orchestrator.Client, error) {
			return connected().connect(ctx, s, cluster)
		},
		Console: func(ctx context.Context, region, instance string) (string, error) {
			return connected().console(ctx, region, instance)
		},
	})
	for _, c := range commands {
		if c.Name() == "certs" {
			c.AddCommand(newRenewCommand(app))
		}
	}
	return commands
}
