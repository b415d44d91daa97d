package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

const twoPools = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }
  tags = { note = "first" }
}

node_pool "web" {
  cluster       = cluster.lab
  size          = 3
  instance_type = ["t3.large", "t3a.large"]
  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

node_pool "db" {
  cluster       = cluster.lab
  size          = 2
  instance_type = "t3.medium"
}

output "endpoint" { value = cluster.lab.endpoint }
`

// site is a configuration, its state and the lab's API, all in one process.
type site struct {
	t      testing.TB
	files  string
	dir    string
	file   *state.File
	server *api.Server
	cloud  *aws.Cloud
}

func newSite(t testing.TB, files string, seed int64, faults api.Faults) *site {
	t.Helper()
	server, err := api.New(api.Options{Region: "ap-northeast-2", Seed: seed, Faults: faults, NoDefaultVPC: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	key := server.Keys()[0]
	s := &site{t: t, files: files, dir: t.TempDir(), server: server}
	s.cloud = aws.New(aws.Options{
		Endpoint: "http://lab.invalid", HTTPClient: &http.Client{Transport: server.Transport()},
		Keys: &aws.Keys{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey},
	})
	if s.file, err = state.Open(filepath.Join(s.dir, "clusterform.state.json"), state.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) plan(mode planner.Mode) (*planner.Plan, *hclconfig.Configuration) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "main.cluster.hcl"), []byte(s.files), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, diags := hclconfig.Load(s.dir, hclconfig.Options{})
	if diags.HasErrors() {
		s.t.Fatal(diags.Err())
	}
	snap, err := s.file.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	p, diags := planner.Make(s.t.Context(), planner.Request{Config: cfg, State: snap, Drivers: s.cloud, Lookup: s.cloud, Mode: mode})
	if diags.HasErrors() {
		s.t.Fatal(diags.Err())
	}
	return p, cfg
}

// apply plans and applies as the command does: under the lock, with the outputs evaluated.
func (s *site) apply(mode planner.Mode) (*apply.Result, *planner.Plan, error) {
	s.t.Helper()
	return s.applyWith(mode, func(j *state.Session) apply.Journal { return j })
}

func (s *site) applyWith(mode planner.Mode, journal func(*state.Session) apply.Journal) (*apply.Result, *planner.Plan, error) {
	s.t.Helper()
	p, cfg := s.plan(mode)
	j, err := s.file.Lock(s.t.Context(), state.LockRequest{Operation: "apply"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := j.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
	}()
	res, err := apply.Run(s.t.Context(), apply.Options{
		Plan: p, Journal: journal(j), Drivers: s.cloud, Evaluator: planner.NewEvaluator(cfg, p), Verify: true,
		Outputs: func(_ context.Context, snap *resource.Snapshot) (map[string]resource.OutputRecord, error) {
			return outputs(cfg, snap)
		},
	})
	return res, p, err
}

func outputs(cfg *hclconfig.Configuration, snap *resource.Snapshot) (map[string]resource.OutputRecord, error) {
	list, diags := planner.Outputs(cfg, snap)
	if diags.HasErrors() {
		return nil, diags.Err()
	}
	out := map[string]resource.OutputRecord{}
	for _, o := range list {
		if !o.Value.IsKnown() || o.Value.IsNull() {
			continue
		}
		value, err := json.Marshal(o.Value.AsString())
		if err != nil {
			return nil, err
		}
		out[o.Name] = resource.OutputRecord{Value: value, Type: []byte(`"string"`)}
	}
	return out, nil
}

func (s *site) snapshot() *resource.Snapshot {
	s.t.Helper()
	snap, err := s.file.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return snap
}

// existing lists everything in the cloud that has the cluster's tag, recorded or not.
func (s *site) existing(uid string) []string {
	s.t.Helper()
	var out []string
	for _, k := range resource.Kinds() {
		if k == resource.KindCredentials || k == resource.KindWorkload || k == resource.KindManifest {
			continue // nothing of these is made without an orchestrator
		}
		d, err := s.cloud.Driver("ap-northeast-2", k)
		if err != nil {
			s.t.Fatal(err)
		}
		found, err := d.Read(s.t.Context(), lookups{resource.NewSnapshot("")}, []string{uid}, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, o := range found {
			if o.Status == resource.Present {
				out = append(out, string(k)+" "+o.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

// checkConverged holds the cloud to the record, and the next plan to emptiness.
func (s *site) checkConverged(uid string) {
	s.t.Helper()
	if p, _ := s.plan(planner.ModeNormal); len(p.Steps) > 0 || len(p.Drift) > 0 || len(p.Recovered) > 0 {
		s.t.Errorf("the next plan is not empty: %s, drift %+v, recovered %+v", describeSteps(p), p.Drift, p.Recovered)
	}
	snap := s.snapshot()
	var want []string
	tagged := map[resource.Kind]bool{ // the others live in those
		resource.KindVPC: true, resource.KindSubnet: true, resource.KindInternetGateway: true, resource.KindRouteTable: true,
		resource.KindSecurityGroup: true, resource.KindRole: true, resource.KindElasticIP: true, resource.KindLoadBalancer: true, resource.KindNode: true,
	}
	for _, r := range snap.Records {
		if tagged[r.Kind] {
			want = append(want, string(r.Kind)+" "+r.ID)
		}
	}
	slices.Sort(want)
	got := slices.DeleteFunc(s.existing(uid), func(o string) bool { kind, _, _ := strings.Cut(o, " "); return !tagged[resource.Kind(kind)] })
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("what exists is not what is recorded (-recorded +exists):\n%s", diff)
	}
	if len(snap.Intents) > 0 || len(snap.Deposed) > 0 {
		s.t.Errorf("left over: intents %+v, deposed %v", snap.Intents, snap.Deposed)
	}
}

func describeSteps(p *planner.Plan) []string {
	var out []string
	for i := range p.Steps {
		st := &p.Steps[i]
		out = append(out, fmt.Sprintf("%s %s %s (%s: %s) %+v", st.Address, st.Action, st.Operation, st.Reason, st.Because, st.Fields))
	}
	return out
}

func (s *site) edit(old, new string) {
	s.t.Helper()
	if !strings.Contains(s.files, old) {
		s.t.Fatalf("the configuration has no %q", old)
	}
	s.files = strings.Replace(s.files, old, new, 1)
}

// edits is the life of a configuration.
var edits = []struct {
	name     string
	old, new string
	steps    int // of the plan; 0 is not checked
}{
	{"a pool grows", "size          = 3", "size          = 5", 2},
	{"another instance type", `"t3.medium"`, `"m5.large"`, 4},
	{"other tags", `note = "first"`, `note = "second"`, 0},
	{"a firewall rule", "  tags = {", "  firewall {\n    allow \"web\" {\n      to    = \"web\"\n      ports = [80]\n      from  = [\"0.0.0.0/0\"]\n    }\n  }\n  tags = {", 0},
	{"a pool goes", strings.Replace(twoPools[strings.Index(twoPools, `node_pool "db"`):strings.Index(twoPools, "output")], "t3.medium", "m5.large", 1), "", 2},
}

func TestFromFilesToInstancesAndBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, twoPools, 1, api.Faults{})
		res, _, err := s.apply(planner.ModeNormal)
		if err != nil {
			t.Fatalf("%+v\n%v", res, err)
		}
		snap := s.snapshot()
		uid := snap.Clusters["cluster.lab"].UID
		if uid == "" || len(snap.Outputs["endpoint"].Value) == 0 {
			t.Errorf("uid is %q, outputs are %v", uid, snap.Outputs)
		}
		s.checkConverged(uid)
		for _, e := range edits {
			s.edit(e.old, e.new)
			res, p, err := s.apply(planner.ModeNormal)
			if err != nil {
				t.Fatalf("%s: %+v\n%v", e.name, res, err)
			}
			if e.steps > 0 && len(p.Steps) != e.steps {
				t.Errorf("%s: %d steps, want %d: %v", e.name, len(p.Steps), e.steps, describeSteps(p))
			}
			s.checkConverged(uid)
		}
		if res, _, err := s.apply(planner.ModeDestroy); err != nil {
			t.Fatalf("destroy: %+v\n%v", res, err)
		}
		if left := s.existing(uid); len(left) > 0 {
			t.Errorf("left after destroy: %v", left)
		}
		if snap := s.snapshot(); len(snap.Records)+len(snap.Clusters)+len(snap.Intents) > 0 {
			t.Errorf("recorded after destroy: %+v", snap)
		}
	})
}

// TestThroughFaults goes the same way in a cloud that throttles, forgets, is late and has no room. CLUSTERFORM_SEED is the
// first seed, CLUSTERFORM_SEEDS how many there are.
func TestThroughFaults(t *testing.T) {
	t.Parallel()
	first, seeds := setting(t, "CLUSTERFORM_SEED", 1), setting(t, "CLUSTERFORM_SEEDS", 4)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprintf("CLUSTERFORM_SEED=%d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { throughFaults(t, seed) })
		})
	}
}

func setting(t *testing.T, name string, fallback int64) int64 {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func throughFaults(t *testing.T, seed int64) {
	s := newSite(t, twoPools, seed, api.Faults{
		Throttle:     1,
		Consistency:  api.Consistency{New: api.Duration(5 * time.Second), Change: api.Duration(5 * time.Second)},
		LoseResponse: api.Chance{Probability: 0.05}, LoseRequest: api.Chance{Probability: 0.03}, ServerError: api.Chance{Probability: 0.03},
		IAMPropagation: api.Duration(10 * time.Second), NeverBoot: 0.1,
		Capacity: []api.CapacityFault{{InstanceType: "t3.large", Times: 2}},
	})
	s.converge(planner.ModeNormal)
	uid := s.snapshot().Clusters["cluster.lab"].UID
	for _, e := range edits {
		s.edit(e.old, e.new)
		s.converge(planner.ModeNormal)
	}
	time.Sleep(time.Minute) // everything shows
	s.converge(planner.ModeNormal)
	s.checkConverged(uid)
	s.converge(planner.ModeDestroy)
	time.Sleep(time.Minute)
	if left := s.existing(uid); len(left) > 0 {
		t.Errorf("left after destroy: %v", left)
	}
}

// TestKilledAndTakenUp ends runs that create, change and destroy at their commits, one after the other, and goes on with
// the next plan: it takes up what the dead run made.
func TestKilledAndTakenUp(t *testing.T) {
	t.Parallel()
	const stride = 4 // the kinds of commits repeat; each of the two ways of dying starts elsewhere
	for start, after := range []bool{false, true} {
		for n := 1 + start*stride/2; ; n += stride {
			killed := false
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, twoPools, int64(n), api.Faults{Consistency: api.Consistency{New: api.Duration(2 * time.Second)}})
				uid := ""
				for _, mode := range []planner.Mode{planner.ModeNormal, planner.ModeNormal, planner.ModeDestroy} {
					_, _, err := s.applyWith(mode, func(j *state.Session) apply.Journal { return &dying{Journal: j, n: n, after: after} })
					killed = killed || err != nil
					s.converge(mode)
					if mode == planner.ModeNormal {
						uid = s.snapshot().Clusters["cluster.lab"].UID
						s.checkConverged(uid)
						s.files = strings.NewReplacer("t3.medium", "m5.large", "size          = 3", "size          = 2").Replace(s.files)
					}
				}
				if left := s.existing(uid); len(left) > 0 {
					t.Errorf("killed at commit %d (after: %v): left after destroy: %v", n, after, left)
				}
			})
			if t.Failed() {
				t.Fatalf("killed at commit %d, after it is written: %v", n, after)
			}
			if !killed {
				if n < 3*stride {
					t.Errorf("only %d commits", n)
				}
				break
			}
		}
	}
}

// converge applies until there is nothing left to do, a few times at most.
func (s *site) converge(mode planner.Mode) {
	s.t.Helper()
	const most = 6
	for try := 1; ; try++ {
		res, p, err := s.apply(mode)
		if err == nil && len(p.Steps) == 0 {
			return
		}
		if try == most {
			s.t.Fatalf("not converged after %d runs: %+v\n%v\nsteps: %v", try, res, err, describeSteps(p))
		}
		if err != nil {
			s.t.Logf("run %d: %v", try, err)
		}
	}
}

// lookups is a Runtime that only looks.
type lookups struct{ snap *resource.Snapshot }

func (l lookups) ID(ref resource.Ref) (string, bool)          { return string(ref), true }
func (l lookups) Ref(_ resource.Kind, id string) resource.Ref { return resource.Ref(id) }
func (l lookups) Record(a resource.Address) (*resource.Record, bool) {
	r, ok := l.snap.Records[a]
	return r, ok
}
func (lookups) Intend(context.Context, ...resource.Intent) error      { return apply.ErrStopped }
func (lookups) Checkpoint(context.Context, ...*resource.Record) error { return apply.ErrStopped }
func (lookups) Blob(string) ([]byte, bool)                            { return nil, false }
func (lookups) Progress(resource.Address, resource.Phase, string)     {}
func (lookups) WaitLaunched() bool                                    { return false }

// BenchmarkLab applies the first plan of a cluster with as many workers against the lab's API, without throttling or
// waiting: what a driver, the SDK and the journal take.
func BenchmarkLab(b *testing.B) {
	for _, n := range []int{100, 1_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				now := &api.Range{}
				s := newSite(b, twoPools, 1, api.Faults{Boot: now, Shutdown: now})
				s.edit("size          = 3", fmt.Sprintf("size = %d", n))
				s.edit("availability_zones = 2", "availability_zones = 2\n    overlay {\n      pod_cidr = \"10.128.0.0/9\"\n    }")
				p, cfg := s.plan(planner.ModeNormal)
				j, err := s.file.Lock(b.Context(), state.LockRequest{Operation: "apply"})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := apply.Run(b.Context(), apply.Options{Plan: p, Journal: j, Drivers: s.cloud, Evaluator: planner.NewEvaluator(cfg, p)}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := j.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
