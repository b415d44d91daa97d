package planner

import (
	"github.com/clusterform/clusterform/planner/resource"
)

// expandEndpoint makes the address at which the API is reached: an elastic address for one control-plane node, a network
// load balancer for several. The balancer has public addresses only when somebody outside may reach the API.
func (p *planning) expandEndpoint(c *cluster) {
	w := p.wanted
	if c.ControlPlane.Size <= 1 {
		w.add(c.owner, nil, c.address.Child("elastic_ip"), &resource.ElasticIP{Tags: withName(c.tags, c.Name+"-api")})
		return
	}
	a := c.address.Child("load_balancer")
	subnets := make([]resource.Ref, 0, len(c.zones))
	for _, z := range c.zones {
		subnets = append(subnets, z.subnet)
	}
	port := apiPort(c.Orchestrator)
	w.add(c.owner, nil, a, &resource.LoadBalancer{
		Name: p.keepName(a, cloudName(c.Name, c.uid, "api", maxLoadBalancerName)), Internal: len(c.ControlPlane.Access) == 0,
		VPC: resource.Ref(c.address.Child("vpc")), Subnets: resource.SortRefs(subnets), Port: port, HealthPort: port,
		Tags: withName(c.tags, c.Name+"-api"),
	})
}

// expandAttachments ties the endpoint to the control-plane nodes.
func (p *planning) expandAttachments(c *cluster) {
	w, nodes := p.wanted, c.address.Child("control_plane")
	if c.ControlPlane.Size <= 1 {
		w.add(c.owner, nil, c.address.Child("elastic_ip_association"), &resource.ElasticIPAssociation{
			Address: resource.Ref(c.address.Child("elastic_ip")), Node: resource.Ref(nodes.Index(0)),
		})
		return
	}
	for i := range c.ControlPlane.Size {
		w.add(c.owner, nil, c.address.Child("load_balancer_target").Index(i), &resource.LoadBalancerTarget{
			LoadBalancer: resource.Ref(c.address.Child("load_balancer")), Node: resource.Ref(nodes.Index(i)),
		})
	}
}
