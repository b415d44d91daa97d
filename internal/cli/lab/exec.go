package lab

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab/machine"
)

type execOptions struct {
	*Options
	State string
	TTY   bool
}

func newExecCommand(base *Options) *cobra.Command {
	o := &execOptions{Options: base}
	cmd := &cobra.Command{
		Use: "exec NODE -- COMMAND [ARGUMENT...]", Short: "Run a command in a machine", Args: cobra.MinimumNArgs(2),
		Long: `Runs a command as root in a machine and ends with its exit code. NODE is an
address such as node_pool.worker[0], an instance id, a Name tag, a host name or
an IP address. Standard input is passed on unless it is a terminal; for that,
give -tty.`,
		Example: "clusterform lab exec 'node_pool.worker[0]' -- systemctl is-system-running\nclusterform lab exec -tty i-0123456789abcdef0 -- bash",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0], args[1:]) },
	}
	stateFlag(cmd, &o.State)
	cmd.Flags().BoolVar(&o.TTY, "tty", false, "Give the command a terminal.")
	return cmd
}

func newSSHCommand(base *Options) *cobra.Command {
	o := &execOptions{Options: base}
	cmd := &cobra.Command{
		Use: "ssh NODE", Short: "Open a shell in a machine", Args: exactly(1, "one NODE"),
		Long: `Opens a shell as root in a machine. It needs no key and no network: it enters the
machine from this host. See ` + "`clusterform lab exec`" + ` for what NODE may be.`,
		Example: "clusterform lab ssh 'node_pool.worker[0]'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.TTY = o.InTTY && o.OutTTY
			return o.run(cmd.Context(), args[0], []string{"bash", "-l"})
		},
	}
	stateFlag(cmd, &o.State)
	return cmd
}

func (o *execOptions) run(ctx context.Context, node string, argv []string) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	instance, err := o.machine(ctx, info, o.State, node)
	if err != nil {
		return err
	}
	options := machine.ExecOptions{Argv: argv, Stdin: o.In, Stdout: o.Out, Stderr: o.Err, TTY: o.TTY}
	switch {
	case o.TTY && !o.InTTY:
		return errors.New("-tty: standard input is no terminal")
	case !o.TTY && o.InTTY:
		options.Stdin = nil // the command is not in the terminal's foreground and would be stopped by reading from it
	}
	if !o.TTY {
		var stop context.CancelFunc
		ctx, stop = interruptible(ctx)
		defer stop()
	}
	code, err := machine.Exec(ctx, info.Name, instance.ID, options)
	if ctx.Err() != nil {
		return &ExitError{Code: 130} // as a shell says of a command that was interrupted
	}
	if err != nil {
		return err
	}
	if code != 0 {
		return &ExitError{Code: code}
	}
	return nil
}
