package hclconfig

import "github.com/zclconf/go-cty/cty"

func nodePoolSchema() *Schema {
	return &Schema{
		Description: "Nodes that are alike, in one cluster.",
		Attributes: concat(metaAttributes(), []Attribute{
			{Name: "cluster", Type: cty.DynamicPseudoType, Form: formCluster, Required: true, PlanTime: true, Description: "The cluster: `cluster.lab`."},
			{Name: "size", Type: cty.Number, Form: formPoolSize, Required: true, PlanTime: true, Description: "Number of nodes, from 0."},
		}, machineAttributes(), []Attribute{
			{Name: "availability_zones", Type: listOfStrings, Form: formZoneNames, Default: "[]", PlanTime: true, Description: "Names of zones, a part of the cluster's; all of them by default."},
			{Name: "spot", Type: cty.Bool, Default: "false", Description: "Use spot instances, which may be taken away at two minutes' notice."},
			{Name: "public_ip", Type: cty.Bool, Description: "Whether nodes get public addresses; by default as the cluster's network says."},
		}, identityAttributes(), []Attribute{
			{Name: "nodes", Type: cty.List(nodeType()), Computed: true, Description: "The nodes, by ordinal: objects with name, id, private_ip, public_ip, private_dns, zone and instance_type."},
		}),
		Blocks: []NestedBlock{
			{Type: "taint", Label: "key", Schema: &Schema{
				Description: "Keeps workloads without a matching toleration away.",
				Attributes: []Attribute{
					{Name: "value", Type: cty.String, Default: `""`, Description: "Value of the taint."},
					{Name: "effect", Type: cty.String, Default: `"NoSchedule"`, Values: []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, Description: "What happens to workloads that do not tolerate it."},
				},
			}},
			nodeUpdateBlock(),
			lifecycleBlock(),
		},
	}
}
