package planner

import (
	"cmp"
	"context"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// maxTurns bounds settle. Each turn makes more values unknown, so two or three are what it takes.
const maxTurns = 50

// settle evaluates the configuration, expands it and compares, until both agree: an attribute such as
// cluster.lab.endpoint has its recorded value while nothing changes it, and none once the plan replaces the object that
// it comes from, which may in turn change more.
func (p *planning) settle(ctx context.Context) {
	p.answers = newAnswers()
	for range maxTurns {
		p.turn = nil
		if p.current == nil {
			p.current = p.seen
		}
		desired, diags := p.evaluate(p.answer) // with the addresses of the turn before, after its moves
		p.turn = append(p.turn, diags...)
		p.desired, p.current = desired, p.seen
		p.defaultVersions()
		p.checkOrchestration()
		for _, part := range []func(context.Context){p.relocate, p.expand, p.compare} {
			if part(ctx); p.turn.HasErrors() {
				break
			}
		}
		if p.turn.HasErrors() || !p.answersChanged() {
			break
		}
	}
	p.diags = append(p.diags, p.turn...)
}

// checkOrchestration finds what the orchestrators cannot do of what the files ask.
func (p *planning) checkOrchestration() {
	if p.req.Orchestration == nil || p.req.Config == nil || p.req.Mode != ModeNormal || p.turn.HasErrors() {
		return
	}
	p.turn = append(p.turn, p.req.Orchestration.Check(p.req.Config, p.desired)...)
}

// defaultVersions gives clusters that name no version the one they had, and new ones the present default.
func (p *planning) defaultVersions() {
	if p.req.Orchestration == nil || p.desired == nil {
		return
	}
	for _, c := range p.desired.Clusters {
		if c.Version == "" && !slices.Contains(c.Unknown, "version") {
			a := resource.Address(c.Address)
			p.defaulted[a] = cmp.Or(p.current.clusters[a].DefaultVersion, p.req.Orchestration.DefaultVersion(c.Orchestrator))
			c.Version = p.defaulted[a]
		}
	}
}

// CheckOrchestration finds, without any state, what the orchestrators cannot do of what the files ask; `validate` shows it.
// A configuration with mistakes of its own is not looked at.
func CheckOrchestration(cfg *hclconfig.Configuration, o Orchestration) hclconfig.Diagnostics {
	if cfg == nil || o == nil {
		return nil
	}
	d, diags := cfg.Evaluate(nil)
	if diags.HasErrors() {
		return nil
	}
	for _, c := range d.Clusters {
		c.Version = cmp.Or(c.Version, o.DefaultVersion(c.Orchestrator))
	}
	return cfg.InContext(o.Check(cfg, d))
}

// touched tells which objects get new computed values in this plan.
type touched struct {
	objects map[resource.Address]bool
	// groups are the pools, control planes and other parents one level above a touched object.
	groups map[resource.Address]bool
}

func (t *touched) add(a resource.Address) {
	t.objects[a] = true
	t.groups[parent(a)] = true
}

// parent is the address without its last key: node_pool.worker of node_pool.worker[3].
func parent(a resource.Address) resource.Address {
	if n := len(a); n > 0 && a[n-1] == ']' {
		for i := n - 1; i >= 0; i-- {
			if a[i] == '[' {
				return a[:i]
			}
		}
	}
	return a
}
