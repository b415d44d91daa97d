package planner

import (
	"context"

	"github.com/clusterform/clusterform/planner/resource"
)

// summarise counts.
func (p *planning) summarise(context.Context) {
	s := &p.plan.Summary
	s.NoOp, s.Drifted = p.changes.noOp, len(p.plan.Drift)
	for i := range p.plan.Steps {
		st := &p.plan.Steps[i]
		switch st.Action {
		case ActionCreate:
			s.Create++
		case ActionUpdate:
			s.Update++
		case ActionReplace, ActionRoll:
			if st.Operation == resource.Delete {
				s.Replace++
			}
		case ActionDestroy:
			s.Destroy++
		case ActionAdopt:
			s.Adopt++
		case ActionImport:
			s.Import++
		case ActionMove:
			if st.From != st.Address {
				s.Move++
			}
		case ActionForget:
			s.Forget++
		}
		if st.Kind == resource.KindNode && st.Operation == resource.Delete {
			s.NodesDisrupted++
		}
	}
	s.APICalls, s.Duration = estimate(p.plan.Steps)
}
