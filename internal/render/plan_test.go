package render

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// The plans of these tests are made by hand: what a plan looks like must not depend on how the planner gets to it.

func object(a resource.Address, s resource.Spec) *resource.Object {
	return &resource.Object{Address: a, Kind: s.Kind(), Cluster: "cluster.lab", UID: "0123456789abcdef", Region: "eu-central-1", Spec: s}
}

func record(a resource.Address, id string, s resource.Spec) *resource.Record {
	o := object(a, s)
	o.ID = id
	return &resource.Record{Object: *o, Generation: 1}
}

func node(zone string) *resource.Node {
	return &resource.Node{
		Pool: "node_pool.worker", Role: "worker", InstanceTypes: []string{"t3.large", "t3a.large"}, InstanceType: "t3.large",
		Image: "ami-0abc", Subnet: resource.Ref(`cluster.lab.subnet["` + zone + `"]`), Zone: zone,
		SecurityGroups: []resource.Ref{`cluster.lab.security_group["worker"]`}, PublicIP: true, DiskGiB: 20,
		Tags: resource.Tags{"Name": "lab-worker", "owner": "platform"},
	}
}

// planOf numbers steps and fills in what every step has.
func planOf(steps ...planner.Step) *planner.Plan {
	for i := range steps {
		steps[i].ID = int32(i)
		o := steps[i].After
		if o == nil {
			o = &steps[i].Before.Object
		}
		steps[i].Address, steps[i].Kind = o.Address, o.Kind
		if steps[i].Action != planner.ActionReplace && steps[i].Action != planner.ActionRoll {
			steps[i].Pair = -1
		}
	}
	return &planner.Plan{Mode: planner.ModeNormal, Steps: steps}
}

func create(o *resource.Object) planner.Step {
	return planner.Step{Action: planner.ActionCreate, Operation: resource.Create, Reason: planner.ReasonNew, After: o}
}

func change(before, after resource.Spec, a resource.Address, id string) planner.Step {
	return planner.Step{
		Action: planner.ActionUpdate, Operation: resource.Update, Reason: planner.ReasonConfigChanged,
		Before: record(a, id, before), After: object(a, after), Fields: resource.Diff(before, after),
	}
}

func firstPlan() *planner.Plan {
	steps := []planner.Step{
		create(object("cluster.lab.vpc", &resource.VPC{CIDR: "10.88.0.0/16", DNSHostnames: true, Tags: resource.Tags{"Name": "lab"}})),
		create(object(`cluster.lab.subnet["eu-central-1a"]`, &resource.Subnet{VPC: "cluster.lab.vpc", CIDR: "10.88.0.0/19", Zone: "eu-central-1a"})),
		create(object(`cluster.lab.security_group["worker"]`, &resource.SecurityGroup{VPC: "cluster.lab.vpc", Name: "lab-01234567-worker"})),
		create(object(`cluster.lab.security_group_rules["worker"]`, &resource.SecurityGroupRules{
			Group: `cluster.lab.security_group["worker"]`,
			Ingress: []resource.Rule{
				{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "0.0.0.0/0", Description: "web"},
				{Protocol: "udp", FromPort: 8472, ToPort: 8472, Group: `cluster.lab.security_group["worker"]`},
				{Protocol: "tcp", FromPort: 30000, ToPort: 32767, CIDR: "0.0.0.0/0"},
			},
			Egress: []resource.Rule{{Protocol: "-1", CIDR: "0.0.0.0/0"}},
		})),
		create(object("cluster.lab.control_plane[0]", &resource.Node{
			Pool: "cluster.lab.control_plane", Role: "control_plane", InstanceTypes: []string{"t3.medium"}, Zone: "eu-central-1a", Image: "ami-0abc", DiskGiB: 20,
		})),
	}
	for i := range 12 {
		steps = append(steps, create(object(resource.Address("node_pool.worker").Index(i), node("eu-central-1"+string("ab"[i%2])))))
	}
	p := planOf(steps...)
	p.Outputs = []planner.OutputChange{
		{Name: "endpoint", Action: planner.ActionCreate, Unknown: true},
		{Name: "password", Action: planner.ActionCreate, Sensitive: true},
		{Name: "sizes", Action: planner.ActionCreate, After: json.RawMessage(`{"worker":12}`)},
	}
	p.Summary = planner.Summary{Create: 17, APICalls: 42, Duration: 95 * time.Second}
	return p
}

