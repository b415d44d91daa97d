package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab"
	"github.com/clusterform/clusterform/internal/lab/api"
)

type faultOptions struct {
	*Options
	State string
}

func newFaultCommand(base *Options) *cobra.Command {
	o := &faultOptions{Options: base}
	cmd := &cobra.Command{
		Use: "fault", Short: "Make things go wrong on purpose", Args: exactly(0, "a subcommand: show, set, clear, or one for a node"),
		Long: `Faults are switched on and off while the lab runs: AWS's throttling, late and
lost answers, lack of capacity, instances that never boot, machines that lose
power, network or their spot price. docs/lab-api.md lists them all.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.show(cmd.Context()) },
	}
	show := &cobra.Command{
		Use: "show", Short: "Show the faults that are on, as JSON", Args: exactly(0, "no arguments"),
		Long: "Shows the faults that are on, in the form that `set` takes.", Example: "clusterform lab fault show",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.show(cmd.Context()) },
	}
	set := &cobra.Command{
		Use: "set JSON|@FILE", Short: "Switch faults on", Args: exactly(1, "one JSON text, or @FILE"),
		Long: "Adds to the faults that are on: what the JSON names gets its value, everything\nelse stays.",
		Example: `clusterform lab fault set '{"throttle": 1}'
clusterform lab fault set '{"lose_response": {"next": 1, "actions": ["RunInstances"]}}'
clusterform lab fault set '{"capacity": [{"instance_type": "t3.large", "zone": "*a"}]}'
clusterform lab fault set '{"latency": {"min": "50ms", "max": "200ms"}}'`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.set(cmd.Context(), args[0]) },
	}
	clearAll := &cobra.Command{
		Use: "clear", Short: "Switch all faults off", Args: exactly(0, "no arguments"),
		Long: "Switches all faults off. Machines that were cut off the network stay so; see `uncut`.", Example: "clusterform lab fault clear",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.put(cmd.Context(), api.Faults{}) },
	}
	cmd.AddCommand(show, set, clearAll)
	for _, d := range []struct {
		what  api.Disturbance
		short string
	}{
		{api.PowerLoss, "Cut the power of a machine"},
		{api.SpotInterruption, "Give a spot instance its notice"},
		{api.Cut, "Take a machine off the network"},
		{api.Uncut, "Put a machine back on the network"},
	} {
		c := &cobra.Command{
			Use: string(d.what) + " NODE", Short: d.short, Args: exactly(1, "one NODE"),
			Long:    d.short + ". See `clusterform lab exec` for what NODE may be.",
			Example: "clusterform lab fault " + string(d.what) + " 'node_pool.worker[0]'",
			RunE:    func(cmd *cobra.Command, args []string) error { return o.disturb(cmd.Context(), d.what, args[0]) },
		}
		stateFlag(c, &o.State)
		cmd.AddCommand(c)
	}
	return cmd
}

func (o *faultOptions) show(ctx context.Context) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	var faults api.Faults
	if err := lab.NewClient(info).Get(ctx, "/_lab/faults", &faults); err != nil {
		return err
	}
	return o.write(faults)
}

func (o *faultOptions) write(faults api.Faults) error {
	e := json.NewEncoder(o.Out)
	e.SetIndent("", "  ")
	return e.Encode(faults)
}

func (o *faultOptions) set(ctx context.Context, text string) error {
	data := []byte(text)
	if path, ok := strings.CutPrefix(text, "@"); ok {
		var err error
		if data, err = os.ReadFile(o.Path(path)); err != nil {
			return err
		}
	}
	info, err := o.find()
	if err != nil {
		return err
	}
	var faults api.Faults
	if err := lab.NewClient(info).Get(ctx, "/_lab/faults", &faults); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&faults); err != nil {
		return fmt.Errorf("the faults are not valid: %w; `clusterform lab fault set -help` has examples", err)
	}
	if d.More() {
		return errors.New("the faults are not valid: more than one JSON value")
	}
	return o.put(ctx, faults)
}

func (o *faultOptions) put(ctx context.Context, faults api.Faults) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	var now api.Faults
	if err := lab.NewClient(info).Put(ctx, "/_lab/faults", faults, &now); err != nil {
		return err
	}
	return o.write(now)
}

func (o *faultOptions) disturb(ctx context.Context, what api.Disturbance, node string) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	instance, err := o.resolve(ctx, info, o.State, node)
	if err != nil {
		return err
	}
	if err := lab.NewClient(info).Post(ctx, "/_lab/instances/"+instance.ID+"/"+string(what), nil, nil); err != nil {
		return err
	}
	p := o.printer()
	p.Linef("%s: %s", instance.ID, what)
	return p.Flush()
}
