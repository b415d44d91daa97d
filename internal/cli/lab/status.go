package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/lab"
)

type statusOptions struct {
	*Options
	JSON bool
}

func newStatusCommand(base *Options) *cobra.Command {
	o := &statusOptions{Options: base}
	cmd := &cobra.Command{
		Use: "status", Short: "Show the lab and its instances", Args: exactly(0, "no arguments"),
		Long:    "Shows the endpoint, the instances that are not terminated and, of machines, the\nmemory in use.",
		Example: "clusterform lab status\nclusterform lab status -json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	return cmd
}

// statusJSON is what -json writes: nothing secret.
type statusJSON struct {
	Name      string    `json:"name"`
	Running   bool      `json:"running"`
	Endpoint  string    `json:"endpoint,omitempty"`
	Region    string    `json:"region,omitempty"`
	Machines  string    `json:"machines,omitempty"`
	Registry  string    `json:"registry,omitempty"`
	Artifacts string    `json:"artifacts,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Dir       string    `json:"dir,omitempty"`
	// Kubernetes are the versions whose software machines find.
	Kubernetes []string `json:"kubernetes,omitempty"`
	*lab.Status
}

func (o *statusOptions) run(ctx context.Context) error {
	info, err := o.find()
	if o.JSON {
		return o.json(ctx, info, err)
	}
	if err != nil {
		return err
	}
	status, err := lab.ReadStatus(ctx, info)
	if err != nil {
		return err
	}
	p := o.printer()
	p.Linef("Lab %q, up for %s", info.Name, o.Now().Sub(info.Started).Round(time.Second))
	p.Linef("  endpoint   %s", info.Endpoint)
	if info.Listen != "" {
		p.Linef("             %s", info.Listen)
	}
	p.Linef("  region     %s", info.Region)
	p.Linef("  machines   %s", info.Machines)
	p.Linef("  registry   %s", info.Registry)
	p.Linef("  artifacts  %s", info.Artifacts)
	if len(info.Kubernetes) > 0 {
		p.Linef("  software   Kubernetes %s", list(info.Kubernetes))
	}
	p.Linef("  directory  %s", info.Dir)
	p.Linef("  calls      %d", status.Calls)
	for _, vpc := range slices.Sorted(maps.Keys(status.Collisions)) {
		p.Linef("  %s: %s", vpc, status.Collisions[vpc])
	}
	if err := p.Flush(); err != nil {
		return err
	}
	return writeInstances(o.Out, status)
}

func writeInstances(w io.Writer, status *lab.Status) error {
	if len(status.Instances) == 0 {
		_, err := fmt.Fprintln(w, "\nNo instances.")
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tNAME\tSTATE\tTYPE\tZONE\tPRIVATE IP\tPUBLIC IP\tMEMORY")
	for _, i := range status.Instances {
		state := i.State
		if i.Impaired {
			state += " (impaired)"
		}
		if i.Cut {
			state += " (cut off)"
		}
		memory := ""
		if i.MemoryMiB > 0 {
			memory = fmt.Sprintf("%d MiB", i.MemoryMiB)
		}
		if i.Reach != "" {
			i.PrivateIP += " (here " + i.Reach + ")"
		}
		row := []string{i.ID, i.Name, state, i.Type, i.Zone, i.PrivateIP, i.PublicIP, memory}
		for n := range row {
			row[n] = hclconfig.PrintableLine(row[n])
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

func (o *statusOptions) json(ctx context.Context, info *lab.Info, err error) error {
	out := statusJSON{Name: o.Name}
	var down *lab.NotRunningError
	switch {
	case errors.As(err, &down):
	case err != nil:
		return err
	default:
		status, err := lab.ReadStatus(ctx, info)
		if err != nil {
			return err
		}
		out = statusJSON{
			Name: info.Name, Running: true, Endpoint: info.Endpoint, Region: info.Region, Machines: info.Machines,
			Registry: info.Registry, Artifacts: info.Artifacts, Started: info.Started, Dir: info.Dir,
			Kubernetes: info.Kubernetes, Status: status,
		}
	}
	e := json.NewEncoder(o.Out)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
