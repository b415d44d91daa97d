package planner

import (
	"context"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// requests reads the addresses given with -target, -exclude and -replace.
func (p *planning) requests(context.Context) {
	for _, r := range []struct {
		flag  string
		given []string
		to    *[]resource.Address
	}{
		{"-target", p.req.Targets, &p.targets}, {"-exclude", p.req.Excludes, &p.excludes}, {"-replace", p.req.Replace, &p.replaced},
	} {
		for _, s := range r.given {
			parts, err := hclconfig.ParseAddress(s)
			if err != nil {
				p.fail(nil, "", "Invalid address", "%s: %v.", r.flag, err)
				continue
			}
			*r.to = append(*r.to, resource.Address(parts.String()))
		}
	}
	if len(p.replaced) > 0 && p.req.Mode != ModeNormal {
		p.fail(nil, "", "Options contradict each other", "-replace makes no sense with a plan that destroys or only refreshes. Leave one of them out.")
	}
}

// target drops the steps that were not asked for: with -target everything but the named objects and what they need, with
// -exclude the named ones and what needs them. Moves always stay, since other steps use the new addresses.
func (p *planning) target(context.Context) {
	p.checkRequests()
	if p.diags.HasErrors() || len(p.targets) == 0 && len(p.excludes) == 0 {
		return
	}
	steps := p.plan.Steps
	keep := make([]bool, len(steps))
	for i := range steps {
		keep[i] = len(p.targets) == 0 || steps[i].Action == ActionMove || containsAny(p.targets, steps[i].Address)
	}
	keepNeeded(steps, keep)
	dropExcluded(steps, keep, p.excludes)

	needs := make([][]int32, len(steps))
	var sequence []int32
	for i := range steps {
		needs[i] = steps[i].Needs
		if keep[i] {
			sequence = append(sequence, int32(i))
		} else {
			p.plan.Partial = true
		}
	}
	p.plan.Steps = renumber(steps, needs, sequence)
	inPlan := map[resource.Address]bool{}
	for i := range p.plan.Steps {
		inPlan[p.plan.Steps[i].Address] = true
	}
	drift := len(p.plan.Drift)
	p.plan.Drift = slices.DeleteFunc(p.plan.Drift, func(d Drift) bool { return !inPlan[d.Address] && !p.asked(d.Address) })
	p.plan.Partial = p.plan.Partial || len(p.plan.Drift) < drift
	p.plan.Refreshed = slices.DeleteFunc(p.plan.Refreshed, func(d Drift) bool { return !inPlan[d.Address] && !p.asked(d.Address) })
}

// asked tells whether an object is within -target and -exclude.
func (p *planning) asked(a resource.Address) bool {
	return (len(p.targets) == 0 || containsAny(p.targets, a)) && !containsAny(p.excludes, a)
}

func containsAny(list []resource.Address, a resource.Address) bool {
	return slices.ContainsFunc(list, func(t resource.Address) bool { return t.Contains(a) })
}

// keepNeeded keeps what kept steps need, and both steps of a replacement.
func keepNeeded(steps []Step, keep []bool) {
	for again := true; again; {
		again = false
		for i := len(steps) - 1; i >= 0; i-- {
			if !keep[i] {
				continue
			}
			if pair := steps[i].Pair; pair >= 0 && !keep[pair] {
				keep[pair] = true
				again = again || int(pair) > i
			}
			for _, on := range steps[i].Needs {
				keep[on] = true
			}
		}
	}
}

// dropExcluded drops what is excluded, what needs it, and both steps of a replacement.
func dropExcluded(steps []Step, keep []bool, excludes []resource.Address) {
	if len(excludes) == 0 {
		return
	}
	out := make([]bool, len(steps))
	for i := range steps {
		out[i] = containsAny(excludes, steps[i].Address) && steps[i].Action != ActionMove
	}
	for again := true; again; {
		again = false
		for i := range steps {
			if !out[i] && slices.ContainsFunc(steps[i].Needs, func(on int32) bool { return out[on] }) {
				out[i] = true
			}
			if pair := steps[i].Pair; out[i] && pair >= 0 && !out[pair] {
				out[pair] = true
				again = again || int(pair) < i
			}
		}
	}
	for i := range steps {
		keep[i] = keep[i] && !out[i]
	}
}

// checkRequests refuses addresses that name nothing.
func (p *planning) checkRequests() {
	for _, r := range []struct {
		flag string
		list []resource.Address
	}{{"-target", p.targets}, {"-exclude", p.excludes}, {"-replace", p.replaced}} {
		for _, a := range r.list {
			if p.exists(a) {
				continue
			}
			hint := ""
			if near := p.nearest(a); near != "" {
				hint = " Did you mean " + string(near) + "?"
			}
			p.fail(nil, a, "Nothing has this address", "%s: neither the configuration nor the state has anything at %s.%s", r.flag, a, hint)
		}
	}
}

func (p *planning) exists(a resource.Address) bool {
	for _, b := range p.desired.Blocks() {
		if a.Contains(resource.Address(b.Address)) {
			return true
		}
	}
	for i := range p.wanted.list {
		if a.Contains(p.wanted.list[i].address) {
			return true
		}
	}
	for x := range p.current.records {
		if a.Contains(x) {
			return true
		}
	}
	return false
}

// nearest is the address that was most likely meant. Nodes are known by their pools.
func (p *planning) nearest(given resource.Address) resource.Address {
	candidates := map[resource.Address]bool{}
	add := func(a resource.Address) {
		if group, _, isNode := a.Ordinal(); isNode {
			candidates[group] = true
			return
		}
		candidates[a] = true
		candidates[parent(a)] = true
	}
	for _, b := range p.desired.Blocks() {
		add(resource.Address(b.Address))
	}
	for a := range p.wanted.at {
		add(a)
	}
	for a := range p.current.records {
		add(a)
	}
	best, distance := resource.Address(""), max(3, len(given)/4)
	for _, a := range sortedAddresses(candidates) {
		if d := levenshtein.Distance(strings.ToLower(string(given)), strings.ToLower(string(a)), nil); d < distance {
			best, distance = a, d
		}
	}
	return best
}
