// Package bundle is the `clusterform bundle` commands: the software of a cluster's nodes is listed, fetched or compiled,
// checked and served. They are thin; bundles are made in internal/bootstrap/bundle.
package bundle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab"
	"github.com/clusterform/clusterform/internal/render"
)

// Options are what all bundle commands have.
type Options struct {
	*iostreams.Streams
	// Arch of the nodes: that of this machine where there are bundles for it, as the lab's nodes have it.
	Arch string
}

// NewCommand returns `bundle` with its subcommands. showHelp writes the help of a command that was called without one.
func NewCommand(s *iostreams.Streams, showHelp func(*cobra.Command) error) *cobra.Command {
	o := &Options{Streams: s, Arch: runtime.GOARCH}
	if bundle.CheckArch(o.Arch) != nil {
		o.Arch = "amd64"
	}
	cmd := &cobra.Command{
		Use: "bundle", GroupID: "files", Short: "Get the software that nodes are made of",
		Long: `A bundle is a directory with everything that the nodes of a Kubernetes version
need, programs and container images, and a manifest that pins each file by size
and SHA-256. It is fetched from upstream's releases, a mirror or another bundle,
or compiled from Go modules.`,
		Example: "clusterform bundle list 1.34\nclusterform bundle build 1.34\nclusterform bundle verify DIR",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("%q is not a command of clusterform bundle; see `clusterform bundle -help`", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return showHelp(cmd) },
	}
	cmd.AddCommand(newListCommand(o), newBuildCommand(o), newVerifyCommand(o), newServeCommand(o))
	return cmd
}

func (o *Options) printer() *render.Printer { return render.NewPrinter(o.Out, o.Colour(o.OutTTY)) }

// note says something that is not a result.
func (o *Options) note(line string) {
	p := render.NewPrinter(o.Err, o.Colour(o.ErrTTY))
	p.Line(line)
	_ = p.Flush()
}

// interruptible ends with the first signal; whatever was under way is undone.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

func atMostOne(what string) cobra.PositionalArgs {
	return wanted(what, func(n int) bool { return n <= 1 })
}

func exactlyOne(what string) cobra.PositionalArgs {
	return wanted(what, func(n int) bool { return n == 1 })
}

func wanted(what string, ok func(n int) bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if !ok(len(args)) {
			return fmt.Errorf("%s takes %s; see `%s -help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// ExitError ends the process with a code.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// ExitCode is the code to end with; everything there was to say has been said.
func (e *ExitError) ExitCode() int { return e.Code }

// cacheDir is clusterform's cache directory.
func (o *Options) cacheDir() (string, error) {
	dirs, err := lab.StandardDirs(o.Env)
	if err != nil {
		return "", err
	}
	return dirs.Cache, nil
}

// buildCache is where downloads and compiled programs are kept.
func buildCache(cache string) string { return filepath.Join(cache, "bundle-parts") }

// asked is the release of an optional argument.
func asked(args []string) (release.Release, error) {
	if len(args) == 0 {
		return release.Newest(), nil
	}
	return release.Find(args[0])
}
