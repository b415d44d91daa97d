package hclconfig

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// minimal is a cluster that most stories start from.
const minimal = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}
`

// mustEvaluate evaluates files that have nothing wrong with them.
func mustEvaluate(t *testing.T, files map[string]string) *Desired {
	t.Helper()
	_, d, diags := everything(files)
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return d
}

func TestDesignExample(t *testing.T) {
	t.Parallel()
	c, diags := Load("../examples/language/quickstart", Options{Version: "0.1.0"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	d, diags := c.Evaluate(nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	pool := d.NodePools[0]
	if pool.Size != 2 || pool.Cluster != "cluster.lab" || !slices.Equal(pool.InstanceTypes, []string{"t3.large", "t3a.large"}) {
		t.Errorf("pool: %+v", pool)
	}
	if got, want := pool.References, []Address{"cluster.lab"}; !slices.Equal(got, want) {
		t.Errorf("references: %v, want %v", got, want)
	}
	want := []Allow{{
		Name: "web", To: "worker", Protocol: "tcp", From: []string{"0.0.0.0/0"},
		Ports: []PortRange{{80, 80}, {443, 443}, {30000, 32767}},
	}}
	if diff := cmp.Diff(want, d.Clusters[0].Firewall.Allow); diff != "" {
		t.Error(diff)
	}
	w := d.Workloads[0]
	if w.Kind != Deployment || w.Replicas != 3 || w.RestartPolicy != "always" || w.Expose[0].Type != "node_port" || w.Expose[0].Target != "http" {
		t.Errorf("workload: %+v", w)
	}
	wantResources := Resources{CPUMilli: 100, MemoryBytes: 64 << 20}
	if w.Containers[0].Resources != wantResources {
		t.Errorf("resources: %+v", w.Containers[0].Resources)
	}
	if h := w.Containers[0].Readiness; h == nil || h.HTTP != "/healthz" || h.Interval != 10*time.Second {
		t.Errorf("readiness: %+v", h)
	}
	out := d.Outputs[0]
	if out.Value.IsKnown() || out.Value.Type() != cty.String || !slices.Equal(out.References, []Address{"cluster.lab"}) {
		t.Errorf("output: %+v", out)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{"m.cluster.hcl": minimal + `
node_pool "w" {
  cluster = cluster.lab
  size    = 0
}
`})
	c, p := d.Clusters[0], d.NodePools[0]
	wantUpdate := Update{MaxSurge: Amount{Value: 1}, DrainTimeout: 10 * time.Minute, HealthTimeout: 15 * time.Minute}
	wantNetwork := Network{
		CIDR: "10.0.0.0/16", AvailabilityZones: Zones{Count: 1}, NodePublicIP: true,
		Overlay: Overlay{Backend: "vxlan", PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/12"},
	}
	wantControl := ControlPlane{
		Size: 1, InstanceTypes: []string{"t3.medium"}, Image: "ssm:/aws/service/debian/release/12/latest/amd64",
		ImageUpdate: "none", DiskGiB: 20, Update: wantUpdate,
	}
	for _, diff := range []string{cmp.Diff(wantNetwork, c.Network), cmp.Diff(wantControl, c.ControlPlane), cmp.Diff(wantUpdate, p.Update)} {
		if diff != "" {
			t.Error(diff)
		}
	}
	if p.PublicIP != nil || p.Spot || p.DiskGiB != 20 || p.Image != wantControl.Image {
		t.Errorf("pool: %+v", p)
	}
}

// TestUnknownUntilApplied follows values that a later apply makes known.
func TestUnknownUntilApplied(t *testing.T) {
	t.Parallel()
	files := map[string]string{"m.cluster.hcl": minimal + `
