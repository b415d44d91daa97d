package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// LockOptions are those of the `lock` commands.
type LockOptions struct {
	*App
	State string
	JSON  bool
}

func newLockCommand(app *App) *cobra.Command {
	o := &LockOptions{App: app}
	cmd := &cobra.Command{
		Use: "lock", GroupID: "state", Short: "Show or break the state's lock", Args: noArgs,
		Long: `One process at a time changes the state. Its lock is a lease with a heartbeat: a
lock of a process that died is taken over by the next one without any handwork.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			help(app.Out, cmd)
			return exit(ExitError)
		},
	}
	cmd.PersistentFlags().StringVar(&o.State, "state", DefaultState, "The state `FILE`.")
	list := &cobra.Command{
		Use: "list", Short: "Show who holds the lock", Args: noArgs,
		Long:    "Shows the lock: who holds it, for what, since when, and whether the holder is\nstill alive.",
		Example: "clusterform lock list",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.List(cmd.Context()) },
	}
	list.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	cmd.AddCommand(list, &cobra.Command{
		Use: "break ID", Short: "Take the lock away from its holder", Args: wantArgs(1, 1, "the lock's id, which `clusterform lock list` shows"),
		Long: `Frees the lock of that ID. Its holder cannot record anything any more: only do
this when that process is gone for good. A lock whose process died on this
machine, or whose lease ended, needs no breaking.`,
		Example: "clusterform lock break 8f3a2c1d",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Break(cmd.Context(), args[0]) },
	})
	return cmd
}

type lockJSON struct {
	ID        string    `json:"id"`
	Operation string    `json:"operation"`
	Owner     string    `json:"owner"`
	Host      string    `json:"host"`
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Heartbeat time.Time `json:"heartbeat"`
	Expires   time.Time `json:"expires"`
	Fence     uint64    `json:"fence"`
	Stale     string    `json:"stale,omitempty"`
}

// List shows the lock.
func (o *LockOptions) List(ctx context.Context) error {
	f, err := o.stateFile(o.State)
	if err != nil {
		return err
	}
	i, err := f.LockInfo(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		locks := []lockJSON{}
		if i != nil {
			locks = append(locks, lockJSON{i.ID, i.Operation, i.User, i.Host, i.PID, i.Started, i.Heartbeat, i.Expires, i.Fence, i.Stale})
		}
		return o.writeJSON(locks)
	}
	p := o.out()
	if i == nil {
		p.Line("The state is not locked.")
		return p.Flush()
	}
	now := o.Now()
	p.Linef("id         %s", i.ID)
	p.Linef("operation  %s", i.Operation)
	p.Linef("held by    %s@%s, process %d", i.User, i.Host, i.PID)
	p.Linef("since      %s", i.Started.UTC().Format(time.RFC3339))
	p.Linef("heartbeat  %s ago", now.Sub(i.Heartbeat).Round(time.Second))
	if i.Stale != "" {
		p.Linef("stale      %s; the next run takes it over", i.Stale)
	} else {
		p.Linef("expires    %s, without another heartbeat", i.Expires.UTC().Format(time.RFC3339))
	}
	return p.Flush()
}

// Break frees the lock.
func (o *LockOptions) Break(ctx context.Context, id string) error {
	f, err := o.stateFile(o.State)
	if err != nil {
		return err
	}
	if err := f.BreakLock(ctx, id); err != nil {
		return err
	}
	p := o.out()
	p.Linef("The lock %s is broken; the state is free.", id)
	return p.Flush()
}
