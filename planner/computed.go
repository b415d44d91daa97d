package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// answers are the computed values given to the configuration in a turn of settle.
type answers struct {
	given   map[hclconfig.Address]answer
	touched touched
	// sizes are the numbers of nodes wanted by pool, from the turn before; nil in the first.
	sizes map[resource.Address]int
}

type answer struct {
	value cty.Value
	ok    bool
}

func newAnswers() *answers {
	return &answers{
		given:   map[hclconfig.Address]answer{},
		touched: touched{objects: map[resource.Address]bool{}, groups: map[resource.Address]bool{}},
	}
}

// answer is the hclconfig.Computed of planning.
func (p *planning) answer(a hclconfig.Address) (cty.Value, bool) {
	v, ok := p.computed(a)
	p.answers.given[a] = answer{v, ok}
	return v, ok
}

// answersChanged tells whether the turn would have been given other values, had its outcome been known.
func (p *planning) answersChanged() bool {
	a := p.answers
	if len(a.given) == 0 {
		return false
	}
	for i := range p.changes.steps {
		s := &p.changes.steps[i]
		if s.Operation != "" && (s.Action != ActionUpdate || s.Reason == ReasonIncomplete || isWork(s.Kind) || p.current.unwell[s.Address] != "") {
			a.touched.add(s.Address)
		}
	}
	a.sizes = p.wanted.sizes
	return p.asksDiffer()
}

func (p *planning) computed(a hclconfig.Address) (cty.Value, bool) {
	c := computer{view: p.current, touched: &p.answers.touched, sizes: p.answers.sizes}
	parts, err := a.Parse()
	if err != nil {
		return cty.NilVal, false
	}
	switch parts.Type {
	case "cluster":
		id, known := p.current.clusters[resource.Address(a)]
		if !known {
			id = resource.ClusterRecord{UID: p.lookups.uid(resource.Address(a))}
		}
		return c.cluster(resource.Address(a), id), true
	case "node_pool":
		return c.pool(resource.Address(a))
	case "workload":
		return c.workload(resource.Address(a))
	}
	return cty.NilVal, false
}

// computer makes the attributes that exist only after apply out of a view.
type computer struct {
	view    *view
	touched *touched
	sizes   map[resource.Address]int
}

// settled returns what stays at an address through this plan.
func (c computer) settled(a resource.Address) (*resource.Record, bool) {
	rec, gone := c.view.at(a)
	if rec == nil || gone || c.touched.objects[a] || rec.Incomplete || !stands(rec) {
		return nil, false
	}
	return rec, true
}

// stands tells whether nothing is left to be done for an object. A node that is complete and joins was launched by a run
// that did not wait for it (-wait=launched).
func stands(r *resource.Record) bool {
	return r.Phase == "" || r.Phase == resource.PhaseReady || r.Phase == resource.PhaseJoining
}

func (c computer) cluster(a resource.Address, id resource.ClusterRecord) cty.Value {
	attrs := map[string]cty.Value{}
	if id.UID != "" {
		attrs["uid"] = cty.StringVal(id.UID)
	}
	if vpc, ok := c.settled(a.Child("vpc")); ok {
		attrs["vpc_id"] = cty.StringVal(vpc.ID)
	}
	if v, ok := c.subnets(a); ok {
		attrs["subnet_ids"] = v
	}
	cp, ok1 := c.settled(securityGroup(a, roleControlPlane))
	worker, ok2 := c.settled(securityGroup(a, roleWorker))
	if ok1 && ok2 {
		attrs["security_group_ids"] = cty.MapVal(map[string]cty.Value{
			roleControlPlane: cty.StringVal(cp.ID), roleWorker: cty.StringVal(worker.ID),
		})
	}
	if host, ok := c.endpoint(a); ok {
		attrs["endpoint"] = cty.StringVal(host)
		attrs["endpoint_url"] = cty.StringVal(endpointURL(hclconfig.Orchestrator(id.Orchestrator), host))
	}
	if rec, ok := c.settled(credentialsOf(a)); ok {
		if s, isCredentials := rec.Spec.(*resource.Credentials); isCredentials && s.CA != "" {
			attrs["ca_certificate"] = cty.StringVal(s.CA)
		}
	}
	if v, ok := c.nodes(a.Child("control_plane")); ok {
		attrs["control_plane_nodes"] = v
	}
	return cty.ObjectVal(attrs)
}

