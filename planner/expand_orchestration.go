package planner

import (
	"context"
	"maps"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// orchestrates tells whether the nodes of such clusters join an orchestrator by themselves. Other nodes are plain instances.
func (p *planning) orchestrates(o hclconfig.Orchestrator) bool {
	return p.req.Orchestration != nil && (o == hclconfig.Kubernetes || o == hclconfig.Swarm)
}

// credentialsOf is the address of a cluster's credentials.
func credentialsOf(cluster resource.Address) resource.Address { return cluster.Child("credentials") }

// controlPlaneOf is the address of a cluster's control plane, whose nodes stand below it.
func controlPlaneOf(cluster resource.Address) resource.Address {
	return cluster.Child(roleControlPlane)
}

// expandCredentials makes what the cluster's nodes and its administrators trust, and finds what its nodes are made of.
func (p *planning) expandCredentials(ctx context.Context, c *cluster) {
	if !p.orchestrates(c.Orchestrator) {
		return
	}
	p.wanted.add(c.owner, nil, credentialsOf(c.address), &resource.Credentials{
		Orchestrator: string(c.Orchestrator), Path: "/clusterform/" + c.uid,
	})
	if p.checkUpgrade(c); p.turn.HasErrors() {
		return
	}
	c.software = p.software(ctx, c)
	endpoint, err := p.lookups.endpoint(ctx, c.Region)
	if err != nil {
		p.failTurn(&c.Block, c.address, "Cannot find the services' address",
			"%s: where nodes reach the services of AWS in %s could not be found out: %s", c.address, c.Region, callText(err))
	}
	c.endpoint = endpoint
}

// software finds what the nodes of the cluster's version download: what was found for the version before, or else by
// looking it up.
func (p *planning) software(ctx context.Context, c *cluster) *resource.Software {
	key := resource.SoftwareKey(c.Version, c.Bundle)
	if known := c.existing.Software[key]; known != nil {
		return known
	}
	found, looked, err := p.lookups.software(ctx, c)
	switch {
	case err != nil:
		p.failTurn(&c.Block, c.address, "Cannot find the software of nodes",
			"%s: what nodes download for %s %s was not found: %s\n\nName where it is with bundle = \"https://…\" in the cluster, build it with `clusterform bundle build %s`, or ask for another version.",
			c.address, c.Orchestrator, c.Version, callText(err), c.Version)
		return nil
	case !looked || found == nil:
		return nil
	}
	c.existing.Software = maps.Clone(c.existing.Software)
	if c.existing.Software == nil {
		c.existing.Software = map[string]*resource.Software{}
	}
	c.existing.Software[key] = found
	return found
}

// userData is what the nodes of a group run when they boot, and the digest of what it is for. Without an orchestrator it is the block's own.
func (p *planning) userData(c *cluster, m machines) (text, setup string, ok bool) {
	if !p.orchestrates(c.Orchestrator) {
		return m.userData, "", true
	}
	in := NodeSetup{
		Cluster: c.Cluster, UID: c.uid, Role: m.role, Pool: resource.PoolName(m.address), Software: c.software, Endpoint: c.endpoint, Extra: m.userData,
	}
	text, err := p.req.Orchestration.UserData(in)
	if err != nil {
		p.failTurn(m.block, m.address, "Nodes cannot be set up", "%s: the user-data of its nodes cannot be made: %s", m.address, callText(err))
		return "", "", false
	}
	return text, in.Digest(), true
}
