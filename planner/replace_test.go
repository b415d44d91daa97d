package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// position finds the step of an operation on an address.
func position(t testing.TB, p *Plan, op resource.Operation, a resource.Address) int {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Address == a && s.Operation == op })
	if i < 0 {
		t.Fatalf("the plan has no %s of %s:\n%s", op, a, strings.Join(summary(p), "\n"))
	}
	return i
}

// reaches tells whether step i needs step on, directly or not.
func reaches(p *Plan, i, on int) bool {
	if i == on {
		return true
	}
	return slices.ContainsFunc(p.Steps[i].Needs, func(n int32) bool { return int(n) >= on && reaches(p, int(n), on) })
}

type edge struct {
	op   resource.Operation
	addr resource.Address
}

func TestOrderOfEdges(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		files  string // small, when empty
		change func(w *world)
		mode   Mode
		first  bool // the plan of nothing recorded
		later  edge
		needs  []edge
	}{
		"a node waits for what it refers to and for a working network": {
			first: true,
			later: edge{resource.Create, "node_pool.worker[0]"},
			needs: []edge{
				{resource.Create, `cluster.lab.subnet["ap-northeast-2a"]`}, {resource.Create, `cluster.lab.security_group["worker"]`},
				{resource.Create, `cluster.lab.security_group_rules["worker"]`}, {resource.Create, `cluster.lab.role["worker"]`},
				{resource.Create, "cluster.lab.route_table"}, {resource.Create, "cluster.lab.internet_gateway"},
			},
		},
		"the gateway goes after the nodes": {
			mode:  ModeDestroy,
			later: edge{resource.Delete, "cluster.lab.internet_gateway"},
			needs: []edge{{resource.Delete, "node_pool.worker[2]"}, {resource.Delete, "cluster.lab.control_plane[0]"}, {resource.Delete, "cluster.lab.route_table"}},
		},
		"a new network comes after everything in the old one went": {
			change: func(w *world) { w.edit("10.88.0.0/16", "10.77.0.0/16") },
			later:  edge{resource.Create, "cluster.lab.vpc"},
			needs:  []edge{{resource.Delete, "cluster.lab.vpc"}, {resource.Delete, "cluster.lab.internet_gateway"}, {resource.Delete, "node_pool.worker[2]"}, {resource.Delete, `cluster.lab.security_group["worker"]`}},
		},
		"with create_before_destroy the old one goes last": {
			change: func(w *world) {
				w.edit("10.88.0.0/16", "10.77.0.0/16")
				w.edit("network {", "lifecycle {\ncreate_before_destroy = true\n}\nnetwork {")
			},
			later: edge{resource.Delete, "cluster.lab.vpc"},
			needs: []edge{
				{resource.Create, "cluster.lab.vpc"}, {resource.Create, "cluster.lab.internet_gateway"}, {resource.Create, "node_pool.worker[2]"},
				{resource.Delete, "node_pool.worker[2]"}, {resource.Delete, "cluster.lab.internet_gateway"},
			},
		},
		"a rule that names a group is dropped before the group": {
			change: func(w *world) {
				w.files = w.files[:strings.Index(w.files, "node_pool \"worker\"")]
				w.edit("firewall {\nallow \"x\" {\nto = \"worker\"\nports = [80]\nfrom = [\"0.0.0.0/0\"]\n}\n}\n", "")
			},
			later: edge{resource.Delete, "node_pool.worker.security_group"},
			needs: []edge{{resource.Delete, "node_pool.worker.security_group_rules"}, {resource.Delete, "node_pool.worker[0]"}},
		},
		"a zone is served until its nodes have left": {
			change: func(w *world) { w.edit("availability_zones = 2", "availability_zones = 1") },
			later:  edge{resource.Update, "cluster.lab.route_table"},
			needs:  []edge{{resource.Create, "node_pool.worker[1]"}, {resource.Delete, "node_pool.worker[1]"}},
		},
		"a balancer keeps a zone until its members have left": {
			change: func(w *world) {
				w.files = strings.Replace(threeMembers, "availability_zones = 2", "availability_zones = 1", 1)
			},
			files: threeMembers,
			later: edge{resource.Update, "cluster.lab.load_balancer"},
			needs: []edge{
				{resource.Delete, "cluster.lab.control_plane[1]"}, {resource.Update, "cluster.lab.load_balancer_target[1]"},
			},
		},
		"the association follows a new control-plane node before the old one goes": {
			change: func(w *world) {
				w.edit("network {", "control_plane {\ninstance_type = \"m5.large\"\n}\nnetwork {")
			},
			later: edge{resource.Delete, "cluster.lab.control_plane[0]"},
			needs: []edge{{resource.Create, "cluster.lab.control_plane[0]"}, {resource.Update, "cluster.lab.elastic_ip_association"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := cmp.Or(story.files, small)
			if name == "a rule that names a group is dropped before the group" {
				files = strings.Replace(small, "network {", "firewall {\nallow \"x\" {\nto = \"worker\"\nports = [80]\nfrom = [\"0.0.0.0/0\"]\n}\n}\nnetwork {", 1)
				files = strings.ReplaceAll(files, `to = "worker"`, `to = "web"`)
				files = strings.ReplaceAll(files, `node_pool "worker"`, `node_pool "web"`)
				story.later.addr = "node_pool.web.security_group"
				story.needs = []edge{{resource.Delete, "node_pool.web.security_group_rules"}, {resource.Delete, "node_pool.web[0]"}}
				story.change = func(w *world) {
					w.files = w.files[:strings.Index(w.files, "node_pool \"web\"")]
					w.edit("firewall {\nallow \"x\" {\nto = \"web\"\nports = [80]\nfrom = [\"0.0.0.0/0\"]\n}\n}\n", "")
				}
			}
			w := newWorld(t, files)
			if !story.first {
				w.apply(w.plan())
			}
			if story.change != nil {
				story.change(w)
			}
			p := w.plan(func(r *Request) { r.Mode = story.mode })
			later := position(t, p, story.later.op, story.later.addr)
			for _, n := range story.needs {
				if !reaches(p, later, position(t, p, n.op, n.addr)) {
					t.Errorf("%s of %s does not wait for %s of %s", story.later.op, story.later.addr, n.op, n.addr)
				}
			}
			if story.mode == ModeDestroy {
				w.files = ""
			}
			w.apply(p)
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("after applying it, the next plan is not empty:\n%v", again)
			}
		})
	}
}

