package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
)

// ShowOptions are those of `show`.
type ShowOptions struct {
	*App
	State string
	// File is a saved plan or a state; empty is this directory's state.
	File    string
	JSON    bool
	Verbose bool
}

func newShowCommand(app *App) *cobra.Command {
	o := &ShowOptions{App: app}
	cmd := &cobra.Command{
		Use: "show [FILE]", GroupID: "look", Short: "Show the state or a saved plan", Args: wantArgs(0, 1, "at most one saved plan or state file"),
		Long: `Shows what is recorded, or with a FILE the plan or the state in it. With -json it
writes one JSON document: docs/plan-format.md describes that of a plan,
docs/state-format.md that of a state.`,
		Example: "clusterform show\nclusterform show -json monday.plan",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.File = args[0]
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.State, "state", DefaultState, "The state `FILE`.")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	cmd.Flags().BoolVar(&o.Verbose, "verbose", false, "Show every node and every field of a plan.")
	return cmd
}

// Run shows.
func (o *ShowOptions) Run(ctx context.Context) error {
	if o.File == "" {
		return o.state(ctx, o.State)
	}
	isPlan, err := isPlanFile(o.Path(o.File))
	if err != nil {
		return err
	}
	if !isPlan {
		return o.state(ctx, o.File)
	}
	saved, err := o.readPlan(o.File)
	if err != nil {
		return err
	}
	if o.JSON {
		doc, err := planner.JSON(saved.Plan)
		if err != nil {
			return err
		}
		return o.document(doc)
	}
	p := o.out()
	render.Plan(p, saved.Plan, render.PlanOptions{Verbose: o.Verbose, Checks: true})
	return p.Flush()
}

func (o *ShowOptions) state(ctx context.Context, name string) error {
	s, err := o.readState(ctx, name)
	if err != nil {
		return err
	}
	if o.JSON {
		doc, err := state.Export(s)
		if err != nil {
			return err
		}
		return o.document(doc)
	}
	p := o.out()
	render.State(p, s)
	return p.Flush()
}

func (a *App) document(doc json.RawMessage) error {
	_, err := a.Out.Write(append(render.EscapeJSON(bytes.TrimSpace(doc)), '\n'))
	return err
}

// planFormat stands in the first line of a plan file (docs/plan-format.md).
const planFormat = `"clusterform-plan"`

// isPlanFile tells a plan file from a state file. What is neither is taken for a plan, whose errors say so.
func isPlanFile(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("cannot show it: %w", err)
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return false, fmt.Errorf("%s is empty", path)
	}
	first, _, _ := bytes.Cut(head[:n], []byte("\n"))
	return !bytes.HasPrefix(bytes.TrimSpace(head[:n]), []byte("{")) || bytes.Contains(first, []byte(planFormat)), nil
}
