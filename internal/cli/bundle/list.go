package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

type listOptions struct {
	*Options
	Arch   string
	Mirror string
	JSON   bool
}

func newListCommand(base *Options) *cobra.Command {
	o := &listOptions{Options: base}
	cmd := &cobra.Command{
		Use: "list [VERSION|DIR]", Short: "Show the known versions, or what one consists of", Args: atMostOne("at most one version or bundle"),
		Long: `Without an argument, lists the Kubernetes versions that bundles exist for, with the
versions of what belongs to them. With a version, lists what its bundle holds and
where upstream publishes it; with the directory of a bundle, what is in it.`,
		Example: "clusterform bundle list\nclusterform bundle list 1.34.4 -mirror=https://mirror.example.com",
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Arch, "arch", base.Arch, "The nodes' `ARCHITECTURE`: amd64 or arm64.")
	f.StringVar(&o.Mirror, "mirror", "", "Show the addresses at the mirror at `URL`.")
	f.BoolVar(&o.JSON, "json", false, "Write JSON: the manifest, or the versions.")
	return cmd
}

func (o *listOptions) run(args []string) error {
	if err := bundle.CheckArch(o.Arch); err != nil {
		return err
	}
	if len(args) == 0 {
		return o.versions()
	}
	m, err := o.manifest(args[0])
	if err != nil {
		return err
	}
	if o.JSON {
		data, err := m.Encode()
		if err != nil {
			return err
		}
		_, err = o.Out.Write(data)
		return err
	}
	return o.artifacts(m)
}

// manifest is that of a version, or of a bundle when the argument looks like a directory.
func (o *listOptions) manifest(arg string) (*bundle.Manifest, error) {
	if strings.ContainsAny(arg, `/\`) || arg == "." || arg == ".." {
		return bundle.Load(o.Path(arg))
	}
	r, err := release.Find(arg)
	if err != nil {
		return nil, err
	}
	m := bundle.Upstream(r, o.Arch)
	if o.Mirror == "" {
		return m, nil
	}
	mirror, err := bundle.ParseMirror(o.Mirror)
	if err != nil {
		return nil, err
	}
	mirror.User = nil // not to be shown
	return m.Mirrored(mirror), nil
}

func (o *listOptions) versions() error {
	all := release.All()
	if o.JSON {
		type version struct {
			Kubernetes string            `json:"kubernetes"`
			Components map[string]string `json:"components"`
		}
		var out []version
		for _, r := range all {
			out = append(out, version{r.Kubernetes, map[string]string{
				"etcd": r.Etcd, "coredns": r.CoreDNS, "pause": r.Pause, "cni-plugins": r.CNIPlugins, "flannel": r.Flannel,
				"crictl": r.CRITools, "containerd": r.Containerd, "runc": r.Runc,
				"metrics-server": r.MetricsServer,
			}})
		}
		e := json.NewEncoder(o.Out)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	t := tabwriter.NewWriter(o.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "KUBERNETES\tETCD\tCOREDNS\tPAUSE\tFLANNEL\tCNI PLUGINS\tCONTAINERD\tRUNC\tCRICTL")
	for _, r := range all {
		fmt.Fprintln(t, strings.Join([]string{
			r.Kubernetes, r.Etcd, r.CoreDNS, r.Pause, r.Flannel, r.CNIPlugins, r.Containerd, r.Runc, r.CRITools,
		}, "\t"))
	}
	return t.Flush()
}

func (o *listOptions) artifacts(m *bundle.Manifest) error {
	t := tabwriter.NewWriter(o.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tKIND\tVERSION\tLICENCE\tSIZE\tSHA-256\tNODES\tON THE NODE\tFROM")
	for _, a := range m.Artifacts {
		size, sum, place := "-", "-", "-"
		if a.SHA256 != "" {
			size, sum = bundle.FormatSize(a.Size), a.SHA256[:12]+"…"
		}
		if a.Install != nil {
			place = a.Install.Path
		}
		from := cmp.Or(fetch.Redact(a.URL), a.Reference, a.Module)
		if m.Origin == bundle.OriginSource && a.ProvidedBy == bundle.ByBundle {
			from = cmp.Or(a.Module, "clusterform")
		}
		if a.ProvidedBy == bundle.ByImage {
			from = "the machine image"
		}
		row := []string{a.Name, string(a.Kind), a.Version, a.License, size, sum, cmp.Or(strings.Join(a.Nodes, ","), "all"), place, from}
		for i := range row {
			row[i] = hclconfig.PrintableLine(row[i])
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	p := o.printer()
	p.Newline()
	switch {
	case !m.Locked:
		p.Linef("Sizes and SHA-256 are recorded by `clusterform bundle build %s`.", m.Kubernetes)
	default:
		p.Linef("Kubernetes %s for %s, from %s: %s.", m.Kubernetes, m.Arch, m.Origin, bundle.FormatSize(m.Size()))
	}
	return p.Flush()
}
