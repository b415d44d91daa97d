package cli

import "github.com/spf13/cobra"

func newCompletionCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", GroupID: "other", Short: "Write a completion script for a shell",
		Args: wantArgs(1, 1, "the name of a shell: bash, zsh or fish"),
		Long: `Writes a script that makes the shell complete commands, options and the names
of outputs. Load it for the current shell, or put it where the shell finds it.`,
		Example:   "source <(clusterform completion bash)\nclusterform completion zsh > \"${fpath[1]}/_clusterform\"\nclusterform completion fish > ~/.config/fish/completions/clusterform.fish",
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(app.Out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(app.Out)
			case "fish":
				return cmd.Root().GenFishCompletion(app.Out, true)
			default:
				return usagef("there is no completion for %q; there is one for bash, zsh and fish", args[0])
			}
		},
	}
}