cluster "peer" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-west-1"
  tags         = { peer = cluster.lab.uid, fixed = "x" }
  firewall {
    allow "web" {
      ports = [80]
      from  = ["${node_pool.w.nodes[0].public_ip}/32"]
    }
  }
}
node_pool "w" {
  cluster = cluster.lab
  size    = 1
}
output "first" { value = node_pool.w.nodes[0].private_ip }
output "count" { value = length(node_pool.w.nodes) }
`}
	c, d, diags := everything(files)
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	peer := d.Clusters[1]
	if want := []string{"tags.peer", "firewall.allow.web.from"}; !slices.Equal(peer.Unknown, want) {
		t.Errorf("unknown: %v, want %v", peer.Unknown, want)
	}
	if peer.Tags["fixed"] != "x" || peer.Tags["peer"] != "" || peer.Firewall.Allow[0].From != nil {
		t.Errorf("unknown parts have values: %v %v", peer.Tags, peer.Firewall)
	}
	if want := []Address{"cluster.lab", "node_pool.w"}; !slices.Equal(peer.References, want) {
		t.Errorf("references: %v, want %v", peer.References, want)
	}
	var asked []Address
	d, diags = c.Evaluate(func(a Address) (cty.Value, bool) {
		asked = append(asked, a)
		switch a {
		case "cluster.lab":
			return cty.ObjectVal(map[string]cty.Value{"uid": cty.StringVal("u-1")}), true
		case "node_pool.w":
			node := map[string]cty.Value{"private_ip": cty.StringVal("10.0.0.4"), "public_ip": cty.StringVal("192.0.2.1")}
			for name := range nodeType().AttributeTypes() {
				if _, ok := node[name]; !ok {
					node[name] = cty.StringVal("-")
				}
			}
			return cty.ObjectVal(map[string]cty.Value{"nodes": cty.ListVal([]cty.Value{cty.ObjectVal(node)})}), true
		}
		return cty.NilVal, false
	})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	peer = d.Clusters[1]
	if len(peer.Unknown) > 0 || peer.Tags["peer"] != "u-1" || !slices.Equal(peer.Firewall.Allow[0].From, []string{"192.0.2.1/32"}) {
		t.Errorf("after apply: %+v", peer)
	}
	if d.Outputs[0].Value.AsString() != "10.0.0.4" || !d.Outputs[1].Value.RawEquals(cty.NumberIntVal(1)) {
		t.Errorf("outputs: %#v %#v", d.Outputs[0].Value, d.Outputs[1].Value)
	}
	slices.Sort(asked)
	if want := []Address{"cluster.lab", "node_pool.w"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want each once: %v", asked, want)
	}
}

func TestRepetition(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{"m.cluster.hcl": minimal + `
variable "colors" {
  type    = set(string)
  default = ["green", "blue", "odd \"key\""]
}
node_pool "w" {
  for_each = var.colors
  enabled  = each.key != "green"
  cluster  = cluster.lab
  size     = 1
  labels   = { n = length(each.value) }
}
node_pool "off" {
  enabled = false
  cluster = cluster.lab
  size    = 1
}
node_pool "dyn" {
  cluster = cluster.lab
  size    = try(node_pool.off.size, 7)
  dynamic "taint" {
    for_each = { a = "NoSchedule", b = "NoExecute" }
    label    = taint.key
    content {
      effect = taint.value
      value  = "v-${taint.key}"
    }
  }
}
output "keys" { value = keys(node_pool.w) }
output "off" { value = node_pool.off == null }
output "all" { value = values(node_pool.w)[*].size }
`})
	var got []Address
	for _, p := range d.NodePools {
		got = append(got, p.Address)
	}
	if want := []Address{`node_pool.w["blue"]`, `node_pool.w["odd \"key\""]`, "node_pool.dyn"}; !slices.Equal(got, want) {
		t.Errorf("pools: %q, want %q", got, want)
	}
	if p := d.NodePools[0]; p.Key != "blue" || p.Name != "w" || p.Labels["n"] != "4" {
		t.Errorf("instance: %+v", p)
	}
	dyn := d.NodePools[2]
	if want := []Taint{{"a", "v-a", "NoSchedule"}, {"b", "v-b", "NoExecute"}}; !slices.Equal(dyn.Taints, want) || dyn.Size != 7 {
		t.Errorf("dynamic: %+v", dyn)
	}
	if keys := d.Outputs[0].Value; keys.LengthInt() != 2 || !d.Outputs[1].Value.True() || d.Outputs[2].Value.LengthInt() != 2 {
		t.Errorf("outputs: %#v", d.Outputs)
	}
	if got := d.Expand("node_pool.w"); len(got) != 2 {
		t.Errorf("Expand: %v", got)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	c, diags := Load("../examples/language/modules", Options{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	d, diags := c.Evaluate(nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	pool := d.NodePools[1]
	if pool.Address != `module.edge["south"].node_pool.edge["south"]` || pool.Module != `module.edge["south"]` || pool.Size != 3 || pool.Cluster != "cluster.main" {
		t.Errorf("pool: %+v", pool)
	}
	if !slices.Contains(d.Workloads[0].References, "cluster.main") {
		t.Errorf("a reference through a variable is lost: %v", d.Workloads[0].References)
	}
	if want := []string{"container.agent.env.ENDPOINT"}; !slices.Equal(d.Workloads[0].Unknown, want) {
		t.Errorf("unknown: %v, want %v", d.Workloads[0].Unknown, want)
	}
	if got := d.Outputs[1].Value; !got.RawEquals(cty.NumberIntVal(2)) {
		t.Errorf("output of an instance: %#v", got)
	}
	if want := []Address{`module.edge["north"].node_pool.edge["north"]`}; !slices.Equal(d.Outputs[1].References, want) {
		t.Errorf("references of the output: %v, want %v", d.Outputs[1].References, want)
	}
	if got := d.Expand(`module.edge["north"]`); len(got) != 2 {
		t.Errorf("Expand of a module: %v", got)
	}
}

func TestModuleMistakes(t *testing.T) {
	t.Parallel()
	leaf := `variable "x" { type = number }` + "\n" + `output "y" { value = var.x }`
	for _, tc := range []struct {
		name, root, want string
		files            map[string]string
	}{
		{"calls itself", `module "m" { source = "./a" }`, "The module calls itself: a → b → a.", map[string]string{
			"a/a.cluster.hcl": `module "b" { source = "../b" }`, "b/b.cluster.hcl": `module "a" { source = "../a" }`}},
		{"calls the root", `module "m" { source = "." }`, "The module calls itself: . → ..", nil},
		{"not there", `module "m" { source = "./nope" }`, `There is no file *.cluster.hcl or *.cluster.json in "nope".`, nil},
		{"not local", `module "m" { source = "github.com/x/y" }`, "is not a local directory", nil},
		{"input missing", `module "m" { source = "./a" }`, `needs a value for its variable "x"`, map[string]string{"a/a.cluster.hcl": leaf}},
		{"input unknown", "module \"m\" {\n source = \"./a\"\n x = 1\n xx = 2\n}", `has no variable "xx". Did you mean "x"?`, map[string]string{"a/a.cluster.hcl": leaf}},
		{"input of wrong type", "module \"m\" {\n source = \"./a\"\n x = \"no\"\n}", `The variable "x" takes number`, map[string]string{"a/a.cluster.hcl": leaf}},
		{"output unknown", "module \"m\" {\n source = \"./a\"\n x = 1\n}\noutput \"z\" { value = module.m.yy }", `has no output "yy". Did you mean "y"?`, map[string]string{"a/a.cluster.hcl": leaf}},
		{"key missing", "module \"m\" {\n source = \"./a\"\n for_each = toset([\"k\"])\n x = 1\n}\noutput \"z\" { value = module.m.y }", `write module.m["KEY"].y`, map[string]string{"a/a.cluster.hcl": leaf}},
		{"inside from outside", "module \"m\" {\n source = \"./a\"\n x = 1\n depends_on = [module.m.cluster.q]\n}", "cannot be named from outside", map[string]string{"a/a.cluster.hcl": leaf}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"main.cluster.hcl": tc.root + "\n"}
			maps.Copy(files, tc.files)
			_, _, diags := everything(files)
			wantDiagnostic(t, diags, tc.want)
		})
	}
}

// TestDependencies follows depends_on, and replace_triggered_by, into modules.
func TestDependencies(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{
		"m.cluster.hcl": minimal + `
