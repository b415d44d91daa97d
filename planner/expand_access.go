package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// The roles of nodes.
const (
	roleControlPlane = "control_plane"
	roleWorker       = "worker"
)

func securityGroup(cluster resource.Address, role string) resource.Address {
	return cluster.Child("security_group").Key(role)
}

func iamRole(cluster resource.Address, role string) resource.Address {
	return cluster.Child("role").Key(role)
}

// poolGroup is the security group that a pool has of its own when a firewall rule names it.
func poolGroup(pool resource.Address) resource.Address { return pool.Child("security_group") }

// rulesOf is the address of a group's rules.
func rulesOf(group resource.Address) resource.Address {
	const part = ".security_group"
	i := strings.LastIndex(string(group), part) + len(part)
	return group[:i] + "_rules" + group[i:]
}

// expandAccess makes the security groups, what they let through, and what nodes may ask AWS for.
func (p *planning) expandAccess(c *cluster) {
	w := p.wanted
	groups := []resource.Address{securityGroup(c.address, roleControlPlane), securityGroup(c.address, roleWorker)}
	for i, role := range []string{roleControlPlane, roleWorker} {
		p.addGroup(c, c.owner, groups[i], strings.ReplaceAll(role, "_", "-"), withName(c.tags, c.Name+"-"+strings.ReplaceAll(role, "_", "-")))
		c.named[role] = groups[i : i+1]
	}
	c.named["cluster"], c.named["all"] = groups, groups
	all := slices.Clone(groups)
	for _, pool := range c.pools {
		if !isNamed(c, pool) {
			continue
		}
		a := poolGroup(resource.Address(pool.Address))
		p.addGroup(c, c.owner, a, "pool-"+poolName(pool), withName(c.tags, c.Name+"-"+poolPart(pool)))
		c.named[pool.Name] = append(c.named[pool.Name], a)
		all = append(all, a)
	}
	ingress := p.ingress(c)
	for _, g := range all {
		w.add(c.owner, nil, rulesOf(g), &resource.SecurityGroupRules{
			Group: resource.Ref(g), Ingress: resource.SortRules(ingress[g]), Egress: egress(g, groups),
		})
	}
	for _, role := range []string{roleControlPlane, roleWorker} {
		a := iamRole(c.address, role)
		part := strings.ReplaceAll(role, "_", "-")
		w.add(c.owner, nil, a, &resource.Role{
			Name:   p.keepName(a, cloudName(c.Name, c.uid, part, maxRoleName)),
			Policy: parameterPolicy(c.Region, c.uid, part), Tags: withName(c.tags, c.Name+"-"+part),
		})
	}
}

func (p *planning) addGroup(c *cluster, o *owner, a resource.Address, part string, tags resource.Tags) {
	p.wanted.add(o, nil, a, &resource.SecurityGroup{
		VPC:  resource.Ref(c.address.Child("vpc")),
		Name: p.keepName(a, cloudName(c.Name, c.uid, part, maxSecurityGroupName)), Description: "clusterform " + c.uid, Tags: tags,
	})
}

// isNamed tells whether a firewall rule is about this pool alone. The names of roles mean the roles.
func isNamed(c *cluster, pool *hclconfig.NodePool) bool {
	return slices.ContainsFunc(c.Firewall.Allow, func(a hclconfig.Allow) bool {
		return a.To == pool.Name && a.To != roleControlPlane && a.To != roleWorker && a.To != "all"
	})
}

// poolPart is a pool's name with its for_each key, fit for names.
func poolPart(pool *hclconfig.NodePool) string {
	if pool.Key == "" {
		return plainName(pool.Name)
	}
	return plainName(pool.Name + "-" + pool.Key)
}

// poolName is poolPart made unique among the pools of all modules and keys.
func poolName(pool *hclconfig.NodePool) string {
	if pool.Key == "" && pool.Module == "" {
		return poolPart(pool)
	}
	return poolPart(pool) + "-" + resource.Token("", resource.Address(pool.Address), 0)[:6]
}

// egress lets nodes reach everything: they download the orchestrator, images and updates from places that have names
// and no fixed addresses. A pool's own group adds ways in only, since its nodes have the workers' group too.
func egress(g resource.Address, all []resource.Address) []resource.Rule {
	if !slices.Contains(all, g) {
		return nil
	}
	return []resource.Rule{{Protocol: "-1", CIDR: "0.0.0.0/0", Description: "downloads"}}
}

