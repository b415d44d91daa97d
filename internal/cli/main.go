package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
)

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, s *iostreams.Streams) int {
	return NewApp(s).Main(ctx, args)
}

// Main runs one command line and returns the exit code.
func (a *App) Main(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(normalise(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return e.ExitCode()
	}
	if u, ok := errors.AsType[*usageError](err); ok && u.command == "" {
		u.command = cmd.CommandPath()
	}
	a.report(err)
	return ExitError
}

func newRoot(a *App) *cobra.Command {
	var chdir string
	var version bool
	root := &cobra.Command{
		Use: "clusterform", Short: "Clusters as code",
		Long: "clusterform makes clusters, node pools and workloads be what HCL files say.\n\n" +
			"Start with `clusterform init`, look at what it would do with `clusterform plan`,\nand do it with `clusterform apply`.",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if chdir == "" {
				return nil
			}
			dir := a.Path(chdir)
			if info, err := os.Stat(dir); err != nil {
				return fmt.Errorf("-chdir=%s: %w", chdir, err)
			} else if !info.IsDir() {
				return fmt.Errorf("-chdir=%s is not a directory", chdir)
			}
			a.Dir = dir
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case version:
				return (&VersionOptions{App: a}).Run()
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			default:
				help(a.Out, cmd)
				return exit(ExitError)
			}
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(a.Out, cmd) })
	root.SetHelpCommand(newHelpCommand(a))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.PersistentFlags().StringVar(&chdir, "chdir", "", "Work in `DIR` instead of the current directory.")
	root.PersistentFlags().BoolVar(&a.noColour, "no-color", false, "Write without colour; so do NO_COLOR and a pipe.")
	root.Flags().BoolVar(&version, "version", false, "Show the version.")
	for _, g := range groups {
		root.AddGroup(&g)
	}
	root.AddCommand(
		newInitCommand(a), newValidateCommand(a), newPlanCommand(a), newApplyCommand(a), newDestroyCommand(a),
		newShowCommand(a), newOutputCommand(a), newGraphCommand(a), newRenderCommand(a), newConsoleCommand(a),
		newStateCommand(a), newLockCommand(a), newImportCommand(a),
		newFmtCommand(a), newBundleCommand(a),
		newLabCommand(a),
		newVersionCommand(a), newCompletionCommand(a),
	)
	root.AddCommand(newOperateCommands(a)...)
	return root
}

func newHelpCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND...]", GroupID: "other", Short: "Show help for a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			help(a.Out, found)
			return nil
		},
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("%q is not a command of %s", name, cmd.CommandPath())
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return &usageError{command: cmd.CommandPath(), text: text + didYouMean(name, names)}
}

// flagError says what cobra says, with the flags in the way they are written here.
func flagError(cmd *cobra.Command, err error) error {
	text := strings.ReplaceAll(err.Error(), "--", "-")
	if name, ok := strings.CutPrefix(text, "unknown flag: -"); ok {
		var names []string
		for c := cmd; c != nil; c = c.Parent() {
			set := c.PersistentFlags()
			if c == cmd {
				set = c.Flags()
			}
			for _, f := range visible(set) {
				names = append(names, f.Name)
			}
		}
		text = fmt.Sprintf("%s has no option -%s%s", cmd.CommandPath(), name, didYouMeanFlag(name, names))
	}
	return &usageError{command: cmd.CommandPath(), text: text}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return unknownCommand(cmd, args[0])
	}
	return usagef("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
}

// wantArgs asks for between least and most arguments, named in names.
func wantArgs(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s needs %s", cmd.CommandPath(), names)
		case most >= 0 && len(args) > most:
			return usagef("%s takes %s and nothing more, but got %q", cmd.CommandPath(), names, args[most])
		default:
			return nil
		}
	}
}
