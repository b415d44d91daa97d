package operate

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// ExecOptions are those of `exec`.
type ExecOptions struct {
	*Options
	Container, Replica string
	TTY, Stdin         bool
}

func newExecCommand(all *Options) *cobra.Command {
	o := &ExecOptions{Options: all}
	cmd := &cobra.Command{
		Use: "exec WORKLOAD -- COMMAND [ARGUMENT...]", GroupID: "cluster", Short: "Run a command in a workload's container",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("%s takes the address of a workload, --, and a command; see `%s -help`", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		Long: `Runs a command in a container of one of the workload's replicas and ends with its
exit code. The container must hold the command. For nodes there is
` + "`clusterform lab exec`" + ` in a lab, and ssh elsewhere.`,
		Example: "clusterform exec workload.web -- /hello check\nclusterform exec -tty -stdin workload.web -- sh",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), args[0], args[1:]) },
	}
	o.addState(cmd)
	cmd.Flags().StringVar(&o.Container, "container", "", "Run it in the container `NAME`; else in the first.")
	cmd.Flags().StringVar(&o.Replica, "replica", "", "Run it in the replica `NAME`, as the logs call it; else in one that is ready.")
	cmd.Flags().BoolVar(&o.TTY, "tty", false, "Give it a terminal.")
	cmd.Flags().BoolVar(&o.Stdin, "stdin", false, "Pass standard input on.")
	return cmd
}

// commandError ends the process with the code of a command that ran in a container.
type commandError struct{ code int }

func (e *commandError) Error() string { return fmt.Sprintf("the command ended with %d", e.code) }
func (e *commandError) ExitCode() int { return e.code }

// Run runs a command.
func (o *ExecOptions) Run(ctx context.Context, name string, command []string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	return interruption(ctx, o.run(ctx, name, command))
}

func (o *ExecOptions) run(ctx context.Context, name string, command []string) error {
	w, err := o.reach(ctx, name)
	if err != nil {
		return err
	}
	if w == nil {
		return fmt.Errorf("%q is no workload; in nodes commands are run by `clusterform lab exec` or ssh", name)
	}
	defer w.Close()
	executor, ok := w.Client.(orchestrator.Executor)
	if !ok {
		return fmt.Errorf("%s: %s does not run commands in containers", w.rec.Address, w.orchestrator)
	}
	e := orchestrator.ExecOptions{Container: o.Container, Replica: o.Replica, Command: command, TTY: o.TTY, Out: o.Out, Err: o.Err}
	if o.Stdin {
		e.In = o.In
	}
	code, err := executor.Exec(ctx, w.rec, e)
	if err != nil {
		return err
	}
	if code != 0 {
		return &commandError{code}
	}
	return nil
}
