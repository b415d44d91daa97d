package lab

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

func stateFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "state", "clusterform.state.json", "The state `FILE` in which addresses are looked up.")
}

// resolve finds the instance that a user means: by address in the state file, or by what the endpoint knows.
func (o *Options) resolve(ctx context.Context, info *lab.Info, statePath, node string) (*lab.Instance, error) {
	id := node
	if address, err := resource.ParseAddress(node); err == nil && strings.Contains(node, ".") && strings.HasSuffix(node, "]") {
		if id, err = o.lookUp(ctx, statePath, address); err != nil {
			return nil, err
		}
	}
	status, err := lab.ReadStatus(ctx, info)
	if err != nil {
		return nil, err
	}
	var found []*lab.Instance
	for i := range status.Instances {
		if instance := &status.Instances[i]; instance.Matches(id) {
			found = append(found, instance)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("no instance of lab %q is %q; `clusterform lab status%s` lists them", info.Name, node, nameFlag(info.Name))
	default:
		ids := make([]string, len(found))
		for i, f := range found {
			ids[i] = f.ID
		}
		return nil, fmt.Errorf("%q is the name of %d instances: %s. Take an id or an address", node, len(found), list(ids))
	}
}

// machine is resolve for what needs a machine behind the instance.
func (o *Options) machine(ctx context.Context, info *lab.Info, statePath, node string) (*lab.Instance, error) {
	if info.Machines == lab.MachinesNone {
		return nil, fmt.Errorf("lab %q has no machines: it was started with -machines=none", info.Name)
	}
	return o.resolve(ctx, info, statePath, node)
}

func (o *Options) lookUp(ctx context.Context, path string, address resource.Address) (string, error) {
	file, err := state.Open(o.Path(path), state.Options{Now: o.Now, ToolVersion: o.Version})
	if err != nil {
		return "", err
	}
	snapshot, err := file.Read(ctx)
	if err != nil {
		return "", err
	}
	record, ok := snapshot.Records[address]
	if !ok {
		return "", fmt.Errorf("%s is not recorded in %s; run this in the directory of its configuration, or use -state", address, path)
	}
	return record.ID, nil
}
