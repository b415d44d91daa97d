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
	s.WorkloadsInterrupted = p.interruptedWork()
	s.APICalls, s.Duration = estimate(p.plan.Steps, p.req.Orchestration != nil)
}

// interruptedWork counts workloads that run, go on to, and lose replicas meanwhile.
func (p *planning) interruptedWork() int {
	disrupted, replaced := map[resource.Address]bool{}, map[resource.Address]bool{}
	for i := range p.plan.Steps {
		st := &p.plan.Steps[i]
		switch {
		case st.Operation != resource.Delete:
		case st.Kind == resource.KindNode:
			disrupted[st.Before.Cluster] = true
		case st.Kind == resource.KindWorkload && st.Pair >= 0:
			replaced[st.Address] = true
		}
	}
	n := 0
	for i := range p.wanted.list {
		w := &p.wanted.list[i]
		if w.spec.Kind() != resource.KindWorkload {
			continue
		}
		if rec, gone := p.current.at(w.address); rec != nil && !gone && (disrupted[rec.Cluster] || replaced[w.address]) {
			n++
		}
	}
	return n
}