func changesPlan() *planner.Plan {
	oldRules := &resource.SecurityGroupRules{
		Ingress: []resource.Rule{
			{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "0.0.0.0/0"}, {Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "0.0.0.0/0"},
		},
		Egress: []resource.Rule{{Protocol: "-1", CIDR: "0.0.0.0/0"}},
	}
	newRules := &resource.SecurityGroupRules{
		Ingress: []resource.Rule{
			{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "0.0.0.0/0"}, {Protocol: "tcp", FromPort: 443, ToPort: 443, CIDR: "0.0.0.0/0"},
		},
		Egress: oldRules.Egress,
	}
	policy := func(action string) *resource.Role {
		return &resource.Role{Name: "lab-worker", Policy: `{"Statement":[{"Action":"` + action + `","Effect":"Allow"}]}`}
	}
	tagged := node("eu-central-1a")
	tagged.Tags = resource.Tags{"Name": "lab-worker", "owner": "web", "stage": "prod"}
	var steps []planner.Step
	for i := range 3 {
		steps = append(steps, change(node("eu-central-1a"), tagged, resource.Address("node_pool.worker").Index(i), fmt.Sprintf("i-%d", i)))
	}
	steps = append(steps,
		change(oldRules, newRules, `cluster.lab.security_group_rules["worker"]`, "sg-1"),
		change(policy("ssm:GetParameter"), policy("ssm:GetParameters"), `cluster.lab.role["worker"]`, "lab-worker"),
		planner.Step{Action: planner.ActionDestroy, Operation: resource.Delete, Reason: planner.ReasonScaledDown, Before: record("node_pool.worker[4]", "i-4", node("eu-central-1b"))},
		planner.Step{Action: planner.ActionMove, Reason: planner.ReasonMoved, From: "node_pool.old[0]", After: object("node_pool.new[0]", node("eu-central-1a")), Before: record("node_pool.old[0]", "i-9", node("eu-central-1a"))},
		planner.Step{Action: planner.ActionImport, Reason: planner.ReasonImported, ImportID: "vpc-0123", After: object("cluster.lab.vpc", &resource.VPC{CIDR: "10.88.0.0/16"})},
		planner.Step{Action: planner.ActionForget, Reason: planner.ReasonForgotten, Before: record("cluster.lab.elastic_ip", "eipalloc-1", &resource.ElasticIP{})},
		planner.Step{Action: planner.ActionAdopt, Reason: planner.ReasonOrphanAdopted, Because: "launched by the run of 09:12", After: object("node_pool.worker[5]", node("eu-central-1a"))},
	)
	p := planOf(steps...)
	p.Outputs = []planner.OutputChange{
		{Name: "a", Action: planner.ActionNoOp, Before: json.RawMessage(`1`), After: json.RawMessage(`1`)},
		{Name: "host", Action: planner.ActionUpdate, Before: json.RawMessage(`"a"`), After: json.RawMessage(`"b"`)},
		{Name: "gone", Action: planner.ActionDestroy, Before: json.RawMessage(`true`)},
	}
	p.Summary = planner.Summary{Update: 5, Destroy: 1, Move: 1, Import: 1, Forget: 1, Adopt: 1, NodesDisrupted: 1, APICalls: 9, Duration: 4 * time.Second}
	return p
}

