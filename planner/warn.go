package planner

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// warn tells what the plan does, or leaves undone, that a person may not expect of it.
func (p *planning) warn(context.Context) {
	p.warnOfWorkloads()
	p.warnOfControlPlanes()
	p.warnOfProtected()
	p.warnOfEndpoints()
	p.warnOfStrangers()
}

// warning adds a warning to what is told of the plan.
func (p *planning) warning(block *hclconfig.Block, addr resource.Address, summary, format string, args ...any) {
	d := diagnose(block, addr, summary, format, args...)
	d.Severity = hclconfig.Warning
	p.diags = append(p.diags, d)
}

// warnOfWorkloads says that workloads and manifests are not carried out yet: once, at the first of them.
func (p *planning) warnOfWorkloads() {
	if p.req.Mode != ModeNormal {
		return
	}
	var first *hclconfig.Block
	n := 0
	note := func(b *hclconfig.Block) {
		first = cmp.Or(first, b)
		n++
	}
	runs := map[hclconfig.Address]bool{}
	for _, c := range p.desired.Clusters {
		runs[c.Address] = p.orchestrates(c.Orchestrator)
	}
	for _, w := range p.desired.Workloads {
		if !runs[w.Cluster] {
			note(&w.Block)
		}
	}
	for _, m := range p.desired.Manifests {
		if !runs[m.Cluster] {
			note(&m.Block)
		}
	}
	if n == 0 {
		return
	}
	what, are := string(first.Address), "is"
	if n > 1 {
		what, are = fmt.Sprintf("%s and %s", what, plural(n-1, "more workload or manifest", "more workloads and manifests")), "are"
	}
	p.warning(first, resource.Address(first.Address), "Workloads are not carried out",
		"%s %s read and checked, but clusterform does not run workloads on such a cluster: the plan has no steps for them.", what, are)
}

// warnOfControlPlanes says loudly that a cluster forgets everything: its store is on its control-plane nodes.
func (p *planning) warnOfControlPlanes() {
	if p.req.Mode != ModeNormal {
		return
	}
	for _, c := range p.desired.Clusters {
		a := resource.Address(c.Address)
		if !p.orchestrates(c.Orchestrator) || !p.controlPlaneLost(a) || !p.asked(controlPlaneOf(a)) {
			continue
		}
		loss := p.lossOf(a)
		if loss == "" {
			continue
		}
		p.warning(&c.Block, a, "The control plane starts anew",
			"%s: %s, so everything that was stored in the cluster is lost: what was made with other tools, secrets, the contents of claims' records. This plan makes a new control plane and puts the workloads and manifests of the files back. To keep a cluster through the loss of a node, use a control_plane of size 3.",
			a, loss)
	}
}

// warnOfProtected names nodes that are of no use and cannot be replaced.
func (p *planning) warnOfProtected() {
	for _, a := range sortedAddresses(p.current.dead) {
		i, isWanted := p.wanted.at[a]
		if !isWanted || !p.wanted.list[i].protected() || !p.asked(a) {
			continue
		}
		p.warning(p.wanted.list[i].owner.block, a, "A protected node is not well",
			"%s: %s. It would be replaced, but has lifecycle.prevent_destroy. To have it replaced, set prevent_destroy = false.", a, p.current.dead[a])
	}
}

// warnOfEndpoints says loudly that a cluster's API gets another address: everything that knows the old one loses it.
func (p *planning) warnOfEndpoints() {
	lost := map[resource.Address]*Step{} // by cluster
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		isEndpoint := s.Kind == resource.KindElasticIP || s.Kind == resource.KindLoadBalancer
		if isEndpoint && s.Operation == resource.Delete && !s.Before.Deposed && s.Reason != ReasonOrphanRemoved {
			lost[s.Before.Cluster] = s
		}
	}
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Kind != resource.KindElasticIP && s.Kind != resource.KindLoadBalancer || s.Operation != resource.Create {
			continue
		}
		old := lost[s.After.Cluster]
		if old == nil && s.Reason != ReasonGone {
			continue
		}
		what := fmt.Sprintf("%s is made anew", s.Address)
		if old != nil && old.Address != s.Address {
			what = fmt.Sprintf("%s takes the place of %s", s.Address, old.Address)
		}
		why := string(s.Reason)
		if s.Because != "" {
			why += ": " + s.Because
		}
		p.warning(p.blocks()[s.After.Cluster], s.After.Cluster, "The API endpoint gets another address",
			"%s (%s). Nodes, clients and certificates that hold the old address of %s stop working until they are given the new one.",
			what, why, s.After.Cluster)
	}
}

// maxNamed is how many objects one warning names.
const maxNamed = 5

// warnOfStrangers names what carries our tags and is let be, as nothing says what it is for.
func (p *planning) warnOfStrangers() {
	list := p.changes.strangers
	if len(list) == 0 {
		return
	}
	var names []string
	for _, r := range list[:min(maxNamed, len(list))] {
		names = append(names, fmt.Sprintf("%s (%s)", r.ID, r.Address))
	}
	what := strings.Join(names, ", ")
	if more := len(list) - len(names); more > 0 {
		what += " and " + plural(more, "more", "more")
	}
	p.warning(nil, "", "Objects that nothing accounts for",
		"Tagged as a cluster's of this state, but known to neither the state nor the configuration: %s. Such objects were forgotten, or their record was removed. They are let be, and may cost money. Import them, or remove them in the cloud; without the tag %s they are not told of again.",
		what, resource.TagCluster)
}