module "a" {
  source  = "./a"
  cluster = cluster.lab
}
node_pool "after" {
  cluster    = cluster.lab
  size       = 1
  depends_on = [module.a]
  lifecycle {
    prevent_destroy       = true
    create_before_destroy = true
    ignore_changes        = [tags, labels.tier]
    replace_triggered_by  = [cluster.lab]
  }
}
module "late" {
  source     = "./a"
  name       = "late"
  cluster    = cluster.lab
  depends_on = [node_pool.after]
}
`,
		"a/a.cluster.hcl": `
variable "cluster" {}
variable "name" { default = "first" }
node_pool "inner" {
  for_each = toset([var.name])
  cluster  = var.cluster
  size     = 1
}
`})
	after, late := d.NodePools[0], d.NodePools[2]
	if want := []Address{"module.a.node_pool.inner"}; !slices.Equal(after.DependsOn, want) {
		t.Errorf("depends_on: %v, want %v", after.DependsOn, want)
	}
	if want := []Address{"node_pool.after"}; !slices.Equal(late.DependsOn, want) {
		t.Errorf("depends_on of a module: %v, want %v", late.DependsOn, want)
	}
	want := Lifecycle{
		PreventDestroy: true, CreateBeforeDestroy: true, IgnoreChanges: []string{"tags", "labels.tier"},
		ReplaceTriggeredBy: []Address{"cluster.lab"},
	}
	if diff := cmp.Diff(want, after.Lifecycle); diff != "" {
		t.Error(diff)
	}
}

func TestMovesAndImports(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{
		"m.cluster.hcl": minimal + `
