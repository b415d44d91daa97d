package planner

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// testNow is the time of every plan made in a test.
var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const small = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = 3
  instance_type = ["t3.large", "t3a.large"]
}
`

// world is a state with a configuration, and a cloud that does as it is told.
type world struct {
	t      testing.TB
	files  string
	state  *resource.Snapshot
	lookup fakeLookup
	// orchestration is nil where nodes are plain instances.
	orchestration Orchestration
	cloud         *fakeCloud // nil plans without refresh
	ids           int
	uids          int
}

func newWorld(t testing.TB, files string) *world {
	t.Helper()
	return &world{t: t, files: files, state: resource.NewSnapshot("lineage"), lookup: fakeLookup{image: "ami-1"}}
}

// converged is a world in which the configuration is applied.
func converged(t testing.TB, files string) *world {
	t.Helper()
	w := newWorld(t, files)
	w.apply(w.plan())
	return w
}

func load(t testing.TB, files string) *hclconfig.Configuration {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(files), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := hclconfig.Load(dir, hclconfig.Options{Now: testNow})
	if diags.HasErrors() {
		t.Fatalf("the configuration of the test: %v", diags.Err())
	}
	return cfg
}

func (w *world) request() Request {
	r := Request{
		State: w.state, Lookup: w.lookup, Now: testNow, ToolVersion: "0.0.0-test",
		NewUID: func() string { w.uids++; return fmt.Sprintf("%016x", 0xabc0+w.uids) }, Orchestration: w.orchestration,
	}
	if w.files != "" {
		r.Config = load(w.t, w.files)
	}
	if w.cloud != nil {
		r.Drivers, r.Find = w.cloud, w.cloud.find
	}
	return r
}

// plan makes a plan that must succeed.
func (w *world) plan(change ...func(*Request)) *Plan {
	w.t.Helper()
	p, diags := w.try(change...)
	if diags.HasErrors() {
		w.t.Fatalf("planning: %v", diags.Err())
	}
	checkPlan(w.t, p)
	return p
}

func (w *world) try(change ...func(*Request)) (*Plan, hclconfig.Diagnostics) {
	w.t.Helper()
	r := w.request()
	for _, f := range change {
		f(&r)
	}
	return Make(context.Background(), r)
}

// edit replaces text of the configuration, which must be there.
func (w *world) edit(old, new string) {
	w.t.Helper()
	if !strings.Contains(w.files, old) {
		w.t.Fatalf("the configuration of the test has no %q", old)
	}
	w.files = strings.Replace(w.files, old, new, 1)
}

// checkPlan holds a plan to what every plan promises.
func checkPlan(t testing.TB, p *Plan) {
	t.Helper()
	for i := range p.Steps {
		s := &p.Steps[i]
		if int(s.ID) != i {
			t.Fatalf("step %d has the id %d", i, s.ID)
		}
		if !slices.IsSorted(s.Needs) {
			t.Fatalf("step %d: needs are not sorted: %v", i, s.Needs)
		}
		for _, on := range s.Needs {
			if int(on) >= i {
				t.Fatalf("step %d (%s %s) needs step %d, which is not before it", i, s.Operation, s.Address, on)
			}
		}
		if s.Pair >= 0 && p.Steps[s.Pair].Pair != s.ID {
			t.Fatalf("step %d and %d are no pair", i, s.Pair)
		}
		if s.Reason == "" {
			t.Fatalf("step %d (%s) has no reason", i, s.Address)
		}
	}
}

// apply carries a plan out on the state, as apply and the drivers would.
func (w *world) apply(p *Plan) {
	w.t.Helper()
	if p.Lineage != w.state.Lineage || p.Serial != w.state.Serial {
		w.t.Fatalf("stale plan")
	}
	s := w.copyState()
	s.Serial++
	for a, c := range p.Clusters {
		s.Clusters[a] = c
	}
	for _, d := range slices.Concat(p.Drift, p.Refreshed) {
		switch {
		case d.Gone:
			w.remove(s, d.Address, d.ID)
		case d.Observed != nil:
			r := *s.Records[d.Address]
			r.Object = *d.Observed
			s.Records[d.Address] = &r
		}
	}
	var gone []resource.Address
	for i := range p.Steps {
		if st := &p.Steps[i]; st.Action == ActionMove && st.From != st.Address {
			gone = append(gone, st.From)
		}
	}
	for _, a := range gone {
		delete(s.Records, a)
	}
	evaluator := NewEvaluator(w.request().Config, p).WithOrchestration(w.orchestration)
	for i := range p.Steps {
		w.carryOut(s, &p.Steps[i], evaluator)
	}
	for a, v := range p.Protect {
		r := *s.Records[a]
		r.Protected = v
		s.Records[a] = &r
	}
	s.Intents = nil
	used := map[resource.Address]bool{}
	for _, r := range s.Records {
		used[r.Cluster] = true
	}
	for a := range s.Clusters {
		if !used[a] {
			delete(s.Clusters, a)
		}
	}
	w.outputs(s)
	w.state = s
}

func (w *world) outputs(s *resource.Snapshot) {
	s.Outputs = map[string]resource.OutputRecord{}
	outs, diags := Outputs(w.request().Config, s)
	if diags.HasErrors() {
		w.t.Fatal(diags.Err())
	}
	for _, o := range outs {
		if !o.Value.IsWhollyKnown() {
			w.t.Fatalf("output %s is unknown after apply", o.Name)
		}
		v, typ, err := EncodeOutput(o.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		s.Outputs[o.Name] = resource.OutputRecord{Value: v, Type: typ, Sensitive: o.Sensitive}
	}
}

func (w *world) copyState() *resource.Snapshot {
	s := resource.NewSnapshot(w.state.Lineage)
	s.Serial = w.state.Serial
	for a, c := range w.state.Clusters {
		s.Clusters[a] = c
	}
	for a, r := range w.state.Records {
		s.Records[a] = r
	}
	for a, r := range w.state.Deposed {
		s.Deposed[a] = slices.Clone(r)
	}
	return s
}

func (w *world) remove(s *resource.Snapshot, a resource.Address, id string) {
	if r := s.Records[a]; r != nil && r.ID == id {
		delete(s.Records, a)
		return
	}
	s.Deposed[a] = slices.DeleteFunc(s.Deposed[a], func(r *resource.Record) bool { return r.ID == id })
	if len(s.Deposed[a]) == 0 {
		delete(s.Deposed, a)
	}
}

func (w *world) carryOut(s *resource.Snapshot, st *Step, e *Evaluator) {
	w.t.Helper()
	after := st.After
	if len(st.Unknown) > 0 {
		now := *s // readers may take a snapshot for immutable
		now.Records = maps.Clone(s.Records)
		var err error
		if after, _, err = e.Resolve(context.Background(), st, &now); err != nil {
			w.t.Fatal(err)
		}
	}
	switch {
	case st.Operation == resource.Delete:
		w.remove(s, st.Address, st.Before.ID)
	case st.Action == ActionForget:
		delete(s.Records, st.Address)
	case st.Operation == resource.Create:
		w.ids++
		id := fmt.Sprintf("%s-%04d", strings.ReplaceAll(string(st.Kind), "_", "-"), w.ids)
		if st.CreateFirst {
			old := *s.Records[st.Address]
			old.Deposed = true
			s.Deposed[st.Address] = append(s.Deposed[st.Address], &old)
		} else if old := s.Records[st.Address]; old != nil {
			w.t.Fatalf("%s is made while %s is there", st.Address, old.ID)
		}
		w.put(s, st, after, id)
	default:
		id := after.ID
		if id == "" && st.Before != nil {
			id = st.Before.ID
		}
		w.put(s, st, after, id)
	}
}

func (w *world) put(s *resource.Snapshot, st *Step, after *resource.Object, id string) {
	obj := *after
	obj.ID, obj.Spec = id, resource.Clone(after.Spec)
	n := len(id)
	switch spec := obj.Spec.(type) {
	case *resource.Node:
		spec.PrivateIP, spec.PublicAddr, spec.PrivateDNS = "10.0.0."+id[n-4:], "203.0.113."+id[n-4:], "ip-"+id
	case *resource.ElasticIP:
		spec.PublicIP = "198.51.100." + id[n-4:]
	case *resource.LoadBalancer:
		spec.DNSName = id + ".elb.example"
	case *resource.Role:
		spec.ARN, spec.InstanceProfile = "arn:aws:iam::1:role/"+spec.Name, spec.Name
	case *resource.Credentials:
		spec.CA, spec.ExpiresAt = "-----BEGIN CERTIFICATE-----", testNow.AddDate(10, 0, 0)
		id = spec.Path
		obj.ID = id
	case *resource.Workload:
		w.mustStand(s, st)
		spec.Live, spec.Objects = map[string]string{"Deployment/" + spec.Namespace + "/" + spec.Name: spec.Content}, []string{"Deployment/" + spec.Namespace + "/" + spec.Name}
	case *resource.Manifest:
		w.mustStand(s, st)
		spec.Live = map[string]string{spec.ObjectKind + "/" + spec.Namespace + "/" + spec.Name: spec.Content}
	}
	for _, a := range resource.Refs(st.Address, obj.Spec) {
		if s.Records[a] == nil && st.Action != ActionMove {
			w.t.Fatalf("%s refers to %s, which is not there", st.Address, a)
		}
	}
	s.Records[st.Address] = &resource.Record{Object: obj, Generation: st.Generation, Protected: st.Protected, DependsOn: st.DependsOn}
}

// mustStand holds work to a control plane that exists and is to stay.
func (w *world) mustStand(s *resource.Snapshot, st *Step) {
	w.t.Helper()
	if st.Action == ActionMove {
		return
	}
	cluster := st.After.Cluster
	if s.Records[credentialsOf(cluster)] == nil || s.Records[controlPlaneOf(cluster).Index(0)] == nil {
		w.t.Fatalf("%s is applied, and its cluster has no credentials or no control plane", st.Address)
	}
}

type fakeLookup struct {
	image string
	zones []string
	// origin is where the software of nodes comes from, err why it cannot be found, asked what was asked for.
	origin string
	err    error
	asked  *[]string
}

func (l fakeLookup) Zones(_ context.Context, region string) ([]string, error) {
	if l.zones != nil {
		return l.zones, nil
	}
	return []string{region + "a", region + "b", region + "c", region + "d"}, nil
}

func (l fakeLookup) Image(context.Context, string, string) (string, error) { return l.image, nil }

// summary lists steps as "action reason address", sorted.
func summary(p *Plan) []string {
	out := []string{}
	for i := range p.Steps {
		s := &p.Steps[i]
		op := string(s.Operation)
		if op == "" {
			op = "-"
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", s.Address, s.Action, op, s.Reason))
	}
	slices.Sort(out)
	return out
}

// of keeps the lines about addresses that begin with prefix.
func of(lines []string, prefix string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, prefix) })
}