func rollPlan() *planner.Plan {
	var steps []planner.Step
	for i := range 4 {
		a := resource.Address("node_pool.worker").Index(i)
		next := node("eu-central-1" + string("ab"[i%2]))
		next.InstanceTypes, next.InstanceType = []string{"m6i.large"}, "m6i.large"
		before := node(next.Zone)
		fields := resource.Diff(before, next)
		steps = append(steps,
			planner.Step{Action: planner.ActionRoll, Operation: resource.Create, Reason: planner.ReasonConfigChanged, After: object(a, next), Fields: fields, CreateFirst: true, Pair: int32(2*i + 1)},
			planner.Step{Action: planner.ActionRoll, Operation: resource.Delete, Reason: planner.ReasonConfigChanged, Before: record(a, fmt.Sprintf("i-%d", i), before), Fields: fields, CreateFirst: true, Pair: int32(2 * i)},
		)
	}
	vpc, wider := &resource.VPC{CIDR: "10.88.0.0/16"}, &resource.VPC{CIDR: "10.0.0.0/8"}
	steps = append(steps,
		planner.Step{Action: planner.ActionReplace, Operation: resource.Delete, Reason: planner.ReasonCannotUpdate, Before: record("cluster.lab.vpc", "vpc-1", vpc), Fields: resource.Diff(vpc, wider), Pair: 9},
		planner.Step{Action: planner.ActionReplace, Operation: resource.Create, Reason: planner.ReasonCannotUpdate, After: object("cluster.lab.vpc", wider), Fields: resource.Diff(vpc, wider), Pair: 8},
	)
	p := planOf(steps...)
	p.Summary = planner.Summary{Replace: 5, NodesDisrupted: 4, APICalls: 20, Duration: 6 * time.Minute}
	return p
}

// clusterPlan is what happens to a cluster with work on it: a version, another image, a node that died.
func clusterPlan() *planner.Plan {
	of := func(version, script string) *resource.Node {
		n := node("eu-central-1a")
		n.Orchestrator, n.Version, n.UserData = "kubernetes", version, script
		return n
	}
	web := func(image, content string) *resource.Workload {
		return &resource.Workload{
			Orchestrator: "kubernetes", Namespace: "default", Name: "web", Type: "deployment", Content: content,
			Attributes: map[string]string{"replicas": "3", "container.app.image": image, "container.app.env.TOKEN": "(sensitive) " + content[:4]},
			Live:       map[string]string{"Deployment/default/web": "d1", "Service/default/web": "d2"},
		}
	}
	scaled := web("hello:1", "aaaa1111")
	scaled.Live = map[string]string{"Deployment/default/web": "other"}
	settings := &resource.Manifest{APIVersion: "v1", ObjectKind: "ConfigMap", Namespace: "shop", Name: "settings", Content: "cccc3333"}
	late := &resource.Workload{Orchestrator: "swarm", Namespace: "default", Name: "late", Type: "cron_job"}
	old, next := of("1.33.13", "1111"), of("1.34.4", "2222")
	other := of("1.34.4", "3333")
	p := planOf(
		create(object("cluster.lab.credentials", &resource.Credentials{Orchestrator: "kubernetes", Path: "/clusterform/0123456789abcdef"})),
		planner.Step{Action: planner.ActionRoll, Operation: resource.Create, Reason: planner.ReasonConfigChanged, After: object("node_pool.worker[0]", next), Fields: resource.Diff(old, next), CreateFirst: true, Pair: 2},
		planner.Step{Action: planner.ActionRoll, Operation: resource.Delete, Reason: planner.ReasonConfigChanged, Before: record("node_pool.worker[0]", "i-0", old), CreateFirst: true, Pair: 1},
		planner.Step{Action: planner.ActionReplace, Operation: resource.Delete, Reason: planner.ReasonDrifted, Because: "not Ready for 5m0s: kubelet stopped posting status", Before: record("node_pool.worker[1]", "i-1", next), Pair: 4},
		planner.Step{Action: planner.ActionReplace, Operation: resource.Create, Reason: planner.ReasonDrifted, Because: "not Ready for 5m0s: kubelet stopped posting status", After: object("node_pool.worker[1]", other), Fields: resource.Diff(next, other), Pair: 3},
		change(web("hello:1", "aaaa1111"), web("hello:2", "bbbb2222"), "workload.web", "default/web"),
		change(scaled, web("hello:1", "aaaa1111"), "workload.scaled", "default/web"),
		create(object("workload.new", web("hello:1", "aaaa1111"))),
		create(object("workload.late", late)),
		create(object("manifest.settings", settings)),
		planner.Step{Action: planner.ActionDestroy, Operation: resource.Delete, Reason: planner.ReasonRemoved, Before: record("manifest.old", "ConfigMap/shop/old", settings)},
	)
	p.Steps[8].Unknown = []string{"attributes", "content"}
	p.Drift = []planner.Drift{
		{Address: "workload.scaled", Kind: resource.KindWorkload, ID: "default/web", Fields: resource.DiffObserved(web("hello:1", "aaaa1111"), scaled), Observed: object("workload.scaled", scaled)},
		{Address: "node_pool.worker[1]", Kind: resource.KindNode, ID: "i-1", Reason: "not Ready for 5m0s: kubelet stopped posting status", Observed: object("node_pool.worker[1]", next)},
	}
	p.Summary = planner.Summary{Create: 4, Update: 2, Replace: 2, Destroy: 1, NodesDisrupted: 2, WorkloadsInterrupted: 2, APICalls: 20, Duration: 3 * time.Minute}
	return p
}

