package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/provider/blockschema"
	"github.com/clusterform/clusterform/provider/engine"
)

func newRender(version string) func() function.Function {
	return func() function.Function { return renderFunction{version} }
}

// renderFunction shows what a workload becomes, without a cluster.
type renderFunction struct{ version string }

// Metadata implements function.Function.
func (renderFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "render"
}

// Definition implements function.Function.
func (renderFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Shows a workload as the orchestrator's own objects",
		MarkdownDescription: "Gives what a workload becomes: YAML documents for Kubernetes, a stack file for Docker Swarm, as `clusterform render` prints them. Nobody is asked, and no cluster is needed. Values of secrets read `(sensitive)`.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "orchestrator", MarkdownDescription: "`kubernetes` or `swarm`."},
			function.DynamicParameter{Name: "workload", MarkdownDescription: "An object with the arguments of a `clusterform_workload`, its `name` among them; `cluster` may be left out. The same object can go into the resource."},
		},
		Return: function.StringReturn{},
	}
}

// ownArguments are those that only the resource has.
var ownArguments = []string{"name", "cluster", "id", "phase", "last_error", "deletion_protection", "timeouts"}

// Run implements function.Function.
func (f renderFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var orchestrator string
	var workload types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &orchestrator, &workload); resp.Error != nil {
		return
	}
	o := hclconfig.Orchestrator(orchestrator)
	if o != hclconfig.Kubernetes && o != hclconfig.Swarm {
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("%q is not \"kubernetes\" or \"swarm\"", orchestrator))
		return
	}
	b, err := workloadBlock(ctx, workload)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(1, err.Error())
		return
	}
	text, diags := engine.Render(o, b, f.version)
	if diags.HasErrors() {
		resp.Error = function.NewArgumentFuncError(1, mistakes(diags))
		return
	}
	resp.Error = resp.Result.Set(ctx, text)
}

// workloadBlock reads an object as the block of a workload.
func workloadBlock(ctx context.Context, given types.Dynamic) (engine.Block, error) {
	b := engine.Block{Type: "workload"}
	value, err := given.UnderlyingValue().ToTerraformValue(ctx)
	if err != nil {
		return b, err
	}
	var fields map[string]tftypes.Value
	if value.IsNull() || value.As(&fields) != nil {
		return b, fmt.Errorf("a workload is an object: { name = \"web\", container = { … } }")
	}
	name, _ := textOf(fields["name"])
	if name == "" {
		return b, fmt.Errorf("the workload has no name")
	}
	schema := blockschema.Of(b.Type)
	if unknown := blockschema.Unsupported(schema, value, ownArguments...); len(unknown) > 0 {
		return b, fmt.Errorf("the arguments are those of clusterform_workload: %s", strings.Join(unknown, ", "))
	}
	written, err := blockschema.Body(schema, value, engine.Literal)
	if err != nil {
		return b, err
	}
	b.Name, b.Body, b.Secrets, b.Secret = name, written.Body, written.Secrets, len(written.Secrets) > 0
	return b, nil
}

// mistakes are errors as one text.
func mistakes(diags hclconfig.Diagnostics) string {
	var lines []string
	for _, d := range diags {
		// Terraform ends the sentence itself.
		if line := strings.TrimSuffix(printable(d.Summary+": "+d.Detail), "."); d.Severity == hclconfig.Error && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
