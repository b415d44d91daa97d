package cli

import (
	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator/drivers"
	"github.com/clusterform/clusterform/planner"
)

// ValidateOptions are those of `validate`.
type ValidateOptions struct {
	*App
	ConfigFlags
	JSON bool
}

func newValidateCommand(app *App) *cobra.Command {
	o := &ValidateOptions{App: app}
	cmd := &cobra.Command{
		Use: "validate", GroupID: "files", Short: "Check the files", Args: noArgs,
		Long: `Checks the files of this directory and its modules without looking at any cloud
or state, and shows every mistake with its place. Variables without a value are
taken as unknown. With -json the result is in Terraform's format.`,
		Example: "clusterform validate\nclusterform validate -json",
		RunE:    func(*cobra.Command, []string) error { return o.Run() },
	}
	o.addVars(cmd.Flags())
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write the result as JSON.")
	return cmd
}

// Run checks.
func (o *ValidateOptions) Run() error {
	vars, diags := o.sources(o.App)
	cfg, more := hclconfig.Load(o.Dir, hclconfig.Options{Vars: vars, Now: o.Now(), Version: o.Version, AllowMissingVariables: true})
	diags = append(diags, more...)
	if !onlyEmpty(cfg) {
		_, more = cfg.Evaluate(nil)
		diags = append(diags, more...)
	}
	if !diags.HasErrors() {
		diags = append(diags, planner.CheckOrchestration(cfg, drivers.Orchestration{})...)
	}
	errors, warnings := diags.Counts()
	if o.JSON {
		if err := o.writeJSON(diags.Validation(cfg.Sources())); err != nil {
			return err
		}
	} else {
		o.diagnostics(diags, cfg.Sources(), false)
		if errors == 0 {
			p := o.out()
			text := "The configuration is valid"
			if warnings > 0 {
				text += ", with " + plural(warnings, "warning", "warnings")
			}
			p.Line(text + ".")
			if err := p.Flush(); err != nil {
				return err
			}
		}
	}
	if errors > 0 {
		return errReported
	}
	return nil
}
