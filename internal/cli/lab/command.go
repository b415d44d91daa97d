// Package lab is the `clusterform lab` commands: a lab on this machine goes up and down, is looked at and disturbed.
// They are thin; the lab itself is internal/lab, and all other commands are in internal/cli.
package lab

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab"
	"github.com/clusterform/clusterform/internal/render"
)

// Options are what all lab commands have.
type Options struct {
	*iostreams.Streams
	// Version of this program.
	Version string
	// Name of the lab: -name, CLUSTERFORM_LAB, or "default".
	Name string
}

// NewCommand returns `lab` with its subcommands. showHelp writes the help of a command that was called without one.
func NewCommand(s *iostreams.Streams, version string, showHelp func(*cobra.Command) error) *cobra.Command {
	o := &Options{Streams: s, Version: version}
	cmd := &cobra.Command{
		Use: "lab", GroupID: "lab", Short: "Run an EC2-compatible lab on this machine",
		Long: `A lab is an AWS-compatible endpoint on this machine whose instances are real
systemd machines, or, with -machines=none, the API alone. The same files and the
same commands that work on AWS work on it.`,
		Example: "clusterform lab up\neval \"$(clusterform lab env)\"\nclusterform apply",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("%q is not a command of clusterform lab; see `clusterform lab -help`", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return showHelp(cmd) },
	}
	name := s.Env("CLUSTERFORM_LAB")
	if name == "" {
		name = lab.DefaultName
	}
	cmd.PersistentFlags().StringVar(&o.Name, "name", name, "The lab's `NAME`; several can run side by side. CLUSTERFORM_LAB sets it, too.")
	cmd.AddCommand(
		newUpCommand(o), newDownCommand(o), newStatusCommand(o), newEnvCommand(o),
		newExecCommand(o), newSSHCommand(o), newConsoleCommand(o), newKillCommand(o),
		newPushCommand(o), newFaultCommand(o), newLogsCommand(o),
	)
	return cmd
}

// find returns the running lab.
func (o *Options) find() (*lab.Info, error) {
	dirs, err := lab.StandardDirs(o.Env)
	if err != nil {
		return nil, err
	}
	return lab.Find(dirs, o.Name)
}

func (o *Options) printer() *render.Printer { return render.NewPrinter(o.Out, o.Colour(o.OutTTY)) }

// note says something that is not a result.
func (o *Options) note(line string) {
	p := render.NewPrinter(o.Err, o.Colour(o.ErrTTY))
	p.Line(line)
	_ = p.Flush()
}

// interruptible ends a command that goes on until the user has seen enough.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %s; see `%s -help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// ExitError ends the process with the code of a command that ran in a machine.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with %d", e.Code) }

// ExitCode is the code to end with; everything there was to say has been said.
func (e *ExitError) ExitCode() int { return e.Code }

func list(words []string) string { return strings.Join(words, ", ") }
