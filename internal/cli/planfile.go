package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/planner/planfile"
)

// readPlan reads a saved plan with this directory's key: a file that anybody else made, or changed, is refused.
func (a *App) readPlan(name string) (*planfile.Saved, error) {
	data, err := os.ReadFile(a.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no plan file %s", name)
	}
	if err != nil {
		return nil, err
	}
	key, err := seal.Load(a.dataDir(), a.Environ)
	if err != nil {
		return nil, fmt.Errorf("the plan %s cannot be opened: %w", name, err)
	}
	saved, err := planfile.Read(bytes.NewReader(data), key)
	if err != nil {
		return nil, fmt.Errorf("the plan %s cannot be used: %w", name, err)
	}
	return saved, nil
}

func writePlanFile(path string, saved *planfile.Saved, key *seal.Key) error {
	var b bytes.Buffer
	if err := planfile.Write(&b, saved, key); err != nil {
		return err
	}
	return replaceFile(path, b.Bytes(), 0o600)
}

// loadSaved takes plan and configuration from a saved plan; the directory's own files play no part.
func (r *Run) loadSaved() error {
	saved, err := r.readPlan(r.PlanFile)
	if err != nil {
		return err
	}
	r.plan = saved.Plan
	if len(saved.Sources.Files) == 0 {
		return nil // a destroy without files
	}
	var vars []hclconfig.VarSource
	for _, v := range saved.Variables {
		if !v.Default {
			vars = append(vars, hclconfig.VarSource{Origin: hclconfig.VarValue, Name: v.Name, Value: v.Value})
		}
	}
	cfg, diags := hclconfig.Load(r.Dir, hclconfig.Options{Vars: vars, Now: r.plan.CreatedAt, Snapshot: &saved.Sources, Version: r.Version})
	r.cfg = cfg
	return r.check(diags)
}

// importFile is the name under which the import of the command line stands in diagnostics.
const importFile = "import-command.cluster.hcl"

// withImport loads the configuration once more, with an import block besides the files'.
func withImport(r *Run, cfg *hclconfig.Configuration, vars []hclconfig.VarSource) (*hclconfig.Configuration, hclconfig.Diagnostics) {
	// Evaluating reads the files that functions ask for, so that they are among the sources.
	if _, diags := cfg.Evaluate(nil); diags.HasErrors() {
		return cfg, diags
	}
	f := hclwrite.NewEmptyFile()
	body := f.Body().AppendNewBlock("import", nil).Body()
	body.SetAttributeRaw("to", hclwrite.Tokens{{Type: hclsyntax.TokenIdent, Bytes: []byte(r.Import.To)}})
	body.SetAttributeValue("id", cty.StringVal(r.Import.ID))
	sources := cfg.Sources()
	sources.Files = append(sources.Files, hclconfig.SourceFile{Path: importFile, Kind: hclconfig.SourceConfig, Data: f.Bytes()})
	return hclconfig.Load(r.Dir, hclconfig.Options{Vars: vars, Now: r.Now(), Snapshot: &sources, Version: r.Version})
}
