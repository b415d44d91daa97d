package planner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// machines is what control planes and pools have in common.
type machines struct {
	block         *hclconfig.Block
	owner         *owner
	address       resource.Address
	role          string
	name          string
	size          int
	zones         []zone
	instanceTypes []string
	image         string
	imageUpdate   string
	diskGiB       int
	userData      string
	setup         string // of nodes that join an orchestrator
	keyName       string
	labels        map[string]string
	taints        []hclconfig.Taint
	tags          map[string]string
	spot          bool
	publicIP      bool
	groups        []resource.Ref
	update        hclconfig.Update
}

func (p *planning) expandNodes(ctx context.Context, c *cluster) {
	cp := c.ControlPlane
	p.expandMachines(ctx, c, machines{
		block: &c.Block, owner: c.owner, address: c.address.Child("control_plane"), role: roleControlPlane, name: "control-plane",
		size: max(1, cp.Size), zones: c.zones, instanceTypes: cp.InstanceTypes, image: cp.Image, imageUpdate: cp.ImageUpdate, diskGiB: cp.DiskGiB,
		userData: cp.UserData, keyName: cp.KeyName, labels: cp.Labels, tags: cp.Tags, publicIP: c.Network.NodePublicIP,
		groups: []resource.Ref{resource.Ref(securityGroup(c.address, roleControlPlane))}, update: cp.Update,
	})
}

func (p *planning) expandPools(ctx context.Context, c *cluster) {
	for _, pool := range c.pools {
		a := resource.Address(pool.Address)
		o := p.own(&pool.Block, a, c)
		for _, u := range c.Unknown {
			if pathIn(u, "tags") {
				o.inherited = append(o.inherited, u)
			}
		}
		m := machines{
			block: &pool.Block, owner: o, address: a, role: roleWorker, name: poolPart(pool),
			size: pool.Size, zones: p.poolZones(c, pool), instanceTypes: pool.InstanceTypes, image: pool.Image, imageUpdate: pool.ImageUpdate,
			diskGiB: pool.DiskGiB, userData: pool.UserData, keyName: pool.KeyName, labels: pool.Labels, taints: pool.Taints, tags: pool.Tags,
			spot: pool.Spot, publicIP: c.Network.NodePublicIP, groups: []resource.Ref{resource.Ref(securityGroup(c.address, roleWorker))}, update: pool.Update,
		}
		if pool.PublicIP != nil {
			m.publicIP = *pool.PublicIP
		}
		if isNamed(c, pool) {
			m.groups = resource.SortRefs(append(m.groups, resource.Ref(poolGroup(a))))
		}
		p.expandMachines(ctx, c, m)
	}
}

func (p *planning) poolZones(c *cluster, pool *hclconfig.NodePool) []zone {
	if len(pool.AvailabilityZones) == 0 {
		return c.zones
	}
	var out []zone
	for _, name := range pool.AvailabilityZones {
		i := slices.IndexFunc(c.zones, func(z zone) bool { return z.name == name })
		if i < 0 {
			names := make([]string, 0, len(c.zones))
			for _, z := range c.zones {
				names = append(names, z.name)
			}
			p.failTurn(&pool.Block, resource.Address(pool.Address), "Zone outside the cluster",
				"%s: availability_zones has %q, but %s spreads over %v. Take one of those, or add the zone to the cluster's network.", pool.Address, name, c.Address, names)
			continue
		}
		out = append(out, c.zones[i])
	}
	return out
}

// expandMachines makes the nodes of one group. A node that exists keeps its zone, its instance type and its image as long
// as they are still allowed; a new one goes to the zone with the fewest.
func (p *planning) expandMachines(ctx context.Context, c *cluster, m machines) {
	for _, u := range m.block.Unknown {
		if attr := machineAttr(u); attr == "image" || attr == "image_update" || attr == "instance_type" {
			p.failTurn(m.block, m.address, "Value must be known when planning",
				"%s: %s depends on values that are known after apply. Use a value that is known now, or apply the rest first with -target.", m.block.Address, u)
		}
	}
	if len(m.zones) == 0 || p.turn.HasErrors() {
		return
	}
	if slices.Contains(m.block.Lifecycle.IgnoreChanges, "size") {
		m.size = p.recordedSize(m)
	}
	g := &group{address: m.address, block: m.block, role: m.role, size: m.size, update: m.update, imageRoll: m.imageUpdate == "rolling"}
	p.wanted.groups[m.address] = g
	p.wanted.sizes[m.address] = m.size
	image, ok := p.resolveImage(ctx, c, m)
	if !ok {
		return
	}
	if m.userData, m.setup, ok = p.userData(c, m); !ok {
		return
	}
	t := newTemplates(c, m, image)
	g.userData, g.setup = t.userData, m.setup
	if m.userData != "" {
		p.wanted.blobs[t.userData] = m.userData
	}
	orphans := p.orphansOf(m.address)
	counts := make([]int, len(m.zones))
	placed := make([]int, m.size) // zone by ordinal, -1 without
	records := make([]*resource.Node, m.size)
	addresses := make([]resource.Address, m.size)
	for i := range m.size {
		a := m.address.Index(i)
		addresses[i], placed[i] = a, -1
		rec := p.current.records[a]
		if f := p.wanted.found[a]; rec == nil && f != nil {
			rec = f.record
		}
		if rec == nil && len(orphans) > 0 {
			f := &foundObject{record: orphans[0]}
			orphans, rec = orphans[1:], f.record
			p.wanted.found[a] = f
		}
		if rec == nil {
			continue
		}
		if n, isNode := rec.Spec.(*resource.Node); isNode {
			records[i] = n
			if placed[i] = t.zone(n); placed[i] >= 0 {
				counts[placed[i]]++
			}
		}
	}
	for i := range m.size {
		if placed[i] < 0 {
			placed[i] = fewest(counts)
			counts[placed[i]]++
		}
		p.wanted.add(m.owner, g, addresses[i], t.node(placed[i], records[i]))
	}
}

