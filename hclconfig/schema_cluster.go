package hclconfig

import "github.com/zclconf/go-cty/cty"

var (
	listOfStrings = cty.List(cty.String)
	mapOfStrings  = cty.Map(cty.String)
)

// metaAttributes may be written in each of the four main blocks.
func metaAttributes() []Attribute {
	return []Attribute{
		{Name: "for_each", Type: cty.DynamicPseudoType, PlanTime: true,
			Description: "A map or a set of strings: one instance for each element, with `each.key` and `each.value`."},
		{Name: "enabled", Type: cty.Bool, Default: "true", PlanTime: true,
			Description: "`false` is as if the block were not there."},
		{Name: "depends_on", Type: cty.DynamicPseudoType, Static: true,
			Description: "Main blocks and modules to be carried out before this one, where no reference says so."},
	}
}

// identityAttributes can be referred to in each of the four main blocks.
func identityAttributes() []Attribute {
	return []Attribute{
		{Name: "address", Type: cty.String, Computed: true, KnownNow: true, Description: "The address of the block: `node_pool.worker[\"blue\"]`."},
		{Name: "name", Type: cty.String, Computed: true, KnownNow: true, Description: "The label of the block."},
	}
}

func lifecycleBlock() NestedBlock {
	return NestedBlock{Type: "lifecycle", Max: 1, Schema: &Schema{
		Description: "How changes are carried out. Its arguments are read as they stand: no expressions.",
		Attributes: []Attribute{
			{Name: "prevent_destroy", Type: cty.Bool, Default: "false", Static: true, Description: "Refuse a plan that would destroy this, also when the block is deleted."},
			{Name: "create_before_destroy", Type: cty.Bool, Default: "false", Static: true, Description: "When it must be replaced, make the new one first."},
			{Name: "ignore_changes", Type: cty.DynamicPseudoType, Static: true, Description: "Arguments whose differences are let be: `[tags, labels.tier]`, or `all`."},
			{Name: "replace_triggered_by", Type: cty.DynamicPseudoType, Static: true, Description: "Main blocks: when one of their objects changes in place or is replaced, this is replaced too. More or fewer nodes of a pool are no such change."},
		},
	}}
}

func clusterSchema() *Schema {
	return &Schema{
		Description: "A cluster: its network, its control plane and its firewall. Nodes that run workloads are in node pools.",
		Attributes: concat(metaAttributes(), []Attribute{
			{Name: "orchestrator", Type: cty.String, Required: true, PlanTime: true, Values: []string{"kubernetes", "swarm", "mesos"},
				Description: "What runs on the nodes."},
			{Name: "version", Type: cty.String, PlanTime: true, Form: formVersion,
				Description: "Version of the orchestrator, such as `1.34.4`. Without it, Kubernetes has the newest that clusterform knew when the cluster was first planned, and Swarm what the nodes' distribution has."},
			{Name: "region", Type: cty.String, Required: true, PlanTime: true, Form: formRegion, Description: "AWS region, such as `ap-northeast-2`."},
			{Name: "bundle", Type: cty.String, Default: `""`, PlanTime: true,
				Description: "Where nodes get the orchestrator's software: the URL of a served bundle, or a bundle's directory. By default it is found for the version, as `bundles.md` describes. What was found is recorded: a version is looked up again only when this changes."},
			{Name: "tags", Type: mapOfStrings, Form: formTags, Default: "{}", Description: "Tags on everything the cluster owns. Readable by anybody in the account."},
		}, identityAttributes(), []Attribute{
			{Name: "uid", Type: cty.String, Computed: true, Description: "Made at the first plan; every object of the cluster is tagged with it."},
			{Name: "endpoint", Type: cty.String, Computed: true, Description: "Host name or address of the API endpoint."},
			{Name: "endpoint_url", Type: cty.String, Computed: true, Description: "URL of the API endpoint."},
			{Name: "ca_certificate", Type: cty.String, Computed: true, Description: "Certificate, in PEM, that the API's certificate is signed with."},
			{Name: "vpc_id", Type: cty.String, Computed: true, Description: "Id of the VPC."},
			{Name: "subnet_ids", Type: listOfStrings, Computed: true, Description: "Ids of the subnets, in the order of the zones."},
			{Name: "security_group_ids", Type: mapOfStrings, Computed: true, Description: "Ids of the security groups: `control_plane`, `worker`."},
			{Name: "control_plane_nodes", Type: cty.List(nodeType()), Computed: true, Description: "The control plane's nodes, as `nodes` of a node pool."},
		}),
		Blocks: []NestedBlock{
			{Type: "network", Max: 1, Schema: networkSchema()},
			{Type: "control_plane", Max: 1, Schema: controlPlaneSchema()},
			{Type: "firewall", Max: 1, Schema: firewallSchema()},
			lifecycleBlock(),
		},
	}
}

