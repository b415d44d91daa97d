package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

// StateOptions are those of the `state` commands.
type StateOptions struct {
	*App
	State string
	lock  ApplyFlags // LockTimeout alone
	JSON  bool
	IDs   bool
	Force bool
}

func newStateCommand(app *App) *cobra.Command {
	o := &StateOptions{App: app}
	cmd := &cobra.Command{
		Use: "state", GroupID: "state", Short: "Look at and repair what is recorded", Args: noArgs,
		Long: "The state is what clusterform remembers of the objects it made. These commands\nlook at it and, where something went wrong, set it right. They touch no object.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			help(app.Out, cmd)
			return exit(ExitError)
		},
	}
	cmd.PersistentFlags().StringVar(&o.State, "state", DefaultState, "The state `FILE`.")
	cmd.AddCommand(o.list(), o.show(), o.move(), o.remove(), o.pull(), o.push())
	return cmd
}

func (o *StateOptions) lockFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.lock.LockTimeout, "lock-timeout", 0, "Wait this `DURATION` for the state's lock, for example 5m.")
}

func (o *StateOptions) list() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [ADDRESS...]", Short: "List the addresses of recorded objects",
		Long:    "Lists the addresses of all recorded objects, or of those at and below the\nADDRESSes given.",
		Example: "clusterform state list\nclusterform state list -id node_pool.worker",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.List(cmd.Context(), args) },
	}
	cmd.Flags().BoolVar(&o.IDs, "id", false, "Write the cloud's id behind each address, after a tab.")
	return cmd
}

// List writes addresses.
func (o *StateOptions) List(ctx context.Context, args []string) error {
	s, err := o.readState(ctx, o.State)
	if err != nil {
		return err
	}
	wanted, err := addresses(args)
	if err != nil {
		return err
	}
	p := o.out()
	write := func(r *resource.Record, note string) {
		text := string(r.Address) + note
		if o.IDs {
			text += "\t" + r.ID
		}
		p.Text(text + "\n")
	}
	all := slices.SortedFunc(maps.Keys(s.Records), resource.Compare)
	for _, a := range all {
		if len(wanted) == 0 || within(wanted, a) {
			write(s.Records[a], "")
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(s.Deposed), resource.Compare) {
		for _, r := range s.Deposed[a] {
			if len(wanted) == 0 || within(wanted, a) {
				write(r, " (deposed)")
			}
		}
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(all, w.Contains) && len(s.Deposed[w]) == 0 {
			return fmt.Errorf("nothing is recorded at %s%s", w, didYouMean(string(w), stringsOf(all)))
		}
	}
	return p.Flush()
}

func (o *StateOptions) show() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ADDRESS", Short: "Show one recorded object", Args: wantArgs(1, 1, "one address"),
		Long:    "Shows everything that is recorded of one object.",
		Example: "clusterform state show 'node_pool.worker[0]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Show(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	return cmd
}

// Show writes one record, and the deposed ones of its address.
func (o *StateOptions) Show(ctx context.Context, arg string) error {
	s, err := o.readState(ctx, o.State)
	if err != nil {
		return err
	}
	a, err := resource.ParseAddress(arg)
	if err != nil {
		return err
	}
	records := slices.Clone(s.Deposed[a])
	if r := s.Records[a]; r != nil {
		records = append([]*resource.Record{r}, records...)
	}
	if len(records) == 0 {
		var below []resource.Address
		for x := range s.Records {
			if a.Contains(x) {
				below = append(below, x)
			}
		}
		if len(below) > 0 {
			return fmt.Errorf("%s is not one object: `clusterform state list %s` lists the %d below it", a, a, len(below))
		}
		return fmt.Errorf("nothing is recorded at %s%s", a, didYouMean(string(a), stringsOf(slices.Collect(maps.Keys(s.Records)))))
	}
	if o.JSON {
		return o.writeJSON(records[0])
	}
	p := o.out()
	for i, r := range records {
		if i > 0 {
			p.Newline()
		}
		render.Record(p, r)
	}
	return p.Flush()
}

func (o *StateOptions) pull() *cobra.Command {
	return &cobra.Command{
		Use: "pull", Short: "Write the state to standard output", Args: noArgs,
		Long:    "Writes the state, with what is still in the journal, as JSON to standard\noutput: as a backup, or to be changed and pushed.",
		Example: "clusterform state pull > backup.json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.Pull(cmd.Context()) },
	}
}

// Pull writes the state.
func (o *StateOptions) Pull(ctx context.Context) error {
	s, err := o.readState(ctx, o.State)
	if err != nil {
		return err
	}
	data, err := state.Export(s)
	if err != nil {
		return err
	}
	_, err = o.Out.Write(data)
	return err
}

func (o *StateOptions) push() *cobra.Command {
	cmd := &cobra.Command{
		Use: "push FILE", Short: "Replace the state by a file", Args: wantArgs(1, 1, "one file, or - for standard input"),
		Long: `Replaces the state by FILE ("-" is standard input) and keeps a backup of the
former. A file of another lineage, or one that is older, is refused without
-force.`,
		Example: "clusterform state push backup.json",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Push(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVar(&o.Force, "force", false, "Take a state of another lineage, or an older one.")
	return cmd
}

// Push replaces the state.
func (o *StateOptions) Push(ctx context.Context, name string) error {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(o.In)
	} else {
		data, err = os.ReadFile(o.Path(name))
	}
	if err != nil {
		return err
	}
	f, err := o.stateFile(o.State)
	if err != nil {
		return err
	}
	if err := f.Push(ctx, data, o.Force); err != nil {
		return err
	}
	p := o.out()
	p.Linef("The state is now that of %s.", name)
	return p.Flush()
}

func addresses(args []string) ([]resource.Address, error) {
	var out []resource.Address
	for _, x := range args {
		a, err := resource.ParseAddress(x)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func within(list []resource.Address, a resource.Address) bool {
	return slices.ContainsFunc(list, func(w resource.Address) bool { return w.Contains(a) })
}

func stringsOf[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return out
}
