package hclconfig

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// checker finds what is wrong between objects. What could not be evaluated is
// left alone: it was reported already.
type checker struct {
	ev       *evaluator
	d        *Desired
	clusters map[Address]*Cluster
	pools    map[Address][]*NodePool // by cluster
	loads    map[Address][]*Workload // by cluster
	declared map[Address]*Block
}

func (ev *evaluator) checkDesired(d *Desired) {
	c := &checker{
		ev: ev, d: d, clusters: map[Address]*Cluster{}, pools: map[Address][]*NodePool{},
		loads: map[Address][]*Workload{}, declared: map[Address]*Block{},
	}
	for _, x := range d.Clusters {
		c.clusters[x.Address] = x
	}
	for _, x := range d.NodePools {
		c.pools[x.Cluster] = append(c.pools[x.Cluster], x)
	}
	for _, x := range d.Workloads {
		c.loads[x.Cluster] = append(c.loads[x.Cluster], x)
	}
	for _, b := range d.Blocks() {
		c.declared[b.Address] = b
	}
	for _, x := range d.Clusters {
		c.checkCluster(x)
	}
	c.checkRegions()
	for _, x := range d.NodePools {
		c.checkPool(x)
	}
	c.checkNames()
	for _, x := range d.Workloads {
		c.checkWorkload(x)
	}
	for _, x := range d.Manifests {
		c.checkManifest(x)
	}
	c.checkNodePorts()
	c.checkInstances()
	c.checkImports()
	c.checkCycles()
}

// at is a place within an object to complain about: a nested block, or all of it.
type at struct {
	c     *checker
	addr  Address
	block *evaluatedBlock
}

func (c *checker) at(addr Address) at { return at{c, addr, c.ev.settled[addr]} }

// in goes into the nested block of a type, and label, if it is written.
func (p at) in(typ string, label ...string) at {
	if p.block == nil {
		return p
	}
	for _, b := range p.block.of(typ) {
		if len(label) == 0 || b.label == label[0] {
			p.block = b
			return p
		}
	}
	return p
}

// arg is where an argument is written; without it, the block.
func (p at) arg(name string) hcl.Range {
	if p.block == nil {
		if b := p.c.declared[p.addr]; b != nil {
			return b.Range
		}
		return hcl.Range{}
	}
	if got, ok := p.block.args[name]; ok {
		return got.rng
	}
	return p.block.rng
}

// wrote says whether an argument is written, and not null.
func (p at) wrote(name string) bool {
	return p.block != nil && p.block.args[name].set
}

// bad says whether an argument is wrong, which was reported.
func (p at) bad(name string) bool {
	return p.block != nil && p.block.schema.attribute(name) != nil && p.block.arg(name).bad
}

// settledNow says whether an argument is neither wrong nor unknown.
func (p at) settledNow(name string) bool {
	if p.block == nil || p.block.schema.attribute(name) == nil {
		return false
	}
	got := p.block.arg(name)
	return !got.bad && got.value.IsKnown()
}

func (p at) error(arg, summary, format string, args ...any) {
	p.add(Error, arg, summary, fmt.Sprintf(format, args...))
}

func (p at) warn(arg, summary, format string, args ...any) {
	p.add(Warning, arg, summary, fmt.Sprintf(format, args...))
}

func (p at) add(severity Severity, arg, summary, detail string) {
	rng := p.arg(arg)
	p.c.ev.diags.add(Diagnostic{Severity: severity, Summary: summary, Detail: detail, Subject: &rng, Address: p.addr})
}

// cluster finds the cluster of an object and complains when there is none.
func (c *checker) cluster(addr Address, of Address) *Cluster {
	p := c.at(of)
	if addr == "" || p.bad("cluster") {
		return nil
	}
	if found := c.clusters[addr]; found != nil {
		return found
	}
	var names []string
	for a := range c.clusters {
		names = append(names, string(a))
	}
	slices.Sort(names)
	p.error("cluster", "No such cluster", "There is no %s in this configuration, or it is disabled.%s", addr, didYouMeanSentence(string(addr), slices.Values(names)))
	return nil
}

// nameKey is what makes a name one of its kind within a cluster.
type nameKey struct {
	cluster         Address
	namespace, name string
	key             string
}

// checkNames finds pools and workloads of one cluster with one name, which
// different modules may declare.
func (c *checker) checkNames() {
	pools, loads := map[nameKey]*Block{}, map[nameKey]*Block{}
	for _, p := range c.d.NodePools {
		k := nameKey{p.Cluster, "", p.Name, p.Key}
		if first := pools[k]; first != nil && p.Cluster != "" {
			c.at(p.Address).error("", "Duplicate name", "%s, at %s, is a node pool of that name in %s already. Give one of them another name.", first.Address, place(first.Range), p.Cluster)
			continue
		}
		pools[k] = &p.Block
	}
	for _, w := range c.d.Workloads {
		k := nameKey{w.Cluster, w.Namespace, w.Name, w.Key}
		if first := loads[k]; first != nil && w.Cluster != "" {
			c.at(w.Address).error("", "Duplicate name", "%s, at %s, is a workload of that name in %s already. Give one of them another name or namespace.", first.Address, place(first.Range), w.Cluster)
			continue
		}
		loads[k] = &w.Block
	}
}
