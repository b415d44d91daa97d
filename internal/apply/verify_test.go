package apply_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	const a = "cluster.lab.vpc"
	vary := func(change func(*resource.VPC)) func(*cloud, *resource.Record) {
		return func(c *cloud, rec *resource.Record) {
			spec := resource.Clone(rec.Spec.(*resource.VPC))
			change(spec)
			th := c.objects[rec.ID]
			th.spec = spec
			c.objects[rec.ID] = th
		}
	}
	dns := vary(func(v *resource.VPC) { v.DNSSupport = true })
	owner := vary(func(v *resource.VPC) { v.Tags = resource.Tags{"owner": "somebody\x1b[0m"} })
	gone := func(c *cloud, rec *resource.Record) { delete(c.objects, rec.ID) }
	for _, tc := range []struct {
		name   string
		op     resource.Operation
		change func(*cloud, *resource.Record)
		drift  *resource.VPC
		want   string
	}{
		{name: "nothing changed", op: resource.Update},
		{name: "a field that the update changes", op: resource.Update, change: owner, want: `cluster.lab.vpc (vpc-1): tags.owner was "me" in the plan and is "somebody\x1b[0m" now`},
		{name: "a field that the update leaves alone", op: resource.Update, change: dns},
		{name: "the refresh had seen it", op: resource.Update, change: dns, drift: &resource.VPC{CIDR: "10.0.0.0/16", DNSSupport: true, Tags: resource.Tags{"owner": "me"}}},
		{name: "any field of what is deleted", op: resource.Delete, change: dns, want: "dns_support was false in the plan and is true now"},
		{name: "deleted by somebody, to be updated", op: resource.Update, change: gone, want: "it no longer exists (terminated by somebody)"},
		{name: "deleted by somebody, to be deleted", op: resource.Delete, change: gone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			rec := c.seed(record(a, vpc("me")))
			given(t, j, rec)
			p := newPlan(j)
			if tc.op == resource.Update {
				p.update(rec, vpc("you"))
			} else {
				p.delete(rec)
			}
			if tc.drift != nil {
				p.Drift = []planner.Drift{{Address: a, Kind: resource.KindVPC, ID: rec.ID, Observed: object(a, tc.drift)}}
			}
			if tc.change != nil {
				tc.change(c, rec)
			}
			o := options(p, j, c)
			o.Verify = true
			_, err := run(t, o)
			if tc.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if _, ok := errors.AsType[*apply.ChangedError](err); !ok || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want %q", err, tc.want)
			}
			if len(c.started) > 0 {
				t.Errorf("started %v", c.started)
			}
		})
	}
}

func TestVerifyListsEverything(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	var recs []*resource.Record
	for _, a := range []resource.Address{"p.unreadable[0]", "p.b[10]", "p.b[9]"} {
		recs = append(recs, c.seed(record(a, node("web"))))
	}
	given(t, j, recs...)
	p := newPlan(j)
	for _, r := range recs {
		p.delete(r)
		if r.Address != "p.unreadable[0]" {
			c.objects[r.ID] = thing{spec: node("changed")}
		}
	}
	elsewhere := record("p.far", vpc("me"))
	elsewhere.ID, elsewhere.Region = "vpc-far", "eu-nowhere-1"
	p.delete(elsewhere)
	o := options(p, j, c)
	o.Verify = true
	_, err := run(t, o)
	changed, ok := errors.AsType[*apply.ChangedError](err)
	if !ok || len(changed.Changes) != 4 {
		t.Fatalf("error is %v", err)
	}
	var last int
	for _, want := range []string{"p.b[9]", "p.b[10]", "p.far (vpc-far): the vpc objects of eu-nowhere-1 could not be read", "p.unreadable[0] (node-1): it could not be read again: throttled"} {
		i := strings.Index(err.Error(), want)
		if i < last {
			t.Errorf("%q is not in its place in %q", want, err)
		}
		last = i
	}
	if c.reads != 1 {
		t.Errorf("nodes were read with %d calls, want 1", c.reads)
	}
}

// TestVerifyKnowsMoves: what is verified has the names that the plan gives, before the moves are recorded.
func TestVerifyKnowsMoves(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	v := c.seed(record("cluster.old.vpc", vpc("me")))
	g := c.seed(record("cluster.old.internet_gateway", &resource.InternetGateway{VPC: "cluster.old.vpc"}))
	c.objects[g.ID] = thing{address: g.Address, kind: g.Kind, spec: &resource.InternetGateway{VPC: resource.Ref(v.ID)}}
	given(t, j, v, g)
	p := newPlan(j)
	first := p.move("cluster.old.vpc", "cluster.lab.vpc", v)
	second := p.move("cluster.old.internet_gateway", "cluster.lab.internet_gateway", g)
	moved := record("cluster.lab.internet_gateway", &resource.InternetGateway{VPC: "cluster.lab.vpc"})
	moved.ID = g.ID
	p.delete(moved, first, second)
	o := options(p, j, c)
	o.Verify = true
	mustRun(t, o)
	if got := addresses(j); len(got) != 1 || got[0] != "cluster.lab.vpc "+v.ID {
		t.Errorf("recorded %v", got)
	}
}

// TestVerifyTellsKindsApart: a security group and its rules have one id.
func TestVerifyTellsKindsApart(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	rules := c.seed(record("cluster.lab.rules", &resource.SecurityGroupRules{Group: "cluster.lab.group"}))
	given(t, j, rules)
	p := newPlan(j)
	p.Drift = []planner.Drift{{
		Address: "cluster.lab.group", Kind: resource.KindSecurityGroup, ID: rules.ID, Observed: object("cluster.lab.group", &resource.SecurityGroup{Name: "lab"}),
	}}
	p.delete(rules)
	o := options(p, j, c)
	o.Verify = true
	mustRun(t, o)
}