func TestRegionChangeRebuildsEverything(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	had := len(w.state.Records)
	w.edit("ap-northeast-2", "eu-central-1")
	p := w.plan()
	w.apply(p)
	if len(w.state.Records) != had {
		t.Errorf("%d records, had %d", len(w.state.Records), had)
	}
	for a, r := range w.state.Records {
		if r.Region != "eu-central-1" {
			t.Errorf("%s is still in %s", a, r.Region)
		}
	}
	if again := summary(w.plan()); len(again) > 0 {
		t.Errorf("the next plan is not empty:\n%v", again)
	}
}

func TestControlPlaneOfThree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(small, "network {", "control_plane {\nsize = 3\naccess = [\"192.0.2.0/24\"]\n}\nnetwork {", 1))
	p := w.plan()
	lb := p.Steps[position(t, p, resource.Create, "cluster.lab.load_balancer")].After.Spec.(*resource.LoadBalancer)
	if lb.Internal || lb.Port != 6443 || len(lb.Subnets) != 2 || len(lb.Name) > maxLoadBalancerName {
		t.Errorf("load balancer: %+v", lb)
	}
	for i := range 3 {
		position(t, p, resource.Create, resource.Address(fmt.Sprintf("cluster.lab.load_balancer_target[%d]", i)))
	}
	w.apply(p)
	w.edit("size = 3", "size = 3\ninstance_type = \"m5.large\"")
	p = w.plan()
	var order []string
	for i := range p.Steps {
		if p.Steps[i].Kind == resource.KindNode {
			order = append(order, fmt.Sprint(p.Steps[i].Operation, p.Steps[i].Address))
		}
	}
	for i := 1; i < 3; i++ {
		create := position(t, p, resource.Create, resource.Address(fmt.Sprintf("cluster.lab.control_plane[%d]", i)))
		del := position(t, p, resource.Delete, resource.Address(fmt.Sprintf("cluster.lab.control_plane[%d]", i-1)))
		if !reaches(p, create, del) {
			t.Errorf("member %d does not wait for member %d: %v", i, i-1, order)
		}
	}
	w.apply(p)
	w.edit("size = 3", "size = 1")
	w.apply(w.plan())
	if w.state.Records["cluster.lab.load_balancer"] != nil || w.state.Records["cluster.lab.elastic_ip"] == nil {
		t.Error("one control-plane node has an elastic address and no balancer")
	}
	if again := summary(w.plan()); len(again) > 0 {
		t.Errorf("the next plan is not empty:\n%v", again)
	}
}