// ingress collects what may come in, by security group: what the orchestrator needs, what may reach the API, and what
// the firewall block allows. Nothing else is open.
func (p *planning) ingress(c *cluster) map[resource.Address][]resource.Rule {
	in := ruleSet{rules: map[resource.Address][]resource.Rule{}, seen: map[ruleKey]bool{}}
	for _, o := range openings(c.Orchestrator, c.Network.Overlay) {
		for _, to := range c.named[o.to] {
			for _, from := range c.named[o.from] {
				in.add(to, resource.Rule{Protocol: o.protocol, FromPort: o.first, ToPort: o.last, Group: resource.Ref(from), Description: o.why})
			}
		}
	}
	if c.Orchestrator == hclconfig.Kubernetes && c.Network.Overlay.Backend == "host-gw" && c.Network.Overlay.PodCIDR != "" {
		// Packets keep their pod addresses, which no security group stands for.
		for _, g := range c.named["cluster"] {
			in.add(g, resource.Rule{Protocol: "-1", CIDR: c.Network.Overlay.PodCIDR, Description: "pods"})
		}
	}
	port := apiPort(c.Orchestrator)
	api := resource.Rule{Protocol: "tcp", FromPort: port, ToPort: port}
	cp := securityGroup(c.address, roleControlPlane)
	if c.ControlPlane.Size > 1 {
		// The balancer's health checks come from addresses in the VPC, and it has no security group to name.
		api.CIDR, api.Description = c.Network.CIDR, "load balancer"
		in.add(cp, api)
	}
	for _, cidr := range c.ControlPlane.Access {
		api.CIDR, api.Description = cidr, "API access"
		in.add(cp, api)
	}
	for _, a := range c.Firewall.Allow {
		in.allow(c, a)
	}
	return in.rules
}

type ruleKey struct {
	to   resource.Address
	rule resource.Rule
}

// ruleSet holds rules by group. AWS has each combination of protocol, ports and peer once, whatever its description: the
// first one is kept.
type ruleSet struct {
	rules map[resource.Address][]resource.Rule
	seen  map[ruleKey]bool
}

func (s ruleSet) add(to resource.Address, r resource.Rule) {
	k := ruleKey{to, r}
	k.rule.Description = ""
	if !s.seen[k] {
		s.seen[k] = true
		s.rules[to] = append(s.rules[to], r)
	}
}

func (s ruleSet) allow(c *cluster, a hclconfig.Allow) {
	protocol, ports := a.Protocol, a.Ports
	switch protocol {
	case "all":
		protocol, ports = "-1", []hclconfig.PortRange{{}}
	case "icmp":
		ports = []hclconfig.PortRange{{From: -1, To: -1}} // every type and code
	case "":
		protocol = "tcp"
	}
	for _, to := range c.named[a.To] {
		for _, ports := range ports {
			r := resource.Rule{Protocol: protocol, FromPort: ports.From, ToPort: ports.To, Description: "allow " + plainName(a.Name)}
			for _, from := range a.From {
				groups, isGroup := c.named[from]
				if !isGroup {
					r.CIDR, r.Group = from, ""
					s.add(to, r)
				}
				for _, g := range groups {
					r.CIDR, r.Group = "", resource.Ref(g)
					s.add(to, r)
				}
			}
		}
	}
}

// parameterPolicy lets a role read its own path in the Parameter Store and nothing else, in canonical JSON.
func parameterPolicy(region, uid, part string) string {
	path := fmt.Sprintf("arn:%s:ssm:%s:*:parameter/clusterform/%s/%s", partition(region), region, uid, part)
	type statement struct {
		Action   []string
		Effect   string
		Resource []string
	}
	b, err := json.Marshal(struct {
		Statement []statement
		Version   string
	}{
		Statement: []statement{{
			Action: []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"}, Effect: "Allow",
			Resource: []string{path, path + "/*"},
		}},
		Version: "2012-10-17",
	})
	if err != nil {
		return "" // strings always marshal
	}
	return string(b)
}

// partition is the first part of ARNs.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
