package resource

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Every field of every kind says what a difference in it means, and has a name in JSON.
func TestKindsAreComplete(t *testing.T) {
	t.Parallel()
	if len(Kinds()) != len(newSpec) {
		t.Errorf("%d kinds are listed and %d can be made", len(Kinds()), len(newSpec))
	}
	for _, k := range Kinds() {
		s, ok := NewSpec(k)
		if !ok || s.Kind() != k {
			t.Fatalf("%s cannot be made", k)
		}
		names := map[string]bool{}
		for _, f := range fieldsOf(reflect.TypeOf(s).Elem()) { // panics without a cf tag
			if f.name == "" || names[f.name] {
				t.Errorf("%s has a field without a name of its own: %q", k, f.name)
			}
			names[f.name] = true
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	node := func(change func(*Node)) *Node {
		n := &Node{InstanceType: "t3.large", DiskGiB: 20, Tags: Tags{"a": "1"}, SecurityGroups: []Ref{"x.y"}}
		if change != nil {
			change(n)
		}
		return n
	}
	for name, story := range map[string]struct {
		old, new Spec
		want     []FieldChange
	}{
		"equal":                     {node(nil), node(nil), nil},
		"an empty list and none":    {node(nil), node(func(n *Node) { n.Taints = []Taint{} }), nil},
		"an empty map and none":     {node(nil), node(func(n *Node) { n.Labels = map[string]string{} }), nil},
		"computed fields":           {node(nil), node(func(n *Node) { n.PrivateIP = "10.0.0.1" }), nil},
		"recorded fields":           {node(nil), node(func(n *Node) { n.InstanceTypes = []string{"a"} }), nil},
		"a number":                  {node(nil), node(func(n *Node) { n.DiskGiB = 30 }), []FieldChange{{Path: "disk_gib", Old: 20, New: 30, Effect: EffectRoll}}},
		"an entry changed":          {node(nil), node(func(n *Node) { n.Tags = Tags{"a": "2"} }), []FieldChange{{Path: "tags.a", Old: "1", New: "2", Effect: EffectUpdate}}},
		"entries added and dropped": {node(nil), node(func(n *Node) { n.Tags = Tags{"b": ""} }), []FieldChange{{Path: "tags.a", Old: "1", Effect: EffectUpdate}, {Path: "tags.b", New: "", Effect: EffectUpdate}}},
		"a list":                    {node(nil), node(func(n *Node) { n.SecurityGroups = nil }), []FieldChange{{Path: "security_groups", Old: []Ref{"x.y"}, Effect: EffectUpdate}}},
		"a new object":              {nil, &ElasticIP{Tags: Tags{"a": "1"}}, []FieldChange{{Path: "tags.a", New: "1", Effect: EffectUpdate}}},
		"an object that goes":       {&ElasticIP{Tags: Tags{"a": "1"}}, nil, []FieldChange{{Path: "tags.a", Old: "1", Effect: EffectUpdate}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(story.want, Diff(story.old, story.new)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffObservedLeavesOutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	a, b := &Node{UserData: "x", Version: "1", DiskGiB: 20}, &Node{DiskGiB: 30}
	if got := DiffObserved(a, b); len(got) != 1 || got[0].Path != "disk_gib" {
		t.Errorf("changes: %v", got)
	}
	TakeUnobserved(b, a)
	if b.UserData != "x" || b.Version != "1" || b.DiskGiB != 30 {
		t.Errorf("taken over: %+v", b)
	}
}

func TestCopyField(t *testing.T) {
	t.Parallel()
	shared := Tags{"a": "1", "b": "2"}
	to, from := &VPC{CIDR: "10.0.0.0/16", Tags: shared}, &VPC{CIDR: "10.1.0.0/16", Tags: Tags{"a": "9"}}
	for _, path := range []string{"cidr", "tags.a", "tags.b"} {
		if !CopyField(to, from, path) {
			t.Errorf("%s cannot be copied", path)
		}
	}
	if to.CIDR != "10.1.0.0/16" || len(to.Tags) != 1 || to.Tags["a"] != "9" {
		t.Errorf("copied: %+v", to)
	}
	if shared["a"] != "1" || shared["b"] != "2" {
		t.Errorf("the map that others share was changed: %v", shared)
	}
	for _, path := range []string{"nothing", "cidr.x"} {
		if CopyField(to, from, path) {
			t.Errorf("%s was copied", path)
		}
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	n := &Node{Subnet: "c.s", Subnets: []Ref{"c.s", "c.t"}, SecurityGroups: []Ref{"c.g", "sg-literal"}, Profile: "c.r"}
	if diff := cmp.Diff([]Address{"c.s", "c.t", "c.g", "c.r"}, Refs("c.n", n)); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	want := map[Address]Effect{"c.s": EffectReplace, "c.t": EffectNone, "c.g": EffectUpdate, "c.r": EffectReplace, "sg-literal": EffectUpdate}
	if diff := cmp.Diff(want, ReplacingRefs(n)); diff != "" {
		t.Errorf("replacing refs (-want +got):\n%s", diff)
	}
	rules := &SecurityGroupRules{Group: "c.g", Ingress: []Rule{{Group: "c.h"}}}
	if diff := cmp.Diff([]Address{"c.g", "c.h"}, Refs("c.x", rules)); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	if RefField(rules, "c.h") != "ingress" || RefField(n, "c.r") != "profile" || RefField(n, "c.q") != "" {
		t.Error("a field is named wrongly")
	}
}

func TestMapRefs(t *testing.T) {
	t.Parallel()
	rename := func(a Address) Address {
		if a == "c.g" {
			return "d.g"
		}
		return a
	}
	rules := &SecurityGroupRules{Group: "c.g", Ingress: []Rule{{Group: "c.g"}, {CIDR: "10.0.0.0/8"}}}
	got := MapRefs(rules, rename).(*SecurityGroupRules)
	if got.Group != "d.g" || rules.Group != "c.g" || rules.Ingress[0].Group != "c.g" {
		t.Errorf("renamed %+v, the original is %+v", got, rules)
	}
	other := &VPC{}
	if MapRefs(other, rename) != Spec(other) {
		t.Error("a spec without such a reference is copied")
	}
}

// A change keeps its types on the way through JSON.
func TestRetype(t *testing.T) {
	t.Parallel()
	for _, c := range []FieldChange{
		{Path: "disk_gib", Old: 20, New: 30}, {Path: "spot", Old: false, New: true}, {Path: "security_groups", Old: []Ref{"a.b"}},
		{Path: "tags.a", Old: "x"}, {Path: "taints", New: []Taint{{Key: "k", Effect: "NoSchedule"}}},
	} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var got FieldChange
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		got.Retype(KindNode)
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Path, diff)
		}
	}
}

// recordTail repeats Record's fields; this holds them together.
func TestRecordIsReadWhole(t *testing.T) {
	t.Parallel()
	record, tail := reflect.TypeFor[Record](), reflect.TypeFor[recordTail]()
	if record.NumField() != tail.NumField()+1 {
		t.Fatalf("Record has %d fields beside Object, recordTail %d", record.NumField()-1, tail.NumField())
	}
	for i := range tail.NumField() {
		if a, b := record.Field(i+1), tail.Field(i); a.Name != b.Name || a.Type != b.Type || a.Tag != b.Tag {
			t.Errorf("field %s differs from %s", a.Name, b.Name)
		}
	}
	in := Record{
		Object:     Object{Address: "c.v", Kind: KindVPC, Cluster: "c", UID: "u", Region: "r", ID: "vpc-1", Spec: &VPC{CIDR: "10.0.0.0/16"}},
		Generation: 2, Phase: PhaseReady, Tainted: true, Incomplete: true, LastError: "e", Protected: true, DependsOn: []Address{"d"}, Deposed: true,
	}
	b, err := json.Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	var out Record
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("record (-written +read):\n%s", diff)
	}
}

func TestObjectsOfNewerVersionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown kind":  `{"address":"a.b","kind":"moon","spec":{}}`,
		"an unknown field": `{"address":"a.b","kind":"vpc","spec":{"cidr":"10.0.0.0/16","colour":"red"}}`,
	} {
		var o Object
		if err := json.Unmarshal([]byte(text), &o); err == nil {
			t.Errorf("%s was read: %+v", name, o)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	a := Address("node_pool.worker")
	for b, want := range map[Address]bool{
		"node_pool.worker": true, "node_pool.worker[3]": true, `node_pool.worker["x"][3]`: true, "node_pool.worker.security_group": true,
		"node_pool.workers": false, "node_pool.work": false, "": false,
	} {
		if got := a.Contains(b); got != want {
			t.Errorf("%s contains %s: %v", a, b, got)
		}
	}
	if p, n, ok := Address(`node_pool.worker["x"][12]`).Ordinal(); !ok || n != 12 || p != `node_pool.worker["x"]` {
		t.Errorf("%s %d %v", p, n, ok)
	}
	for _, s := range []string{"", ".", "a.", "a[", `a["x`, "a[-1]", "a[1.5]", "a b", "a]"} {
		if got, err := ParseAddress(s); err == nil {
			t.Errorf("%q was taken for %q", s, got)
		}
	}
}

func TestAddressesAreOrderedByNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		i, j := rapid.IntRange(0, 2000).Draw(rt, "i"), rapid.IntRange(0, 2000).Draw(rt, "j")
		a, b := Address("node_pool.w").Index(i), Address("node_pool.w").Index(j)
		if Less(a, b) != (i < j) || Less(b, a) != (j < i) {
			rt.Fatalf("%s and %s are in the wrong order", a, b)
		}
		parsed, err := ParseAddress(string(a))
		if err != nil || parsed != a {
			rt.Fatalf("%s is read as %s: %v", a, parsed, err)
		}
	})
}

func TestTokensDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, token := range map[string]string{
		"first": Token("u", "a.b", 1), "next generation": Token("u", "a.b", 2), "another cluster": Token("v", "a.b", 1),
		"another address": Token("u", "a.c", 1), "another run": Token("u", "a.b", 1, "2"), "shifted": Token("ua", ".b", 1),
	} {
		if len(token) != 32 {
			t.Errorf("%s: %d characters", name, len(token))
		}
		if other, dup := seen[token]; dup {
			t.Errorf("%s and %s have one token", name, other)
		}
		seen[token] = name
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"cluster.lab", `module.edge["a"].node_pool.worker[3]`, `a["\u00e9"]`, "a[0][1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(string(a))
		if err != nil || again != a {
			t.Errorf("%q reads as %q, and that as %q: %v", s, a, again, err)
		}
	})
}
