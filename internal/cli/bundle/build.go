package bundle

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
)

type buildOptions struct {
	*Options
	Arch       string
	Out        string
	Cache      string
	Mirror     string
	From       string
	FromSource bool
	Userland   string
	Parallel   int
}

func newBuildCommand(base *Options) *cobra.Command {
	o := &buildOptions{Options: base}
	cmd := &cobra.Command{
		Use: "build [VERSION]", Short: "Fetch or compile a bundle", Args: atMostOne("at most one Kubernetes version"),
		Long: `Makes the bundle of a Kubernetes version, the newest without one. It is fetched
from upstream's releases, checked against the checksums published there, and
pinned: building into the same directory again takes nothing that has changed.

With -from-source, the programs are compiled with the Go toolchain of this
machine from Go modules, and the images put together of them: about 15 minutes of
two processors, once. What was done is kept, so an interrupted build goes on where
it was.`,
		Example: "clusterform bundle build\nclusterform bundle build 1.34.4 -from-source\nclusterform bundle build 1.34.4 -mirror=https://mirror.example.com -out=./bundle",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Arch, "arch", base.Arch, "The nodes' `ARCHITECTURE`: amd64 or arm64.")
	f.StringVar(&o.Out, "out", "", "Make the bundle in `DIR`; else in clusterform's cache directory.")
	f.StringVar(&o.Cache, "cache", "", "Keep downloads and compiled programs in `DIR`; else in clusterform's cache directory, which CLUSTERFORM_CACHE_DIR sets.")
	f.StringVar(&o.Mirror, "mirror", "", "Fetch from the mirror at `URL`, which stands before upstream's hosts, as in URL/dl.k8s.io/release.")
	f.StringVar(&o.From, "from", "", "Copy another bundle, a `DIR` or the URL of `bundle serve`.")
	f.BoolVar(&o.FromSource, "from-source", false, "Compile from Go modules (GOPROXY says from where).")
	f.StringVar(&o.Userland, "userland", "/", "Take iptables for images from the Debian file system in `DIR`, with -from-source.")
	f.IntVar(&o.Parallel, "parallel", 0, "Compile `N` Go packages at a time, with -from-source; 0 is one per processor.")
	return cmd
}

func (o *buildOptions) run(ctx context.Context, args []string) error {
	r, err := asked(args)
	if err != nil {
		return err
	}
	options := bundle.Options{
		Release: r, Arch: o.Arch, FromSource: o.FromSource, Parallel: o.Parallel,
		Environ: o.Environ, LookPath: exec.LookPath, Now: o.Now,
	}
	beat := &heartbeat{note: o.note, now: o.Now}
	options.Progress = func(e bundle.Event) { progress(beat, e) }
	if err := o.sources(&options); err != nil {
		return err
	}
	cache, err := o.cacheDir()
	if err != nil && (o.Out == "" || o.Cache == "") {
		return err
	}
	options.Out, options.Cache = bundle.DefaultDir(cache, r.Kubernetes, o.Arch), buildCache(cache)
	if o.Out != "" {
		options.Out = o.Path(o.Out)
	}
	if o.Cache != "" {
		options.Cache = o.Path(o.Cache)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	began := o.Now()
	beating, still := context.WithCancel(ctx)
	defer still()
	go beat.run(beating)
	m, err := bundle.Build(ctx, options)
	still()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; what was finished is kept in the cache, and no bundle was written")
	}
	if err != nil {
		return fmt.Errorf("bundle for Kubernetes %s: %w", r.Kubernetes, err)
	}
	report, err := bundle.Verify(ctx, options.Out)
	if err != nil {
		return err
	}
	p := o.printer()
	p.Linef("Bundle for Kubernetes %s on %s, %s in %d files, after %s:", m.Kubernetes, m.Arch, bundle.FormatSize(m.Size()), report.Files, o.Now().Sub(began).Round(time.Second))
	p.Linef("  %s", options.Out)
	p.Linef("  %s", report.Digest)
	if err := p.Flush(); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return fmt.Errorf("%s is not what was written: %s %s", options.Out, report.Problems[0].Path, report.Problems[0].Problem)
	}
	return nil
}

// sources sets where it comes from; more than one place is an error.
func (o *buildOptions) sources(options *bundle.Options) error {
	var given []string
	for flag, set := range map[string]bool{"-mirror": o.Mirror != "", "-from": o.From != "", "-from-source": o.FromSource} {
		if set {
			given = append(given, flag)
		}
	}
	if len(given) > 1 {
		return errors.New("-mirror, -from and -from-source are three ways to get the same: use one")
	}
	if !o.FromSource && (o.Parallel != 0 || o.Userland != "/") {
		return errors.New("-parallel and -userland are for -from-source")
	}
	if o.Parallel < 0 {
		return fmt.Errorf("-parallel=%d: want a number of packages, or 0", o.Parallel)
	}
	options.From = o.From
	if o.From != "" && !strings.Contains(o.From, "://") {
		options.From = o.Path(o.From)
	}
	if o.FromSource {
		options.Userland = filepath.Clean(o.Path(o.Userland))
	}
	if o.Mirror == "" {
		return nil
	}
	var err error
	options.Mirror, err = bundle.ParseMirror(o.Mirror)
	return err
}

// progress writes a line when a step begins, and one when it is done.
func progress(beat *heartbeat, e bundle.Event) {
	counter := ""
	if e.Steps > 0 {
		counter = fmt.Sprintf("[%*d/%d] ", len(fmt.Sprint(e.Steps)), e.Step, e.Steps)
	}
	step := counter + e.Name + ": "
	switch {
	case e.Steps == 0:
		beat.line(e.Name, "")
	case e.Doing != "":
		beat.line(step+e.Doing+"…", step+e.Doing)
	case e.Cached:
		beat.line(step+bundle.FormatSize(e.Size)+", there from before", "")
	default:
		beat.line(step+bundle.FormatSize(e.Size)+" after "+e.Took.Round(100*time.Millisecond).String(), "")
	}
}
