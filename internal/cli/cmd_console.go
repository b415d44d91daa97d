package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner"
)

// ConsoleOptions are those of `console`.
type ConsoleOptions struct {
	*App
	ConfigFlags
}

func newConsoleCommand(app *App) *cobra.Command {
	o := &ConsoleOptions{App: app}
	cmd := &cobra.Command{
		Use: "console", GroupID: "look", Short: "Evaluate expressions", Args: noArgs,
		Long: `Evaluates expressions of the language with the variables, locals and objects of
this directory, and with what is recorded of them. On a terminal it asks for
one after another; end with "exit" or Ctrl-D. From a pipe it takes one a line.`,
		Example: "clusterform console\necho 'cidrsubnet(\"10.0.0.0/16\", 8, 3)' | clusterform console",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.Run(cmd.Context()) },
	}
	o.ConfigFlags.add(cmd.Flags())
	return cmd
}

// Run evaluates until the input ends. In a pipe, an expression that fails ends it.
func (o *ConsoleOptions) Run(ctx context.Context) error {
	vars, diags := o.sources(o.App)
	cfg, more := hclconfig.Load(o.Dir, hclconfig.Options{Vars: vars, Now: o.Now(), Version: o.Version, AllowMissingVariables: true})
	if diags = append(diags, more...); diags.HasErrors() && !onlyEmpty(cfg) {
		o.diagnostics(diags, cfg.Sources(), false)
		return errReported
	}
	snap, err := o.readState(ctx, o.State)
	if err != nil {
		return err
	}
	next, end, err := o.reader()
	if err != nil {
		return err
	}
	defer end()
	for {
		src, err := expression(next)
		switch {
		case strings.TrimSpace(src) == "exit":
			return nil
		case strings.TrimSpace(src) == "":
		default:
			v, diags := cfg.EvalExpression([]byte(src), "<console>", planner.Recorded(snap))
			o.diagnostics(diags, hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: "<console>", Kind: hclconfig.SourceConfig, Data: []byte(src)}}}, false)
			if diags.HasErrors() {
				if !o.InTTY {
					return errReported
				}
				break
			}
			p := o.out()
			p.Text(render.CtyValue(v) + "\n")
			if err := p.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// onlyEmpty tells a directory without files, in which functions can be tried all the same.
func onlyEmpty(cfg *hclconfig.Configuration) bool {
	for _, f := range cfg.Sources().Files {
		if f.Kind == hclconfig.SourceConfig && !f.Missing {
			return false
		}
	}
	return true
}

// reader reads lines: with editing and history on a terminal, as they come from a pipe.
func (o *ConsoleOptions) reader() (next func(more bool) (string, error), end func(), err error) {
	file, isFile := o.In.(*os.File)
	if !o.InTTY || !o.OutTTY || !isFile {
		lines := bufio.NewReader(o.In)
		return func(bool) (string, error) {
			s, err := lines.ReadString('\n')
			return strings.TrimSuffix(s, "\n"), err
		}, func() {}, nil
	}
	old, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, err
	}
	restore := func() { _ = term.Restore(int(file.Fd()), old) }
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{o.In, o.Out}, "> ")
	// Results and diagnostics go through the terminal, which is in raw mode and wants carriage returns.
	o.Out, o.Err = t, t
	return func(more bool) (string, error) {
		t.SetPrompt("> ")
		if more {
			t.SetPrompt("  ")
		}
		return t.ReadLine()
	}, restore, nil
}

// expression reads lines until brackets and here-documents are closed.
func expression(next func(more bool) (string, error)) (string, error) {
	var src strings.Builder
	for {
		line, err := next(src.Len() > 0)
		if src.Len() > 0 {
			src.WriteByte('\n')
		}
		src.WriteString(line)
		if err != nil || !open(src.String()) {
			return src.String(), err
		}
	}
}

func open(src string) bool {
	tokens, _ := hclsyntax.LexExpression([]byte(src), "<console>", hcl.InitialPos)
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth--
		}
	}
	return depth > 0
}