// fewest is the first of the smallest.
func fewest(counts []int) int {
	best := 0
	for i, n := range counts {
		if n < counts[best] {
			best = i
		}
	}
	return best
}

// recordedSize is the number of nodes there are, where the configuration's does not count.
func (p *planning) recordedSize(m machines) int {
	n := 0
	for a := range p.current.records {
		if pool, i, ok := a.Ordinal(); ok && pool == m.address {
			n = max(n, i+1)
		}
	}
	if n == 0 {
		return m.size
	}
	return n
}

// resolveImage turns the reference into an id: the one that the cluster resolved it to before, unless a newer image is
// asked for.
func (p *planning) resolveImage(ctx context.Context, c *cluster, m machines) (string, bool) {
	if id, known := c.existing.Images[m.image]; known && m.imageUpdate != "rolling" {
		return id, true
	}
	id, err := p.lookups.image(ctx, c.Region, m.image)
	if err != nil {
		p.failTurn(m.block, m.address, "Cannot find the image",
			"%s: image %q could not be resolved in %s: %s\n\nName an image of that region by its id instead (image = \"ami-…\").", m.address, m.image, c.Region, callText(err))
		return "", false
	}
	if m.image != id {
		if c.existing.Images == nil {
			c.existing.Images = map[string]string{}
		}
		c.existing.Images[m.image] = id
	}
	return id, true
}

// templates are the specs of a group's nodes: one for each zone, and one for each combination of what nodes keep.
type templates struct {
	zones    []zone
	byZone   []*resource.Node
	variants map[variant]*resource.Node
	types    map[string]bool
	rolling  bool
	userData string
}

type variant struct {
	zone                int
	instanceType, image string
	userData            string
}

func newTemplates(c *cluster, m machines, image string) *templates {
	t := &templates{zones: m.zones, variants: map[variant]*resource.Node{}, types: map[string]bool{}, rolling: m.imageUpdate == "rolling"}
	for _, typ := range m.instanceTypes {
		t.types[typ] = true
	}
	if m.userData != "" {
		sum := sha256.Sum256([]byte(m.userData))
		t.userData = hex.EncodeToString(sum[:])
	}
	tags := make(resource.Tags, len(c.tags)+len(m.tags)+1)
	maps.Copy(tags, c.tags)
	maps.Copy(tags, m.tags)
	var taints []resource.Taint
	for _, x := range m.taints {
		taints = append(taints, resource.Taint(x))
	}
	var instanceType string
	if len(m.instanceTypes) > 0 {
		instanceType = m.instanceTypes[0]
	}
	base := resource.Node{
		Pool: m.address, Role: m.role, InstanceTypes: m.instanceTypes, InstanceType: instanceType, Image: image, ImageRef: m.image,
		SecurityGroups: m.groups, Profile: resource.Ref(iamRole(c.address, m.role)), KeyName: m.keyName, PublicIP: m.publicIP, DiskGiB: m.diskGiB,
		Spot: m.spot, UserData: t.userData, Setup: m.setup, Tags: withName(tags, c.Name+"-"+m.name), Orchestrator: string(c.Orchestrator), Version: c.Version,
		Labels: m.labels, Taints: taints,
		JoinTimeoutSeconds: int(m.update.HealthTimeout.Seconds()), DrainTimeoutSeconds: int(m.update.DrainTimeout.Seconds()),
	}
	for i, z := range m.zones {
		n := base
		n.Subnet, n.Zone = z.subnet, z.name
		n.Subnets = append(n.Subnets, z.subnet)
		for j, other := range m.zones {
			if j != i {
				n.Subnets = append(n.Subnets, other.subnet)
			}
		}
		t.byZone = append(t.byZone, &n)
	}
	return t
}

// zone is where a node stays, -1 when it cannot.
func (t *templates) zone(n *resource.Node) int {
	return slices.IndexFunc(t.zones, func(z zone) bool { return z.subnet == n.Subnet && z.name == n.Zone })
}

// node is the spec for a zone, with what an existing node keeps.
func (t *templates) node(zone int, is *resource.Node) *resource.Node {
	base := t.byZone[zone]
	if is == nil {
		return base
	}
	v := variant{zone: zone, instanceType: base.InstanceType, image: base.Image, userData: base.UserData}
	if is.Setup != "" && is.Setup == base.Setup {
		v.userData = is.UserData
	}
	if t.types[is.InstanceType] {
		v.instanceType = is.InstanceType
	}
	if !t.rolling && is.Image != "" && is.ImageRef == base.ImageRef {
		v.image = is.Image
	}
	if v == (variant{zone: zone, instanceType: base.InstanceType, image: base.Image, userData: base.UserData}) {
		return base
	}
	n := t.variants[v]
	if n == nil {
		n = resource.Clone(base)
		n.InstanceType, n.Image, n.UserData = v.instanceType, v.image, v.userData
		t.variants[v] = n
	}
	return n
}