func networkSchema() *Schema {
	return &Schema{
		Description: "The cluster's VPC and the pods' network.",
		Attributes: []Attribute{
			{Name: "cidr", Type: cty.String, Form: formVPC, Default: `"10.0.0.0/16"`, PlanTime: true, Description: "Addresses of the VPC, from /16 to /28; it is cut into 8 subnets, and each zone has one."},
			{Name: "availability_zones", Type: cty.DynamicPseudoType, Form: formZones, Default: "1", PlanTime: true,
				Description: "Over how many zones to spread, or a list of their names."},
			{Name: "node_public_ip", Type: cty.Bool, Default: "true", PlanTime: true, Description: "Whether nodes get public addresses. `false` needs a NAT gateway, which clusterform does not make yet, and is refused."},
		},
		Blocks: []NestedBlock{{Type: "overlay", Max: 1, Schema: &Schema{
			Description: "The pods' network on top of the VPC.",
			Attributes: []Attribute{
				{Name: "backend", Type: cty.String, Default: `"vxlan"`, PlanTime: true, Values: []string{"vxlan", "host-gw", "none"},
					Description: "How packets between pods of different nodes travel. `host-gw` needs all nodes in one subnet; `none` leaves it to you."},
				{Name: "pod_cidr", Type: cty.String, Form: formCIDR, Default: `"10.244.0.0/16"`, PlanTime: true, Description: "Addresses of pods; every node gets a /24 of it."},
				{Name: "service_cidr", Type: cty.String, Form: formCIDR, Default: `"10.96.0.0/12"`, PlanTime: true, Description: "Virtual addresses of services."},
				{Name: "mtu", Type: cty.Number, Form: formMTU, PlanTime: true, Description: "Largest packet in bytes. Found out when not given."},
				{Name: "encrypted", Type: cty.Bool, Default: "false", PlanTime: true, Description: "Encrypt traffic between nodes."},
			},
		}}},
	}
}

func controlPlaneSchema() *Schema {
	return &Schema{
		Description: "The nodes that hold the cluster together.",
		Attributes: concat([]Attribute{
			{Name: "size", Type: cty.Number, Form: formQuorum, Default: "1", PlanTime: true, Description: "1, 3 or 5; more than one puts a load balancer in front."},
		}, machineAttributes(), []Attribute{
			{Name: "access", Type: listOfStrings, Form: formCIDRs, Default: "[]", Description: "CIDR blocks that may reach the API endpoint. None by default: nobody outside the cluster."},
			{Name: "schedulable", Type: cty.Bool, Default: "false", PlanTime: true, Description: "Whether workloads may run on these nodes."},
		}),
		Blocks: []NestedBlock{nodeUpdateBlock()},
	}
}

