package planner

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// wanted is what the configuration asks for, as objects.
type wanted struct {
	list []want
	at   map[resource.Address]int32
	// owners are the blocks, in the order of the files; groups the sets of nodes, by their address.
	owners []*owner
	groups map[resource.Address]*group
	// sizes are the numbers of nodes, by group.
	sizes    map[resource.Address]int
	clusters map[resource.Address]resource.ClusterRecord
	blobs    map[string]string
	// found are objects that exist and are not recorded, at the addresses where they are taken up.
	found map[resource.Address]*foundObject
	// contents are what is applied of workloads and manifests, by digest. They may hold secrets.
	contents map[string]Content
}

// want is one object asked for. Specs are shared between nodes that are alike.
type want struct {
	address resource.Address
	spec    resource.Spec
	owner   *owner
	group   *group // of nodes
}

// owner is a block and what follows from it for all its objects.
type owner struct {
	block     *hclconfig.Block
	address   resource.Address
	cluster   resource.Address
	uid       string
	region    string
	dependsOn []resource.Address
	// inherited are attribute paths of the cluster that are unknown and concern the pool's nodes.
	inherited []string
	// triggered: replace_triggered_by asks for the replacement of the block's nodes; the text says why.
	triggered string
	paths     map[resource.Kind]paths
}

// group is the nodes of a pool or control plane.
type group struct {
	address   resource.Address
	block     *hclconfig.Block
	role      string
	size      int
	update    hclconfig.Update
	imageRoll bool
	// userData and setup are those of nodes that are made now.
	userData, setup string
}

// foundObject is an object taken up from outside the record.
type foundObject struct {
	record   *resource.Record
	imported bool // by an import block; otherwise it carries our tags
	used     bool
}

// cluster is a cluster block on its way to objects.
type cluster struct {
	*hclconfig.Cluster
	owner    *owner
	address  resource.Address
	uid      string
	existing resource.ClusterRecord
	zones    []zone
	pools    []*hclconfig.NodePool
	// named maps what a firewall rule may name to the security groups meant.
	named map[string][]resource.Address
	tags  resource.Tags
	// software and endpoint go into the user-data of nodes; see NodeSetup.
	software *resource.Software
	endpoint string
}

// expand turns blocks into objects.
func (p *planning) expand(ctx context.Context) {
	w := &wanted{
		at: make(map[resource.Address]int32, len(p.current.records)), groups: map[resource.Address]*group{}, sizes: map[resource.Address]int{},
		clusters: map[resource.Address]resource.ClusterRecord{}, blobs: map[string]string{}, found: map[resource.Address]*foundObject{},
		contents: map[string]Content{},
	}
	p.wanted = w
	if p.req.Mode != ModeNormal {
		return
	}
	w.list = make([]want, 0, len(p.current.records))
	p.findImports(ctx)
	pools := map[hclconfig.Address][]*hclconfig.NodePool{}
	for _, np := range p.desired.NodePools {
		pools[np.Cluster] = append(pools[np.Cluster], np)
	}
	subnets := p.recordedSubnets()
	for _, c := range p.desired.Clusters {
		p.expandCluster(ctx, c, pools[c.Address], subnets[resource.Address(c.Address)])
	}
}

// expandCluster is the recipe of a cluster, in the order in which its objects are made.
func (p *planning) expandCluster(ctx context.Context, block *hclconfig.Cluster, pools []*hclconfig.NodePool, subnets []*resource.Record) {
	c := p.identify(block, pools)
	c.zones = p.zones(ctx, c, subnets)
	if p.turn.HasErrors() {
		return
	}
	p.expandNetwork(c) // vpc, internet_gateway, subnet, route_table
	p.expandAccess(c)  // security_group, security_group_rules, role
	p.expandCredentials(ctx, c)
	if p.turn.HasErrors() {
		return
	}
	p.expandEndpoint(c)    // elastic_ip or load_balancer
	p.expandNodes(ctx, c)  // control_plane
	p.expandPools(ctx, c)  // node_pool
	p.expandAttachments(c) // elastic_ip_association or load_balancer_target
	p.expandWorkloads(c)   // manifest, workload
	p.wanted.clusters[c.address] = c.existing
}

// identify finds a cluster's UID in the record, or gives it one.
func (p *planning) identify(block *hclconfig.Cluster, pools []*hclconfig.NodePool) *cluster {
	a := resource.Address(block.Address)
	rec := p.current.clusters[a]
	rec.UID = cmp.Or(rec.UID, p.uidOfRecords(a))
	if rec.UID == "" {
		rec.UID = p.lookups.uid(a)
	}
	rec.Region, rec.Orchestrator = block.Region, string(block.Orchestrator)
	rec.DefaultVersion = p.defaulted[a]
	rec.Images = maps.Clone(rec.Images)
	c := &cluster{Cluster: block, address: a, uid: rec.UID, existing: rec, pools: pools, tags: resource.Tags(block.Tags), named: map[string][]resource.Address{}}
	c.owner = p.own(&block.Block, a, c)
	return c
}

// uidOfRecords is for a state whose list of clusters was lost while its objects were not.
func (p *planning) uidOfRecords(cluster resource.Address) string {
	if r := p.current.records[cluster.Child("vpc")]; r != nil {
		return r.UID
	}
	return ""
}

func (p *planning) own(block *hclconfig.Block, a resource.Address, c *cluster) *owner {
	o := &owner{block: block, address: a, cluster: c.address, uid: c.uid, region: c.Region, paths: map[resource.Kind]paths{}}
	for _, d := range block.DependsOn {
		o.dependsOn = append(o.dependsOn, resource.Address(d))
	}
	slices.Sort(o.dependsOn)
	p.wanted.owners = append(p.wanted.owners, o)
	return o
}

// add wants an object.
func (w *wanted) add(o *owner, g *group, a resource.Address, s resource.Spec) {
	w.at[a] = int32(len(w.list))
	w.list = append(w.list, want{address: a, spec: s, owner: o, group: g})
}

// object is the want as an object.
func (w *want) object(spec resource.Spec) *resource.Object {
	return &resource.Object{Address: w.address, Kind: spec.Kind(), Cluster: w.owner.cluster, UID: w.owner.uid, Region: w.owner.region, Spec: spec}
}

// recordedSubnets finds the subnets of each cluster, those of a plan in the making included.
func (p *planning) recordedSubnets() map[resource.Address][]*resource.Record {
	out := map[resource.Address][]*resource.Record{}
	for a, r := range p.current.records {
		if r.Kind == resource.KindSubnet && parent(a) == r.Cluster.Child("subnet") {
			out[r.Cluster] = append(out[r.Cluster], r)
		}
	}
	for c, list := range p.plannedSubnets {
		for _, r := range list {
			if p.current.records[r.Address] == nil {
				out[c] = append(out[c], r)
			}
		}
	}
	return out
}
