package cli

import (
	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/bundle"
)

// newBundleCommand is `bundle`; its subcommands are in internal/cli/bundle.
func newBundleCommand(app *App) *cobra.Command {
	return bundle.NewCommand(app.Streams, func(cmd *cobra.Command) error {
		help(app.Out, cmd)
		return exit(ExitError)
	})
}
