package cli

import (
	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/lab"
)

// newLabCommand is `lab`; its subcommands are in internal/cli/lab.
func newLabCommand(app *App) *cobra.Command {
	return lab.NewCommand(app.Streams, app.Version, func(cmd *cobra.Command) error {
		help(app.Out, cmd)
		return exit(ExitError)
	})
}