func (c computer) endpoint(a resource.Address) (string, bool) {
	if rec, ok := c.settled(a.Child("elastic_ip")); ok {
		if ip, isIP := rec.Spec.(*resource.ElasticIP); isIP && ip.PublicIP != "" {
			return ip.PublicIP, true
		}
	}
	if rec, ok := c.settled(a.Child("load_balancer")); ok {
		if lb, isLB := rec.Spec.(*resource.LoadBalancer); isLB && lb.DNSName != "" {
			return lb.DNSName, true
		}
	}
	return "", false
}

func (c computer) subnets(a resource.Address) (cty.Value, bool) {
	all := a.Child("subnet")
	if c.touched.groups[all] {
		return cty.NilVal, false
	}
	type entry struct{ cidr, id string }
	var found []entry
	for addr, rec := range c.view.records {
		if s, isSubnet := rec.Spec.(*resource.Subnet); isSubnet && parent(addr) == all {
			if _, ok := c.settled(addr); !ok {
				return cty.NilVal, false
			}
			found = append(found, entry{s.CIDR, rec.ID})
		}
	}
	if len(found) == 0 {
		return cty.NilVal, false
	}
	slices.SortFunc(found, func(x, y entry) int { return cmp.Or(compareCIDR(x.cidr, y.cidr), strings.Compare(x.id, y.id)) })
	ids := make([]cty.Value, len(found))
	for i, e := range found {
		ids[i] = cty.StringVal(e.id)
	}
	return cty.ListVal(ids), true
}

func (c computer) pool(a resource.Address) (cty.Value, bool) {
	nodes, ok := c.nodes(a)
	if !ok {
		return cty.NilVal, false
	}
	return cty.ObjectVal(map[string]cty.Value{"nodes": nodes}), true
}

func (c computer) nodes(group resource.Address) (cty.Value, bool) {
	if c.touched.groups[group] {
		return cty.NilVal, false
	}
	size, known := c.sizes[group]
	var nodes []cty.Value
	for i := 0; !known || i < size; i++ {
		rec, ok := c.settled(group.Index(i))
		if !ok {
			if known || c.view.records[group.Index(i)] != nil {
				return cty.NilVal, false
			}
			break
		}
		n, isNode := rec.Spec.(*resource.Node)
		if !isNode {
			return cty.NilVal, false
		}
		nodes = append(nodes, cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(nodeName(n, group, i)), "id": cty.StringVal(rec.ID), "private_ip": text(n.PrivateIP), "public_ip": text(n.PublicAddr),
			"private_dns": text(n.PrivateDNS), "zone": cty.StringVal(n.Zone), "instance_type": cty.StringVal(n.InstanceType),
		}))
	}
	switch {
	case len(nodes) > 0:
		return cty.ListVal(nodes), true
	case known:
		return cty.ListValEmpty(cty.Object(map[string]cty.Type{
			"name": cty.String, "id": cty.String, "private_ip": cty.String, "public_ip": cty.String,
			"private_dns": cty.String, "zone": cty.String, "instance_type": cty.String,
		})), true
	}
	return cty.NilVal, false
}

// text is null where the cloud gave nothing.
func text(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

// nodeName is a node's name for people: its Name tag, which it shares with its pool, and its ordinal.
func nodeName(n *resource.Node, group resource.Address, ordinal int) string {
	return cmp.Or(n.Tags["Name"], string(group)) + "-" + strconv.Itoa(ordinal)
}

func endpointURL(o hclconfig.Orchestrator, host string) string {
	scheme := map[hclconfig.Orchestrator]string{hclconfig.Swarm: "tcp", hclconfig.Mesos: "http"}[o]
	return fmt.Sprintf("%s://%s:%d", cmp.Or(scheme, "https"), host, apiPort(o))
}