func firewallSchema() *Schema {
	return &Schema{
		Description: "What may come in from outside. What the cluster itself needs is open already; nothing else is.",
		Blocks: []NestedBlock{{Type: "allow", Label: "name", Schema: &Schema{
			Description: "Traffic that is let through.",
			Attributes: []Attribute{
				{Name: "to", Type: cty.String, Default: `"worker"`, PlanTime: true, Description: "`control_plane`, `worker`, `all`, or the name of a node pool."},
				{Name: "protocol", Type: cty.String, Default: `"tcp"`, PlanTime: true, Values: []string{"tcp", "udp", "icmp", "all"}, Description: "Protocol."},
				{Name: "ports", Type: cty.DynamicPseudoType, Form: formPorts, Default: "[]", Description: "Ports and ranges: `[80, 443, \"30000-32767\"]`. Needed for tcp and udp."},
				{Name: "from", Type: listOfStrings, Form: formPeers, Required: true, Description: "CIDR blocks, or `control_plane`, `worker`, `cluster`."},
			},
		}}},
	}
}

// machineAttributes are shared by control planes and node pools.
func machineAttributes() []Attribute {
	return []Attribute{
		{Name: "instance_type", Type: cty.DynamicPseudoType, Form: formInstanceTypes, Default: `"t3.medium"`, Description: "EC2 instance type, or a list: the first with capacity is taken."},
		{Name: "image", Type: cty.String, Form: formImage, Default: `"debian-12"`, Description: "`ami-…`, `ssm:` with the name of a public parameter, or one of " + imageNames() + "."},
		{Name: "image_update", Type: cty.String, Default: `"none"`, Values: []string{"none", "rolling"}, Description: "`rolling` replaces nodes when the image's parameter has a newer value; `none` keeps the image of the day they were made."},
		{Name: "disk_gib", Type: cty.Number, Form: formDisk, Default: "20", Description: "Size of the root volume in GiB."},
		{Name: "user_data", Type: cty.String, Form: formUserData, Default: `""`, Description: "Shell script run at the end of a node's first boot. Readable by anybody in the account and any process on the node: no secrets."},
		{Name: "key_name", Type: cty.String, Default: `""`, Description: "EC2 key pair for SSH."},
		{Name: "labels", Type: mapOfStrings, Form: formLabels, Default: "{}", Description: "Labels on the nodes, for placement."},
		{Name: "tags", Type: mapOfStrings, Form: formTags, Default: "{}", Description: "Tags on the instances, added to the cluster's."},
	}
}

func nodeUpdateBlock() NestedBlock {
	return NestedBlock{Type: "update", Max: 1, Schema: &Schema{
		Description: "How nodes are replaced when they cannot be changed in place.",
		Attributes: []Attribute{
			{Name: "max_surge", Type: cty.DynamicPseudoType, Form: formAmount, Default: "1", PlanTime: true, Description: "Extra nodes meanwhile: a number, or a part such as `\"25%\"`."},
			{Name: "max_unavailable", Type: cty.DynamicPseudoType, Form: formAmount, Default: "0", PlanTime: true, Description: "Nodes that may be missing meanwhile: a number, or a part such as `\"25%\"`."},
			{Name: "canary", Type: cty.Number, Form: formCount, Default: "0", PlanTime: true, Description: "Nodes replaced and watched before the rest."},
			{Name: "drain_timeout", Type: cty.String, Form: formDuration, Default: `"10m"`, PlanTime: true, Description: "How long workloads have to move away from a node that goes."},
			{Name: "health_timeout", Type: cty.String, Form: formDuration, Default: `"15m"`, PlanTime: true, Description: "How long a new node has to join and become ready."},
		},
	}}
}

// nodeType is the type of an element of nodes.
func nodeType() cty.Type {
	return cty.Object(map[string]cty.Type{
		"name": cty.String, "id": cty.String, "private_ip": cty.String, "public_ip": cty.String,
		"private_dns": cty.String, "zone": cty.String, "instance_type": cty.String,
	})
}

func concat(parts ...[]Attribute) []Attribute {
	var out []Attribute
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
