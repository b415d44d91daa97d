package render

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

func someState() *resource.Snapshot {
	s := resource.NewSnapshot("lineage")
	s.Clusters["cluster.lab"] = resource.ClusterRecord{UID: "0123456789abcdef", Region: "eu-central-1"}
	put := func(r *resource.Record) { s.Records[r.Address] = r }
	put(record("cluster.lab.vpc", "vpc-1", &resource.VPC{CIDR: "10.88.0.0/16"}))
	put(record(`cluster.lab.subnet["eu-central-1a"]`, "subnet-1", &resource.Subnet{VPC: "cluster.lab.vpc", CIDR: "10.88.0.0/19", Zone: "eu-central-1a"}))
	put(record("cluster.lab.internet_gateway", "igw-1", &resource.InternetGateway{VPC: "cluster.lab.vpc"}))
	put(record("cluster.lab.route_table", "rtb-1", &resource.RouteTable{
		VPC: "cluster.lab.vpc", Routes: []resource.Route{{Destination: "0.0.0.0/0", Gateway: "cluster.lab.internet_gateway"}},
		Subnets: []resource.Ref{`cluster.lab.subnet["eu-central-1a"]`},
	}))
	put(record(`cluster.lab.security_group["worker"]`, "sg-1", &resource.SecurityGroup{VPC: "cluster.lab.vpc", Name: "w"}))
	for i := range 2 {
		r := record(resource.Address("node_pool.worker").Index(i), "i-1", node("eu-central-1a"))
		r.Phase, r.UpdatedAt = resource.PhaseReady, time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		r.Protected = i == 0
		if i == 1 {
			r.Incomplete, r.LastError, r.Tainted, r.Generation = true, "ec2:CreateTags: \x1b[2J no", true, 3
		}
		put(r)
	}
	old := record("node_pool.worker[0]", "i-0", node("eu-central-1a"))
	old.Deposed = true
	s.Deposed["node_pool.worker[0]"] = []*resource.Record{old}
	s.Outputs["host"] = resource.OutputRecord{Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"a\u001b[2J"`)}
	s.Outputs["short"] = resource.OutputRecord{Type: json.RawMessage(`["list","string"]`), Value: json.RawMessage(`["203.0.113.7","203.0.113.8"]`)}
	s.Outputs["nodes"] = resource.OutputRecord{
		Type:  json.RawMessage(`["map",["object",{"id":"string","addresses":["list","string"]}]]`),
		Value: json.RawMessage(`{"a":{"addresses":["203.0.113.7","10.88.0.1"],"id":"i-0123456789abcdef0"},"b\u001b[2J":{"addresses":[],"id":"i-1\u001b[2J\n"}}`),
	}
	s.Outputs["password"] = resource.OutputRecord{Type: json.RawMessage(`"string"`), Sensitive: true, Sealed: "sealed"}
	s.Intents = []resource.Intent{{Operation: resource.Create}}
	return s
}

func TestState(t *testing.T) {
	t.Parallel()
	golden(t, "state", printed(t, false, func(p *Printer) { State(p, someState()) }))
	golden(t, "state_empty", printed(t, false, func(p *Printer) { State(p, resource.NewSnapshot("")) }))
}

func TestGraph(t *testing.T) {
	t.Parallel()
	golden(t, "graph_state_dot", printed(t, false, StateGraph(someState()).DOT))
	golden(t, "graph_state_mermaid", printed(t, false, StateGraph(someState()).Mermaid))
	plan := firstPlan()
	for i := range plan.Steps {
		if i > 0 {
			plan.Steps[i].Needs = []int32{0}
		}
		if i > 4 {
			plan.Steps[i].Needs = []int32{0, 1, 2, 3}
		}
	}
	plan.Steps[3].Needs = []int32{0, 2}
	golden(t, "graph_plan_dot", printed(t, false, PlanGraph(plan).DOT))
	golden(t, "graph_hostile", printed(t, false, PlanGraph(&planner.Plan{Steps: []planner.Step{{Address: `a.b["\"]; x -> y"]`, Action: planner.ActionCreate, Pair: -1}}}).DOT))
}

func TestCtyValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   cty.Value
		want string
	}{
		{"string", cty.StringVal("a\"b"), `"a\"b"`},
		{"lines", cty.StringVal("a\nb\n"), "<<EOT\na\nb\nEOT"},
		{"number", cty.NumberFloatVal(1.5), "1.5"},
		{"large number", cty.MustParseNumberVal("123456789012345678901234567890"), "123456789012345678901234567890"},
		{"bool", cty.True, "true"},
		{"null of a type", cty.NullVal(cty.Number), "tonumber(null)"},
		{"null", cty.NullVal(cty.DynamicPseudoType), "null"},
		{"unknown", cty.UnknownVal(cty.String), "(known after apply)"},
		{"sensitive", cty.StringVal("secret").Mark("sensitive"), "(sensitive value)"},
		{"sensitive inside", cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("secret").Mark("sensitive")}), "{\n  \"a\" = (sensitive value)\n}"},
		{"empty", cty.EmptyTupleVal, "[]"},
		{"empty object", cty.EmptyObjectVal, "{}"},
		{"nested", cty.MapVal(map[string]cty.Value{"k": cty.ListVal([]cty.Value{cty.Zero})}), "tomap({\n  \"k\" = tolist([\n    0,\n  ])\n})"},
		{"set", cty.SetVal([]cty.Value{cty.StringVal("b"), cty.StringVal("a")}), "toset([\n  \"a\",\n  \"b\",\n])"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := CtyValue(tt.in); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
