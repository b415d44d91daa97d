package bundle

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
)

type verifyOptions struct {
	*Options
	Digest string
	JSON   bool
}

func newVerifyCommand(base *Options) *cobra.Command {
	o := &verifyOptions{Options: base}
	cmd := &cobra.Command{
		Use: "verify DIR", Short: "Check every file of a bundle against its manifest", Args: exactlyOne("the directory of a bundle"),
		Long: `Reads every file and compares size and SHA-256 with the manifest; files that are
missing, changed or added are listed, and the exit code is 1. The manifest itself
is checked with -digest, as ` + "`bundle build`" + ` printed it.`,
		Example: "clusterform bundle verify ./bundle\nclusterform bundle verify ./bundle -digest=sha256:…",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&o.Digest, "digest", "", "The manifest's `DIGEST` must be this one.")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	return cmd
}

func (o *verifyOptions) run(ctx context.Context, dir string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	report, err := bundle.Verify(ctx, o.Path(dir))
	if err != nil {
		return err
	}
	if o.Digest != "" && o.Digest != report.Digest {
		report.Problems = append([]bundle.Problem{{Path: bundle.ManifestFile, Problem: "changed: it is " + report.Digest + ", not " + o.Digest}}, report.Problems...)
	}
	if o.JSON {
		err = o.json(report)
	} else {
		err = o.text(dir, report)
	}
	if err == nil && len(report.Problems) > 0 {
		return &ExitError{1}
	}
	return err
}

func (o *verifyOptions) text(dir string, report *bundle.Report) error {
	p := o.printer()
	for _, problem := range report.Problems {
		p.Linef("%s: %s", problem.Path, problem.Problem)
	}
	m := report.Manifest
	if n := len(report.Problems); n > 0 {
		what := "problems"
		if n == 1 {
			what = "problem"
		}
		p.Linef("%s: %d %s; do not use it. `clusterform bundle build %s` makes it anew.", dir, n, what, m.Kubernetes)
	} else {
		p.Linef("%s is whole: Kubernetes %s for %s, %d files, %s, %s", dir, m.Kubernetes, m.Arch, report.Files, bundle.FormatSize(report.Size), report.Digest)
	}
	return p.Flush()
}

func (o *verifyOptions) json(report *bundle.Report) error {
	problems := report.Problems
	if problems == nil {
		problems = []bundle.Problem{}
	}
	e := json.NewEncoder(o.Out)
	e.SetIndent("", "  ")
	if err := e.Encode(struct {
		Kubernetes string           `json:"kubernetes"`
		Arch       string           `json:"arch"`
		Digest     string           `json:"digest"`
		Files      int              `json:"files"`
		Size       int64            `json:"size"`
		Problems   []bundle.Problem `json:"problems"`
	}{report.Manifest.Kubernetes, report.Manifest.Arch, report.Digest, report.Files, report.Size, problems}); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
