package lab

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/lab"
)

type consoleOptions struct {
	*Options
	State  string
	Follow bool
}

func newConsoleCommand(base *Options) *cobra.Command {
	o := &consoleOptions{Options: base}
	cmd := &cobra.Command{
		Use: "console NODE", Short: "Show a machine's console", Args: exactly(1, "one NODE"),
		Long:    "Shows the last 64 KiB of a machine's console: its boot and what cloud-init and\nuser-data print. See `clusterform lab exec` for what NODE may be.",
		Example: "clusterform lab console -follow 'node_pool.worker[0]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	stateFlag(cmd, &o.State)
	cmd.Flags().BoolVar(&o.Follow, "follow", false, "Go on until interrupted.")
	return cmd
}

func (o *consoleOptions) run(ctx context.Context, node string) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	instance, err := o.machine(ctx, info, o.State, node)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	shown := ""
	for {
		console, err := lab.ReadConsole(ctx, info, instance.ID)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		text := hclconfig.Printable(strings.ReplaceAll(string(console), "\r", ""))
		if _, err := io.WriteString(o.Out, unseen(shown, text)); err != nil || !o.Follow {
			return err
		}
		shown = text
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// unseen is what of now comes after before. The console is a window of the last bytes: its start moves, so the end of
// what was shown is looked up in it.
func unseen(before, now string) string {
	if before == "" {
		return now
	}
	const enough = 1024
	tail := before[max(0, len(before)-enough):]
	if i := strings.LastIndex(now, tail); i >= 0 {
		return now[i+len(tail):]
	}
	return now
}
