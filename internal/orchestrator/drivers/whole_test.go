package drivers

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

const wholeCluster = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network { cidr = "10.88.0.0/16" }
  control_plane { size = 3 }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = 3
  instance_type = "t3.large"
  labels        = { tier = "web" }
}
`

// site is a configuration with its state, planned and applied in a world of played nodes.
type site struct {
	*world
	dir    string
	file   *state.File
	events []event.Event
}

// lookup is the cloud's, with pins that nobody downloads.
type lookup struct{ *aws.Cloud }

func (lookup) Software(context.Context, string, hclconfig.Orchestrator, string, string) (*resource.Software, error) {
	return &resource.Software{Origin: "test", Files: []resource.SoftwareFile{
		{Name: "kubeadm", URL: "http://artifacts.invalid/kubeadm", SHA256: strings.Repeat("0", 64), Kind: "binary", Path: "/usr/local/bin/kubeadm", Mode: "0755"},
	}}, nil
}

func newSite(t *testing.T, w *world) *site {
	t.Helper()
	s := &site{world: w, dir: t.TempDir()}
	var err error
	if s.file, err = state.Open(filepath.Join(s.dir, "clusterform.state.json"), state.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) plan(files string, mode planner.Mode) (*planner.Plan, *hclconfig.Configuration) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "main.cluster.hcl"), []byte(files), 0o600); err != nil {
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
	p, diags := planner.Make(s.t.Context(), planner.Request{
		Config: cfg, State: snap, Drivers: s.drivers, Lookup: lookup{s.aws}, Orchestration: Orchestration{Key: []byte("key")}, Mode: mode,
		NewUID: func() string { return testUID },
	})
	if diags.HasErrors() {
		s.t.Fatal(diags.Err())
	}
	return p, cfg
}

// carryOut plans and applies, as another command each time, and returns the state.
func (s *site) carryOut(files string, mode planner.Mode) *resource.Snapshot {
	s.t.Helper()
	res, snap, err := s.apply(files, mode, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range res.Errors {
		s.t.Errorf("%+v", f)
	}
	return snap
}

// apply is carryOut with a signal, and whatever comes of it.
func (s *site) apply(files string, mode planner.Mode, stop <-chan struct{}) (*apply.Result, *resource.Snapshot, error) {
	s.t.Helper()
	s.again()
	p, cfg := s.plan(files, mode)
	j, err := s.file.Lock(s.t.Context(), state.LockRequest{Operation: "apply"})
	if err != nil {
		s.t.Fatal(err)
	}
	res, failed := apply.Run(s.t.Context(), apply.Options{
		Plan: p, Journal: j, Drivers: s.drivers, Verify: true, Events: event.SinkFunc(func(e event.Event) { s.events = append(s.events, e) }),
		Evaluator: planner.NewEvaluator(cfg, p).WithOrchestration(Orchestration{Key: []byte("key")}), Stop: stop,
	})
	if err := j.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	snap, err := s.file.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return res, snap, failed
}

// empty fails the test when there is anything to do.
func (s *site) empty(files string) {
	s.t.Helper()
	s.again()
	p, _ := s.plan(files, planner.ModeNormal)
	for _, step := range p.Steps {
		s.t.Errorf("still to do: %s %s (%s %s) %+v", step.Action, step.Address, step.Reason, step.Because, step.Fields)
	}
}

func nodesOf(snap *resource.Snapshot) map[resource.Address]*resource.Record {
	out := map[resource.Address]*resource.Record{}
	for a, rec := range snap.Records {
		if rec.Kind == resource.KindNode {
			out[a] = rec
		}
	}
	return out
}

func TestTheLifeOfACluster(t *testing.T) {
	inBareWorld(t, func(t *testing.T, w *world) {
		s := newSite(t, w)
		start := time.Now()
		snap := s.carryOut(wholeCluster, planner.ModeNormal)
		nodes := nodesOf(snap)
		if len(nodes) != 6 || time.Since(start) > 3*time.Minute {
			t.Fatalf("%d nodes after %s", len(nodes), time.Since(start))
		}
		for a, rec := range nodes {
			if rec.Phase != resource.PhaseReady || rec.Incomplete {
				t.Errorf("%s is %s: %s", a, rec.Phase, rec.LastError)
			}
		}
		if names := w.parameter("control-plane/names"); names == "" {
			t.Error("the names of the API's certificate are not written")
		}
		s.empty(wholeCluster)

		smaller := strings.Replace(wholeCluster, "size          = 3", "size          = 2", 1)
		gone := nodes["node_pool.worker[2]"].ID
		s.carryOut(smaller, planner.ModeNormal)
		if !slices.Contains(w.drained, gone) || !slices.Contains(w.removed, gone) {
			t.Errorf("%s went without being drained (%v) and taken out (%v)", gone, w.drained, w.removed)
		}
		s.empty(smaller)

		labelled := strings.Replace(smaller, `tier = "web"`, `tier = "db"`, 1)
		snap = s.carryOut(labelled, planner.ModeNormal)
		for _, a := range []resource.Address{"node_pool.worker[0]", "node_pool.worker[1]"} {
			if rec := snap.Records[a]; rec.ID != nodes[a].ID || w.settings[rec.ID].Labels["tier"] != "db" {
				t.Errorf("%s was %s and is %s with %v", a, nodes[a].ID, rec.ID, w.settings[rec.ID].Labels)
			}
		}

		// The control plane rolls: other instances, one after another.
		w.removed = nil
		rolled := strings.Replace(labelled, "control_plane { size = 3 }", "control_plane {\n    size          = 3\n    instance_type = \"t3.xlarge\"\n  }", 1)
		snap = s.carryOut(rolled, planner.ModeNormal)
		for i := range 3 {
			a := controlPlane.Index(i)
			if rec := snap.Records[a]; rec.ID == nodes[a].ID || !slices.Contains(w.removed, nodes[a].ID) {
				t.Errorf("%s was %s and is %s; taken out are %v", a, nodes[a].ID, rec.ID, w.removed)
			}
		}
		if len(w.inits) != 1 || len(strings.Split(w.parameter("worker/endpoints"), ",")) != 3 {
			t.Errorf("initialised by %v; endpoints %s", w.inits, w.parameter("worker/endpoints"))
		}
		s.empty(rolled)

		// A worker dies and is replaced.
		dead := snap.Records["node_pool.worker[0]"].ID
		w.mu.Lock()
		w.members[dead].Ready, w.members[dead].Reason, w.members[dead].Since = false, "kubelet stopped posting", time.Now().Add(-time.Hour)
		w.mu.Unlock()
		snap = s.carryOut(rolled, planner.ModeNormal)
		if rec := snap.Records["node_pool.worker[0]"]; rec.ID == dead || rec.Phase != resource.PhaseReady {
			t.Errorf("the dead worker is %s (%s)", rec.ID, rec.Phase)
		}
		s.empty(rolled)

		w.drained = nil
		snap = s.carryOut(rolled, planner.ModeDestroy)
		if len(snap.Records) > 0 || len(w.drained) > 0 {
			t.Errorf("%d objects are left, %v were drained", len(snap.Records), w.drained)
		}
		if left, err := w.parameters().List(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("left in the Parameter Store: %v %v", left, err)
		}
		raw, err := os.ReadFile(filepath.Join(s.dir, "clusterform.state.json"))
		if err != nil || strings.Contains(string(raw), secretMarker) {
			t.Errorf("a secret is in the state, or it cannot be read: %v", err)
		}
	})
}

func TestASignalWhileNodesJoinLosesNothing(t *testing.T) {
	inBareWorld(t, func(t *testing.T, w *world) {
		s := newSite(t, w)
		for i := range 6 {
			w.deaf[i] = true
		}
		stop := make(chan struct{})
		time.AfterFunc(2*time.Minute, func() { close(stop) })
		start := time.Now()
		res, snap, err := s.apply(wholeCluster, planner.ModeNormal, stop)
		if took := time.Since(start); took > 2*time.Minute+5*time.Second {
			t.Errorf("the run ended %s after it was asked to", took-2*time.Minute)
		}
		if err == nil || !strings.Contains(err.Error(), "interrupted while it joined; apply again to go on") || strings.Contains(err.Error(), "in flight") || !res.Drained {
			t.Errorf("ended with %v", err)
		}
		nodes := nodesOf(snap)
		for a, rec := range nodes {
			if rec.ID == "" || rec.Phase != resource.PhaseJoining || !rec.Incomplete {
				t.Errorf("%s is recorded as %+v", a, rec)
			}
		}
		if len(nodes) != 6 || len(snap.Intents) > 0 {
			t.Errorf("%d nodes are recorded, %v are open", len(nodes), snap.Intents)
		}
		w.mu.Lock()
		clear(w.deaf)
		w.mu.Unlock()
		after := nodesOf(s.carryOut(wholeCluster, planner.ModeNormal))
		for a, rec := range after {
			if rec.ID != nodes[a].ID || rec.Phase != resource.PhaseReady {
				t.Errorf("%s was %s and is %s (%s)", a, nodes[a].ID, rec.ID, rec.Phase)
			}
		}
		s.empty(wholeCluster)
	})
}
