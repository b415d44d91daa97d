package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm"
)

// RenderOptions are those of `render`.
type RenderOptions struct {
	*App
	ConfigFlags
	// Addresses are workloads, manifests, clusters and modules; none means everything.
	Addresses    []string
	Orchestrator string // instead of the clusters' own
	Format       string // yaml or json
	OutDir       string // writes files instead of standard output
	ShowSecrets  bool
}

func newRenderCommand(app *App) *cobra.Command {
	o := &RenderOptions{App: app}
	cmd := &cobra.Command{
		Use: "render [ADDRESS...]", GroupID: "look", Short: "Show workloads as the orchestrator's own objects",
		Long: `Prints what workloads and manifests become: Kubernetes objects as YAML documents,
and for Docker Swarm a stack file for each namespace. No cloud, cluster or state
is asked. An ADDRESS is a workload, a manifest, a cluster or a module.

Values of secrets read "(sensitive)" unless -show-secrets is given. The files that
a stack's configs and secrets are made of are shown below x-contents; with -out
they are written beside the stack file, ready for "docker stack deploy".`,
		Example: "clusterform render\nclusterform render workload.web | kubectl diff -f -\n" +
			"clusterform render -orchestrator=swarm -out=stacks -show-secrets",
		RunE: func(_ *cobra.Command, args []string) error {
			o.Addresses = args
			return o.Run()
		},
	}
	o.addVars(cmd.Flags())
	cmd.Flags().StringVar(&o.Orchestrator, "orchestrator", "", "Render for `kubernetes` or swarm, whatever the clusters run.")
	cmd.Flags().StringVar(&o.Format, "o", "yaml", "The form: `yaml` or json.")
	cmd.Flags().StringVar(&o.OutDir, "out", "", "Write files into `DIR` instead of to standard output.")
	cmd.Flags().BoolVar(&o.ShowSecrets, "show-secrets", false, "Show the values of secrets.")
	return cmd
}

// Run renders.
func (o *RenderOptions) Run() error {
	switch {
	case o.Format != "yaml" && o.Format != "json":
		return usagef("-o %s: want yaml or json", o.Format)
	case o.Orchestrator != "" && o.Orchestrator != string(hclconfig.Kubernetes) && o.Orchestrator != string(hclconfig.Swarm):
		return usagef("-orchestrator=%s: want kubernetes or swarm", o.Orchestrator)
	}
	vars, diags := o.sources(o.App)
	cfg, more := hclconfig.Load(o.Dir, hclconfig.Options{Vars: vars, Now: o.Now(), Version: o.Version})
	if diags = append(diags, more...); diags.HasErrors() {
		o.diagnostics(diags, cfg.Sources(), false)
		return errReported
	}
	desired, more := cfg.Evaluate(nil)
	if diags = append(diags, more...); diags.HasErrors() {
		o.diagnostics(diags, cfg.Sources(), false)
		return errReported
	}
	clusters, err := o.selected(desired)
	if err != nil {
		return err
	}
	finder := orchestrator.NewFinder(cfg.Sources())
	for _, c := range clusters {
		diags = append(diags, c.check(finder)...)
	}
	o.diagnostics(diags, cfg.Sources(), false)
	if diags.HasErrors() {
		return errReported
	}
	if len(clusters) == 0 {
		p := o.errout()
		p.Line("There is no workload and no manifest to render.")
		return p.Flush()
	}
	var stream bytes.Buffer
	for _, c := range clusters {
		if err := o.render(c, &stream); err != nil {
			return err
		}
	}
	_, err = o.Out.Write(stream.Bytes())
	return err
}

// renderCluster is what is rendered of one cluster.
type renderCluster struct {
	*hclconfig.Cluster
	as        hclconfig.Orchestrator
	version   string // empty when rendered for an orchestrator that the cluster does not run
	workloads []*hclconfig.Workload
	manifests []*hclconfig.Manifest
}