func previewPlan() *planner.Plan {
	of := func(name, content string) *resource.Manifest {
		return &resource.Manifest{
			APIVersion: "v1", ObjectKind: "ConfigMap", Namespace: "shop", Name: name, Content: content,
			Attributes: map[string]string{"data.a": content}, Live: map[string]string{"ConfigMap/shop/" + name: "d1"},
		}
	}
	p := planOf(
		create(object("manifest.new", &resource.Manifest{APIVersion: "v1", ObjectKind: "Service", Namespace: "shop", Name: "new", Content: "cccc"})),
		change(of("settings", "one"), of("settings", "two"), "manifest.settings", "ConfigMap/shop/settings"),
		change(of("same", "one"), of("same", "two"), "manifest.same", "ConfigMap/shop/same"),
	)
	p.Steps[0].Preview = &planner.Preview{Fields: []resource.FieldChange{
		{Path: "spec.clusterIP", Unknown: true}, {Path: "spec.ports[0].port", New: "80"}, {Path: "spec.type", New: "ClusterIP\x1b[2J"},
	}}
	p.Steps[1].Preview = &planner.Preview{Unchanged: 7, Fields: []resource.FieldChange{
		{Path: "data.a", Old: "edited", New: "two", Effect: resource.EffectUpdate}, {Path: "data.gone", Old: "x", Effect: resource.EffectUpdate},
		{Path: "data.token", Old: "(sensitive)", New: "(sensitive)", Effect: resource.EffectUpdate}, {Path: "metadata.labels.by", New: "webhook", Effect: resource.EffectUpdate},
	}}
	p.Steps[2].Preview = &planner.Preview{Unchanged: 3}
	p.Summary = planner.Summary{Create: 1, Update: 2}
	return p
}

func driftPlan() *planner.Plan {
	p := &planner.Plan{Mode: planner.ModeNormal, Summary: planner.Summary{Drifted: 4}}
	was, is := node("eu-central-1a"), node("eu-central-1a")
	is.Tags = resource.Tags{"Name": "lab-worker", "owner": "somebody \x1b[31melse"}
	p.Drift = []planner.Drift{
		{Address: "node_pool.worker[0]", Kind: resource.KindNode, ID: "i-0", Fields: resource.DiffObserved(was, is), Observed: object("node_pool.worker[0]", is)},
		{Address: "cluster.lab.elastic_ip", Kind: resource.KindElasticIP, ID: "eipalloc-1", Gone: true},
	}
	for i := 3; i < 6; i++ {
		p.Drift = append(p.Drift, planner.Drift{
			Address: resource.Address("node_pool.worker").Index(i), Kind: resource.KindNode, ID: fmt.Sprintf("i-%d", i), Gone: true,
			Reason: "terminated outside of clusterform: Client.UserInitiatedShutdown",
		})
	}
	p.Recovered = []planner.Recovered{{Message: "create of node_pool.worker[7]: i-7 was launched; it is adopted"}}
	p.Checks = []planner.Check{{Address: "check.size", Status: "fail", Message: "At least two workers are wanted."}, {Address: "check.ok", Status: "pass"}}
	return p
}

