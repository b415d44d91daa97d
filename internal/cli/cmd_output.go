package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner/resource"
)

// OutputOptions are those of `output`.
type OutputOptions struct {
	*App
	State string
	// Name of one output; empty for all.
	Name      string
	JSON, Raw bool
}

func newOutputCommand(app *App) *cobra.Command {
	o := &OutputOptions{App: app}
	cmd := &cobra.Command{
		Use: "output [NAME]", GroupID: "look", Short: "Show outputs", Args: wantArgs(0, 1, "at most the name of one output"),
		Long: `Shows the outputs that the last apply recorded. A sensitive one is only shown
when it is asked for by its name with -raw or -json: it is kept sealed, and the
key is in .clusterform/seal.key or CLUSTERFORM_SEAL_KEY.`,
		Example: "clusterform output\nclusterform output -raw endpoint\nclusterform output -json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Name = args[0]
			}
			return o.Run(cmd.Context())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			s, err := app.readState(cmd.Context(), o.State)
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return slices.Sorted(maps.Keys(s.Outputs)), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVar(&o.State, "state", DefaultState, "The state `FILE`.")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON: name, type and value; of one output just the value.")
	cmd.Flags().BoolVar(&o.Raw, "raw", false, "Write a string, number or bool as it is, without quotes and newline.")
	return cmd
}

type outputJSON struct {
	Sensitive bool            `json:"sensitive"`
	Type      json.RawMessage `json:"type"`
	Value     json.RawMessage `json:"value,omitempty"`
}

// Run shows outputs.
func (o *OutputOptions) Run(ctx context.Context) error {
	switch {
	case o.JSON && o.Raw:
		return usagef("-json and -raw exclude each other")
	case o.Raw && o.Name == "":
		return usagef("-raw writes one output: name it")
	}
	s, err := o.readState(ctx, o.State)
	if err != nil {
		return err
	}
	if o.Name == "" {
		return o.all(s.Outputs)
	}
	record, ok := s.Outputs[o.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(s.Outputs))
		if len(names) == 0 {
			return fmt.Errorf("there are no outputs recorded; apply a configuration with output blocks first")
		}
		return fmt.Errorf("there is no output %q recorded%s; there are: %s", o.Name, didYouMean(o.Name, names), strings.Join(names, ", "))
	}
	return o.one(record)
}

func (o *OutputOptions) all(outputs map[string]resource.OutputRecord) error {
	if o.JSON {
		out := map[string]outputJSON{}
		for name, r := range outputs {
			out[name] = outputJSON{Sensitive: r.Sensitive, Type: r.Type, Value: r.Value}
		}
		return o.writeJSON(out)
	}
	p := o.out()
	if len(outputs) == 0 {
		p.Line("There are no outputs recorded.")
	}
	render.Outputs(p, outputs)
	return p.Flush()
}

func (o *OutputOptions) one(r resource.OutputRecord) error {
	if !o.JSON && !o.Raw {
		p := o.out()
		render.Output(p, r, 0)
		return p.Flush()
	}
	value := r.Value
	if r.Sealed != "" {
		var err error
		if value, err = o.unseal(r.Sealed); err != nil {
			return fmt.Errorf("output %q cannot be unsealed: %w", o.Name, err)
		}
	}
	if o.JSON {
		return o.writeJSON(value)
	}
	text, err := raw(value)
	if err != nil {
		return fmt.Errorf("output %q: %w", o.Name, err)
	}
	_, err = io.WriteString(o.Out, text)
	return err
}

// raw is a primitive value as it is.
func raw(value json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s, nil
	}
	text := string(value)
	switch {
	case text == "null":
		return "", fmt.Errorf("it is null")
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "", fmt.Errorf("-raw writes strings, numbers and bools; use -json for what has parts")
	default:
		return text, nil
	}
}
