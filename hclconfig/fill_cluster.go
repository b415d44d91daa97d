package hclconfig

func fillCluster(b Block, block *evaluatedBlock) *Cluster {
	c := &Cluster{Block: b}
	f := filler{block: block, out: &c.Block}
	c.Orchestrator = Orchestrator(f.text("orchestrator"))
	c.Version = f.text("version")
	c.Region = f.text("region")
	c.Bundle = f.text("bundle")
	c.Tags = f.textMap("tags")

	n := f.in("network")
	c.Network = Network{CIDR: n.text("cidr"), AvailabilityZones: n.zones("availability_zones"), NodePublicIP: n.flag("node_public_ip")}
	o := n.in("overlay")
	c.Network.Overlay = Overlay{
		Backend: o.text("backend"), PodCIDR: o.text("pod_cidr"), ServiceCIDR: o.text("service_cidr"),
		MTU: o.number("mtu"), Encrypted: o.flag("encrypted"),
	}

	p := f.in("control_plane")
	c.ControlPlane = ControlPlane{
		Size: p.number("size"), InstanceTypes: p.texts("instance_type"), Image: p.text("image"), ImageUpdate: p.text("image_update"),
		DiskGiB: p.number("disk_gib"), UserData: p.text("user_data"), KeyName: p.text("key_name"),
		Labels: p.textMap("labels"), Tags: p.textMap("tags"), Access: p.texts("access"),
		Schedulable: p.flag("schedulable"), Update: p.update(),
	}
	for _, a := range f.in("firewall").each("allow") {
		c.Firewall.Allow = append(c.Firewall.Allow, Allow{
			Name: a.block.label, To: a.text("to"), Protocol: a.text("protocol"), Ports: a.ports("ports"), From: a.texts("from"),
		})
	}
	return c
}

func fillNodePool(b Block, block *evaluatedBlock) *NodePool {
	p := &NodePool{Block: b}
	f := filler{block: block, out: &p.Block}
	p.Cluster = Address(f.text("cluster"))
	p.Size = f.number("size")
	p.InstanceTypes = f.texts("instance_type")
	p.Image, p.ImageUpdate = f.text("image"), f.text("image_update")
	p.AvailabilityZones = f.texts("availability_zones")
	p.Labels, p.Tags = f.textMap("labels"), f.textMap("tags")
	p.DiskGiB, p.UserData, p.KeyName = f.number("disk_gib"), f.text("user_data"), f.text("key_name")
	p.Spot = f.flag("spot")
	if v, ok := f.get("public_ip"); ok {
		p.PublicIP = new(v.True())
	}
	for _, t := range f.each("taint") {
		p.Taints = append(p.Taints, Taint{Key: t.block.label, Value: t.text("value"), Effect: t.text("effect")})
	}
	p.Update = f.update()
	return p
}

// update reads the update block of nodes.
func (f filler) update() Update {
	u := f.in("update")
	return Update{
		MaxSurge: u.amount("max_surge"), MaxUnavailable: u.amount("max_unavailable"), Canary: u.number("canary"),
		DrainTimeout: u.duration("drain_timeout"), HealthTimeout: u.duration("health_timeout"),
	}
}

func (f filler) zones(name string) Zones {
	v, ok := f.get(name)
	if !ok {
		return Zones{}
	}
	if v.Type().IsPrimitiveType() {
		return Zones{Count: f.number(name)}
	}
	names := f.texts(name)
	return Zones{Count: len(names), Names: names}
}

func (f filler) ports(name string) []PortRange {
	var out []PortRange
	for _, s := range f.texts(name) {
		if p, problem := parsePorts(s); problem == "" {
			out = append(out, p)
		}
	}
	return out
}