func TestPlan(t *testing.T) {
	t.Parallel()
	partial := firstPlan()
	partial.Steps, partial.Outputs, partial.Partial = partial.Steps[:1], nil, true
	partial.Summary = planner.Summary{Create: 1}
	hostile := planOf(create(object("cluster.lab.vpc", &resource.VPC{CIDR: "10.0.0.0/8\x1b[2J\r\u202e"})))
	for _, tt := range []struct {
		name    string
		plan    *planner.Plan
		verbose bool
		colour  bool
	}{
		{name: "nothing", plan: &planner.Plan{Mode: planner.ModeNormal}},
		{name: "nothing_to_destroy", plan: &planner.Plan{Mode: planner.ModeDestroy}},
		{name: "first", plan: firstPlan()},
		{name: "first_verbose", plan: firstPlan(), verbose: true},
		{name: "first_colour", plan: firstPlan(), colour: true},
		{name: "preview", plan: previewPlan()},
		{name: "changes", plan: changesPlan()},
		{name: "changes_verbose", plan: changesPlan(), verbose: true},
		{name: "roll", plan: rollPlan()},
		{name: "drift", plan: driftPlan()},
		{name: "cluster", plan: clusterPlan()},
		{name: "cluster_verbose", plan: clusterPlan(), verbose: true},
		{name: "partial", plan: partial},
		{name: "hostile", plan: hostile},
		{name: "only_outputs", plan: &planner.Plan{Outputs: []planner.OutputChange{{Name: "n", Action: planner.ActionCreate, After: json.RawMessage("1")}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			golden(t, "plan_"+tt.name, printed(t, tt.colour, func(p *Printer) { Plan(p, tt.plan, PlanOptions{Verbose: tt.verbose, Checks: true}) }))
		})
	}
}

// A saved plan comes back from JSON, where fields hold general types; it must look the same.
func TestASavedPlanLooksLikeTheOneThatWasMade(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]*planner.Plan{"first": firstPlan(), "changes": changesPlan(), "roll": rollPlan(), "drift": driftPlan(), "cluster": clusterPlan()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			var again planner.Plan
			if err := json.Unmarshal(b, &again); err != nil {
				t.Fatal(err)
			}
			show := func(x *planner.Plan) string {
				return printed(t, false, func(p *Printer) { Plan(p, x, PlanOptions{}) })
			}
			if a, b := show(plan), show(&again); a != b {
				t.Errorf("before:\n%s\nafter:\n%s", a, b)
			}
		})
	}
}

func TestRenderingDoesNotChangeThePlan(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]*planner.Plan{"changes": changesPlan(), "roll": rollPlan(), "drift": driftPlan(), "cluster": clusterPlan()} {
		before, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		printed(t, false, func(p *Printer) { Plan(p, plan, PlanOptions{Verbose: true}) })
		after, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			t.Errorf("%s: the plan is another one after it was shown", name)
		}
	}
}

func TestOrdinals(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]int{
		"0": {0}, "0, 1": {1, 0}, "0..2": {2, 1, 0}, "0..9, 12, 14, 15": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15}, "3": {3, 3},
	} {
		if got := ordinals(list); got != want {
			t.Errorf("%v: got %q, want %q", list, got, want)
		}
	}
}

func BenchmarkPlan10000Nodes(b *testing.B) {
	var steps []planner.Step
	for i := range 10000 {
		steps = append(steps, create(object(resource.Address("node_pool.worker").Index(i), node("eu-central-1a"))))
	}
	plan := planOf(steps...)
	for b.Loop() {
		p := NewPrinter(discard{}, false)
		Plan(p, plan, PlanOptions{})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
