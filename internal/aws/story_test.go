package aws

import (
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// TestMoto runs the story of a cluster's objects on moto_server.
func TestMoto(t *testing.T) {
	t.Parallel()
	c := moto(t)
	image := "ami-12c6146b"
	r := newRun("us-east-1")
	story(t, c, r, image)
}

// story makes every kind of object, reads it back, changes what can be changed, and deletes it again.
func story(t *testing.T, c *Cloud, r *run, image string) {
	zones, err := c.Zones(t.Context(), r.region)
	if err != nil || len(zones) < 2 {
		t.Fatalf("zones: %v %v", zones, err)
	}
	build(t, c, r, image, zones)
	for _, kind := range cloudKinds() {
		r.same(t, c, kind)
	}
	if t.Failed() {
		t.FailNow()
	}
	alter(t, c, r)
	for _, kind := range cloudKinds() {
		r.same(t, c, kind)
	}
	demolish(t, c, r)
	if len(r.intents) > 0 {
		t.Errorf("open intents: %v", r.intents)
	}
	for _, kind := range cloudKinds() {
		for _, o := range r.read(t, c, kind) {
			t.Errorf("%s %s (%s) is left", kind, o.ID, o.Address)
		}
	}
}

const (
	vpc      = "cluster.lab.vpc"
	gateway  = "cluster.lab.internet_gateway"
	table    = "cluster.lab.route_table"
	subnetA  = `cluster.lab.subnet["a"]`
	subnetB  = `cluster.lab.subnet["b"]`
	masters  = `cluster.lab.security_group["control_plane"]`
	workers  = `cluster.lab.security_group["worker"]`
	masterR  = `cluster.lab.security_group_rules["control_plane"]`
	workerR  = `cluster.lab.security_group_rules["worker"]`
	role     = `cluster.lab.role["worker"]`
	eip      = "cluster.lab.elastic_ip"
	eipTie   = "cluster.lab.elastic_ip_association"
	balancer = "cluster.lab.load_balancer"
	target   = "cluster.lab.load_balancer_target[0]"
	pool     = "node_pool.worker"
)

func policyFor(path string) string {
	return `{"Statement":[{"Action":["ssm:GetParameter"],"Effect":"Allow","Resource":["arn:aws:ssm:*:*:parameter/` + path + `/*"]}],"Version":"2012-10-17"}`
}

func nodeSpec(r *run, image, zone string) *resource.Node {
	return &resource.Node{
		Pool: pool, Role: "worker", InstanceTypes: []string{"t3.large", "t3a.large"}, Image: image, Subnet: subnetA,
		Subnets: []resource.Ref{subnetA, subnetB}, Zone: zone, SecurityGroups: []resource.Ref{workers}, Profile: role, PublicIP: true, DiskGiB: 20,
		UserData: r.userData("#cloud-config\n"), Tags: resource.Tags{"Name": "worker", "tier": "web"},
	}
}

// build makes one of each, in an order that satisfies their references.
func build(t *testing.T, c *Cloud, r *run, image string, zones []string) {
	t.Helper()
	name := resource.Tags{"Name": "lab"}
	r.must(t, c, r.creation(vpc, &resource.VPC{CIDR: "10.88.0.0/16", DNSHostnames: true, DNSSupport: true, Tags: name}))
	r.must(t, c, r.creation(gateway, &resource.InternetGateway{VPC: vpc, Tags: name}))
	r.must(t, c,
		r.creation(subnetA, &resource.Subnet{VPC: vpc, CIDR: "10.88.0.0/20", Zone: zones[0], PublicIPs: true, Tags: name}),
		r.creation(subnetB, &resource.Subnet{VPC: vpc, CIDR: "10.88.16.0/20", Zone: zones[1], Tags: name}),
	)
	r.must(t, c, r.creation(table, &resource.RouteTable{
		VPC: vpc, Routes: []resource.Route{{Destination: "0.0.0.0/0", Gateway: gateway}}, Subnets: []resource.Ref{subnetA, subnetB}, Tags: name,
	}))
	r.must(t, c,
		r.creation(masters, &resource.SecurityGroup{VPC: vpc, Name: "lab-01234567-control-plane", Description: "control plane", Tags: name}),
		r.creation(workers, &resource.SecurityGroup{VPC: vpc, Name: "lab-01234567-worker", Description: "worker", Tags: name}),
	)
	out := []resource.Rule{{Protocol: "-1", CIDR: "0.0.0.0/0", Description: "downloads"}}
	r.must(t, c,
		r.creation(masterR, &resource.SecurityGroupRules{Group: masters, Egress: out, Ingress: resource.SortRules([]resource.Rule{
			{Protocol: "tcp", FromPort: 6443, ToPort: 6443, Group: workers, Description: "API"},
			{Protocol: "tcp", FromPort: 2379, ToPort: 2380, Group: masters},
			{Protocol: "tcp", FromPort: 6443, ToPort: 6443, CIDR: "192.0.2.0/24"},
		})}),
		r.creation(workerR, &resource.SecurityGroupRules{Group: workers, Ingress: resource.SortRules([]resource.Rule{
			{Protocol: "udp", FromPort: 8472, ToPort: 8472, Group: masters}, {Protocol: "icmp", FromPort: -1, ToPort: -1, CIDR: "10.88.0.0/16"},
		})}),
	)
	r.must(t, c, r.creation(role, &resource.Role{Name: "lab-01234567-worker", Policy: policyFor("worker"), Tags: name}))
	r.must(t, c, r.creation(eip, &resource.ElasticIP{Tags: name}))
	r.must(t, c, r.creation(balancer, &resource.LoadBalancer{
		Name: "lab-01234567-api", VPC: vpc, Subnets: []resource.Ref{subnetA}, Port: 6443, HealthPort: 6443, Tags: name,
	}))
	var nodes []resource.Change
	for i := range 3 {
		nodes = append(nodes, r.creation(resource.Address(pool).Index(i), nodeSpec(r, image, zones[0])))
	}
	r.must(t, c, nodes...)
	r.must(t, c, r.creation(eipTie, &resource.ElasticIPAssociation{Address: eip, Node: pool + "[0]"}))
	r.must(t, c, r.creation(target, &resource.LoadBalancerTarget{LoadBalancer: balancer, Node: pool + "[1]"}))
}

// alter changes every field that changes in place.
func alter(t *testing.T, c *Cloud, r *run) {
	t.Helper()
	tags := resource.Tags{"Name": "lab2", "owner": "ops"}
	edit := func(a resource.Address, f func(resource.Spec)) resource.Change {
		rec, ok := r.Record(a)
		if !ok {
			t.Fatalf("%s is not recorded", a)
		}
		s := resource.Clone(rec.Spec)
		f(s)
		return r.change(a, s)
	}
	r.must(t, c, edit(vpc, func(s resource.Spec) {
		v := s.(*resource.VPC)
		v.DNSHostnames, v.DNSSupport, v.Tags = false, false, tags
	}))
	r.must(t, c, edit(gateway, func(s resource.Spec) { s.(*resource.InternetGateway).Tags = tags }))
	r.must(t, c,
		edit(subnetA, func(s resource.Spec) { v := s.(*resource.Subnet); v.PublicIPs, v.Tags = false, tags }),
		edit(subnetB, func(s resource.Spec) { s.(*resource.Subnet).PublicIPs = true }),
	)
	r.must(t, c, edit(table, func(s resource.Spec) {
		v := s.(*resource.RouteTable)
		v.Routes, v.Subnets, v.Tags = []resource.Route{{Destination: "198.51.100.0/24", Gateway: gateway}}, []resource.Ref{subnetB}, tags
	}))
	r.must(t, c, edit(masters, func(s resource.Spec) { s.(*resource.SecurityGroup).Tags = nil }))
	r.must(t, c, edit(masterR, func(s resource.Spec) {
		v := s.(*resource.SecurityGroupRules)
		v.Egress = []resource.Rule{{Protocol: "-1", CIDR: "0.0.0.0/0", Description: "everything"}}
		v.Ingress = resource.SortRules([]resource.Rule{
			{Protocol: "tcp", FromPort: 6443, ToPort: 6443, Group: workers, Description: "the API"},
			{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "192.0.2.0/24"},
		})
	}))
	r.must(t, c, edit(role, func(s resource.Spec) { v := s.(*resource.Role); v.Policy, v.Tags = policyFor("other"), tags }))
	r.must(t, c, edit(eip, func(s resource.Spec) { s.(*resource.ElasticIP).Tags = tags }))
	r.must(t, c, edit(balancer, func(s resource.Spec) { v := s.(*resource.LoadBalancer); v.HealthPort, v.Tags = 6444, tags }))
	r.must(t, c, edit(balancer, func(s resource.Spec) { s.(*resource.LoadBalancer).Subnets = []resource.Ref{subnetA, subnetB} }))
	r.must(t, c, edit(eipTie, func(s resource.Spec) { s.(*resource.ElasticIPAssociation).Node = pool + "[2]" }))
	r.must(t, c, edit(target, func(s resource.Spec) { s.(*resource.LoadBalancerTarget).Node = pool + "[0]" }))
	var nodes []resource.Change
	for i := range 3 {
		nodes = append(nodes, edit(resource.Address(pool).Index(i), func(s resource.Spec) {
			n := s.(*resource.Node)
			n.Tags, n.SecurityGroups, n.Labels = tags, []resource.Ref{masters, workers}, map[string]string{"a": "b"}
		}))
	}
	r.must(t, c, nodes...)
}

// demolish deletes everything in reverse.
func demolish(t *testing.T, c *Cloud, r *run) {
	t.Helper()
	for _, step := range [][]resource.Address{
		{target}, {eipTie}, {pool + "[0]", pool + "[1]", pool + "[2]"}, {balancer}, {eip}, {role}, {masterR, workerR}, {masters, workers}, {table},
		{subnetA, subnetB}, {gateway}, {vpc},
	} {
		var changes []resource.Change
		for _, a := range step {
			if _, ok := r.Record(a); ok {
				changes = append(changes, r.removal(a))
			}
		}
		if len(changes) > 0 {
			r.must(t, c, changes...)
		}
	}
}
