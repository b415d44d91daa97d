package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

func (o *StateOptions) move() *cobra.Command {
	cmd := &cobra.Command{
		Use: "mv FROM TO", Short: "Record objects under another address", Args: wantArgs(2, 2, "the old and the new address"),
		Long: `Gives what is recorded at FROM, and below it, the address TO; references to it
follow. A "moved" block in the files does the same for everybody who applies
them, and shows in the plan.`,
		Example: "clusterform state mv node_pool.worker node_pool.web",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Move(cmd.Context(), args[0], args[1]) },
	}
	o.lockFlag(cmd)
	return cmd
}

// Move renames.
func (o *StateOptions) Move(ctx context.Context, from, to string) error {
	both, err := addresses([]string{from, to})
	if err != nil {
		return err
	}
	if both[0] == both[1] {
		return usagef("state mv: both addresses are %s", both[0])
	}
	err = o.change(ctx, "state mv", func(*state.Session) ([]state.Entry, error) {
		return []state.Entry{state.Rename(both[0], both[1])}, nil
	})
	if err != nil {
		return err
	}
	p := o.out()
	p.Linef("%s is now %s.", both[0], both[1])
	return p.Flush()
}

func (o *StateOptions) remove() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rm ADDRESS...", Short: "Forget recorded objects", Args: wantArgs(1, -1, "at least one address"),
		Long: `Forgets what is recorded at and below the ADDRESSes. The objects themselves stay,
and are nobody's any more. A "removed" block with destroy = false does the same
and shows in the plan.`,
		Example: "clusterform state rm 'node_pool.worker[2]'",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Remove(cmd.Context(), args) },
	}
	o.lockFlag(cmd)
	return cmd
}

// Remove forgets.
func (o *StateOptions) Remove(ctx context.Context, args []string) error {
	wanted, err := addresses(args)
	if err != nil {
		return err
	}
	var removed []resource.Address
	err = o.change(ctx, "state rm", func(s *state.Session) ([]state.Entry, error) {
		entries, list, err := forget(s.Snapshot(), wanted)
		removed = list
		return entries, err
	})
	if err != nil {
		return err
	}
	p := o.out()
	for _, a := range removed {
		p.Linef("Forgot %s.", a)
	}
	return p.Flush()
}

// forget are the entries that drop what stands at and below the addresses, and the identity of clusters that have nothing
// left.
func forget(s *resource.Snapshot, wanted []resource.Address) (entries []state.Entry, removed []resource.Address, err error) {
	rest := map[resource.Address]bool{} // clusters that still have objects
	for _, a := range slices.SortedFunc(maps.Keys(s.Records), resource.Compare) {
		r := s.Records[a]
		if !within(wanted, a) {
			rest[r.Cluster] = true
			continue
		}
		entries = append(entries, state.Remove(a, r.ID))
		removed = append(removed, a)
	}
	for _, a := range slices.SortedFunc(maps.Keys(s.Deposed), resource.Compare) {
		for _, r := range s.Deposed[a] {
			if !within(wanted, a) {
				rest[r.Cluster] = true
				continue
			}
			entries = append(entries, state.Remove(a, r.ID))
			removed = append(removed, a)
		}
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(removed, w.Contains) {
			return nil, nil, fmt.Errorf("nothing is recorded at %s%s", w, didYouMean(string(w), stringsOf(slices.Collect(maps.Keys(s.Records)))))
		}
	}
	for a := range s.Clusters {
		if within(wanted, a) && !rest[a] {
			entries = append(entries, state.RemoveCluster(a))
		}
	}
	return entries, removed, nil
}

// change takes the lock and commits what f makes.
func (o *StateOptions) change(ctx context.Context, operation string, f func(*state.Session) ([]state.Entry, error)) (err error) {
	file, err := o.stateFile(o.State)
	if err != nil {
		return err
	}
	s, err := file.Lock(ctx, state.LockRequest{Operation: operation, Wait: o.lock.LockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	entries, err := f(s)
	if err != nil {
		return err
	}
	return s.Commit(ctx, true, entries...)
}