node_pool "new" {
  cluster = cluster.lab
  size    = 2
}
moved {
  from = node_pool.old
  to   = node_pool.new
}
removed {
  from = node_pool.gone
  lifecycle { destroy = false }
}
import {
  to = node_pool.new[1]
  id = "i-0${1 + 1}"
}
import {
  to = cluster.lab.vpc
  id = "vpc-1"
}
module "a" {
  source   = "./a"
  for_each = toset(["k"])
}
`,
		"a/a.cluster.hcl": `
moved {
  from = cluster.x
  to   = cluster.y
}
`})
	ignore := cmpopts.IgnoreTypes(hcl.Range{})
	wantMoved := []Moved{{From: "node_pool.old", To: "node_pool.new"}, {From: `module.a["k"].cluster.x`, To: `module.a["k"].cluster.y`}}
	wantRemoved := []Removed{{From: "node_pool.gone"}}
	wantImports := []Import{{To: "node_pool.new[1]", ID: "i-02"}, {To: "cluster.lab.vpc", ID: "vpc-1"}}
	for _, diff := range []string{cmp.Diff(wantMoved, d.Moved, ignore), cmp.Diff(wantRemoved, d.Removed, ignore), cmp.Diff(wantImports, d.Imports, ignore)} {
		if diff != "" {
			t.Error(diff)
		}
	}
}

func TestChecksNeverStop(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{"m.cluster.hcl": minimal + `
variable "secret" {
  default   = "s3cret"
  sensitive = true
}
check "all" {
  assert {
    condition     = 1 == 1
    error_message = "never"
  }
  assert {
    condition     = cluster.lab.version == "2.0"
    error_message = "The version is ${cluster.lab.version}."
  }
  assert {
    condition     = cluster.lab.endpoint == "x"
    error_message = "not yet"
  }
  assert {
    condition     = tonumber("x") == 1
    error_message = "broken"
  }
  assert {
    condition     = var.secret == "x"
    error_message = "It is ${var.secret}."
  }
}
`})
	want := []CheckStatus{CheckPass, CheckFail, CheckUnknown, CheckError, CheckFail}
	for i, r := range d.Checks {
		if r.Status != want[i] {
			t.Errorf("assertion %d: %s, want %s (%s)", i, r.Status, want[i], r.Message)
		}
	}
	if got := d.Checks[1].Message; got != "The version is 1.34.4." {
		t.Errorf("message: %q", got)
	}
	if got := d.Checks[4].Message; got != "The condition does not hold. Its error_message is left out, as it holds a sensitive value." {
		t.Errorf("message: %q", got)
	}
}
