package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/lab"
)

type logsOptions struct {
	*Options
	Follow bool
}

func newLogsCommand(base *Options) *cobra.Command {
	o := &logsOptions{Options: base}
	cmd := &cobra.Command{
		Use: "logs", Short: "Show the lab's log", Args: exactly(0, "no arguments"),
		Long:    "Shows what the lab's process logged, also of a lab that is down.",
		Example: "clusterform lab logs -follow",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.Follow, "follow", false, "Go on until interrupted.")
	return cmd
}

func (o *logsOptions) run(ctx context.Context) error {
	dirs, err := lab.StandardDirs(o.Env)
	if err != nil {
		return err
	}
	if err := lab.CheckName(o.Name); err != nil {
		return err
	}
	f, err := os.Open(lab.LogFile(dirs, o.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lab %q has no log: it was never started in the background, or was purged", o.Name)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	ctx, stop := interruptible(ctx)
	defer stop()
	for {
		if err := copyPrintable(o.Out, f); err != nil || !o.Follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// copyPrintable copies text without control characters.
func copyPrintable(w io.Writer, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, hclconfig.Printable(string(text)))
	return err
}
