package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
)

// FmtOptions are those of `fmt`.
type FmtOptions struct {
	*App
	// Paths are files and directories; "-" is standard input. None is the working directory.
	Paths                        []string
	Check, Diff, Recursive       bool
	List, Write                  bool
	unclean, failed, fromStandIn bool
}

func newFmtCommand(app *App) *cobra.Command {
	o := &FmtOptions{App: app}
	cmd := &cobra.Command{
		Use: "fmt [PATH...]", GroupID: "files", Short: "Format files in the canonical way",
		Long: `Rewrites *.cluster.hcl files and variable files (*.vars.hcl) in the canonical
format, the one of "terraform fmt", and lists those it changed. A PATH is a file
or a directory; "-" formats standard input to standard output.`,
		Example: "clusterform fmt -recursive\nclusterform fmt -check -diff\nclusterform fmt - < a.cluster.hcl",
		RunE: func(_ *cobra.Command, args []string) error {
			o.Paths = args
			return o.Run()
		},
	}
	cmd.Flags().BoolVar(&o.Check, "check", false, "Change nothing; exit with 3 when a file is not formatted.")
	cmd.Flags().BoolVar(&o.Diff, "diff", false, "Show what changes.")
	cmd.Flags().BoolVar(&o.Recursive, "recursive", false, "Go into subdirectories.")
	cmd.Flags().BoolVar(&o.List, "list", true, "List the files that change.")
	cmd.Flags().BoolVar(&o.Write, "write", true, "Write the files; with -write=false the result is only listed.")
	return cmd
}

// Run formats.
func (o *FmtOptions) Run() error {
	paths := o.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		if p == "-" {
			o.fromStandIn = true
		}
	}
	if o.fromStandIn && len(paths) > 1 {
		return usagef("fmt: \"-\" is standard input and stands alone")
	}
	for _, p := range paths {
		if err := o.path(p); err != nil {
			return err
		}
	}
	switch {
	case o.failed:
		return errReported
	case o.Check && o.unclean:
		return exit(ExitUnclean)
	default:
		return nil
	}
}

func (o *FmtOptions) path(p string) error {
	if p == "-" {
		src, err := io.ReadAll(o.In)
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		return o.format("<stdin>", src, nil)
	}
	info, err := os.Stat(o.Path(p))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file or directory %s", p)
	case err != nil:
		return err
	case !info.IsDir():
		if !formattable(p) {
			return fmt.Errorf("%s: only *.cluster.hcl and *.vars.hcl files can be formatted", p)
		}
		return o.file(p, info.Mode())
	}
	return o.directory(p)
}

func (o *FmtOptions) directory(dir string) error {
	entries, err := os.ReadDir(o.Path(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir() && o.Recursive:
			if err := o.directory(p); err != nil {
				return err
			}
		case e.Type().IsRegular() && formattable(p):
			info, err := e.Info()
			if err != nil {
				return err
			}
			if err := o.file(p, info.Mode()); err != nil {
				return err
			}
		}
	}
	return nil
}

func formattable(p string) bool {
	return slices.ContainsFunc([]string{".cluster.hcl", ".vars.hcl"}, func(s string) bool { return strings.HasSuffix(p, s) })
}

func (o *FmtOptions) file(p string, mode fs.FileMode) error {
	src, err := os.ReadFile(o.Path(p))
	if err != nil {
		return err
	}
	return o.format(p, src, func(out []byte) error { return replaceFile(o.Path(p), out, mode.Perm()) })
}

// format formats one source; write is nil for standard input.
func (o *FmtOptions) format(name string, src []byte, write func([]byte) error) error {
	out, diags := hclconfig.Format(src, name)
	if diags.HasErrors() {
		o.failed = true
		o.diagnostics(diags, hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: name, Kind: hclconfig.SourceConfig, Data: src}}}, false)
		return nil
	}
	same := bytes.Equal(src, out)
	o.unclean = o.unclean || !same
	if write == nil && !o.Check && !o.Diff {
		_, err := o.Out.Write(out)
		return err
	}
	if same {
		return nil
	}
	p := o.out()
	if o.List && write != nil {
		p.Line(name)
	}
	if o.Diff {
		p.Text(unified(name, string(src), string(out)))
	}
	if err := p.Flush(); err != nil {
		return err
	}
	if write == nil || !o.Write || o.Check {
		return nil
	}
	return write(out)
}