// selected sorts what the addresses name by cluster, leaving out clusters with nothing.
func (o *RenderOptions) selected(d *hclconfig.Desired) ([]*renderCluster, error) {
	var wanted []hclconfig.Address
	for _, s := range o.Addresses {
		parts, err := hclconfig.ParseAddress(s)
		if err != nil {
			return nil, usagef("%s", err)
		}
		wanted = append(wanted, hclconfig.Address(parts.String()))
	}
	used := make([]bool, len(wanted))
	takes := func(b *hclconfig.Block, cluster hclconfig.Address) bool {
		found := len(wanted) == 0
		for i, a := range wanted {
			if a.Contains(b.Address) || a == cluster {
				used[i], found = true, true
			}
		}
		return found
	}
	var out []*renderCluster
	for _, c := range d.Clusters {
		r := &renderCluster{Cluster: c, as: c.Orchestrator, version: c.Version}
		if o.Orchestrator != "" && o.Orchestrator != string(c.Orchestrator) {
			r.as, r.version = hclconfig.Orchestrator(o.Orchestrator), ""
		}
		for _, w := range d.Workloads {
			if w.Cluster == c.Address && takes(&w.Block, c.Address) {
				r.workloads = append(r.workloads, w)
			}
		}
		for _, m := range d.Manifests {
			if m.Cluster == c.Address && takes(&m.Block, c.Address) {
				r.manifests = append(r.manifests, m)
			}
		}
		if len(r.workloads)+len(r.manifests) > 0 {
			out = append(out, r)
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		var names []string
		for _, b := range d.Blocks() {
			names = append(names, string(b.Address))
		}
		return nil, fmt.Errorf("there is no workload or manifest at %s%s", wanted[i], didYouMean(string(wanted[i]), names))
	}
	return out, nil
}

func (c *renderCluster) check(finder *orchestrator.Finder) hclconfig.Diagnostics {
	var diags hclconfig.Diagnostics
	switch c.as {
	case hclconfig.Kubernetes:
		for _, w := range c.workloads {
			diags = append(diags, orchestrator.CheckKnown(&w.Block, finder)...)
			diags = append(diags, kubernetes.CheckWorkload(w, kubernetes.Options{Version: c.version}, finder)...)
		}
		for _, m := range c.manifests {
			diags = append(diags, orchestrator.CheckKnown(&m.Block, finder)...)
			diags = append(diags, kubernetes.CheckManifest(m, finder)...)
		}
	case hclconfig.Swarm:
		for _, w := range c.workloads {
			diags = append(diags, orchestrator.CheckKnown(&w.Block, finder)...)
			diags = append(diags, swarm.CheckWorkload(w, finder)...)
		}
		for _, m := range c.manifests {
			diags = append(diags, swarm.CheckManifest(m, finder)...)
		}
	default:
		r := finder.Find(c.Range, orchestrator.At("orchestrator"))
		diags = append(diags, hclconfig.Diagnostic{
			Severity: hclconfig.Error, Summary: "No native files", Subject: &r, Address: c.Address,
			Detail: fmt.Sprintf("%s has no file format for what %s would run. Write -orchestrator=kubernetes or -orchestrator=swarm to see what it would be there.", orchestrator.Title(c.as), c.Address),
		})
	}
	return diags
}

// revisionKey names secrets by their content where that is shown beside it anyway.
func (o *RenderOptions) revisionKey() []byte {
	if o.ShowSecrets {
		return []byte("render")
	}
	return nil
}

// render writes a cluster's objects to files, or to the stream.
func (o *RenderOptions) render(c *renderCluster, stream *bytes.Buffer) error {
	if c.as == hclconfig.Swarm {
		return o.stacks(c, stream)
	}
	objects, err := kubernetes.Cluster(c.workloads, c.manifests, kubernetes.Options{Version: c.version, RevisionKey: o.revisionKey()}, !o.ShowSecrets)
	if err != nil {
		return err
	}
	encode := kubernetes.YAML
	if o.Format == "json" {
		encode = kubernetes.JSON
	}
	text, err := encode(objects)
	if err != nil {
		return err
	}
	if o.OutDir != "" {
		return o.write(orchestrator.File{Path: fileName(c.Cluster) + "." + o.Format, Content: text})
	}
	o.comment(stream, "%s, for Kubernetes", c.Address)
	stream.Write(text)
	return nil
}

func (o *RenderOptions) stacks(c *renderCluster, stream *bytes.Buffer) error {
	stacks, err := swarm.Stacks(c.workloads, swarm.Options{Encrypted: c.Network.Overlay.Encrypted, RevisionKey: o.revisionKey()})
	if err != nil {
		return err
	}
	for _, s := range stacks {
		encode := s.YAML
		if o.Format == "json" {
			encode = s.JSON
		}
		text, err := encode(o.OutDir == "", o.ShowSecrets)
		if err != nil {
			return err
		}
		if o.OutDir == "" {
			if o.Format == "yaml" && stream.Len() > 0 {
				stream.WriteString("---\n")
			}
			o.comment(stream, "%s, stack %q for Docker Swarm", c.Address, s.Name)
			stream.Write(text)
			continue
		}
		dir := fileName(c.Cluster)
		if err := o.write(orchestrator.File{Path: dir + "/" + s.Name + "." + o.Format, Content: text}); err != nil {
			return err
		}
		for _, f := range s.Files() {
			f.Path = dir + "/" + f.Path
			if err := o.write(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// comment heads a part of a stream of YAML; JSON has no comments.
func (o *RenderOptions) comment(stream *bytes.Buffer, format string, args ...any) {
	if o.Format == "yaml" {
		fmt.Fprintf(stream, "# "+format+"\n", args...)
	}
}

// write puts a file below -out and says so. Secret ones are left out unless they are to be shown.
func (o *RenderOptions) write(f orchestrator.File) error {
	p := o.errout()
	if f.Sensitive && !o.ShowSecrets {
		p.Linef("Left out %s: -show-secrets writes it", f.Path)
		return p.Flush()
	}
	path := filepath.Join(o.Path(o.OutDir), filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := replaceFile(path, f.Content, 0o600); err != nil {
		return err
	}
	p.Linef("Wrote %s", filepath.ToSlash(filepath.Join(o.OutDir, f.Path)))
	return p.Flush()
}

// fileName is the name of a cluster's files: its label, and more where it is in a module.
func fileName(c *hclconfig.Cluster) string {
	if c.Module == "" && c.Key == "" {
		return c.Name
	}
	return orchestrator.Part(string(c.Address))
}
