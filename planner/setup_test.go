package planner

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// newer is a settled cluster, looked at with another release, whose nodes boot with another script.
func newer(t testing.TB, files string) *world {
	t.Helper()
	w := settledCluster(t, files)
	w.orchestration = fakeOrchestration{script: "# of the next release\n"}
	return w
}

func TestAnotherReleasesScriptAloneRollsNothing(t *testing.T) {
	t.Parallel()
	w := newer(t, running)
	old := w.state.Records["node_pool.worker[0]"].Spec.(*resource.Node).UserData
	if p := w.plan(); p.HasChanges() {
		t.Fatalf("steps: %v", summary(p))
	}
	for name, c := range map[string]struct {
		change   func(*world)
		plan     func(*Request)
		want     []string // at workers
		newText  []resource.Address
		contains string
	}{
		"a change in place keeps the script": {
			change: func(w *world) { w.edit("size          = 3", "size = 3\nlabels = { disk = \"ssd\" }") },
			want: []string{
				"node_pool.worker[0] update update config_changed", "node_pool.worker[1] update update config_changed", "node_pool.worker[2] update update config_changed",
			},
		},
		"a new node gets the new one": {
			change:  func(w *world) { w.edit("size          = 3", "size = 4") },
			want:    []string{"node_pool.worker[3] create create created"},
			newText: []resource.Address{"node_pool.worker[3]"},
		},
		"-replace brings it": {
			plan:    func(r *Request) { r.Replace = []string{"node_pool.worker[1]"} },
			want:    []string{"node_pool.worker[1] roll create replace_requested", "node_pool.worker[1] roll delete replace_requested"},
			newText: []resource.Address{"node_pool.worker[1]"},
		},
		"one that is gone comes back with it": {
			change:  func(w *world) { w.seen("node_pool.worker[2]", gone("terminated")) },
			want:    []string{"node_pool.worker[2] create create gone"},
			newText: []resource.Address{"node_pool.worker[2]"},
		},
		"another user_data rolls": {
			change: func(w *world) { w.edit("size          = 3", "size = 3\nuser_data = \"#!/bin/sh\\necho hello\"") },
			want: []string{
				"node_pool.worker[0] roll create config_changed", "node_pool.worker[0] roll delete config_changed", "node_pool.worker[1] roll create config_changed",
				"node_pool.worker[1] roll delete config_changed", "node_pool.worker[2] roll create config_changed", "node_pool.worker[2] roll delete config_changed",
			},
			newText: []resource.Address{"node_pool.worker[0]", "node_pool.worker[1]", "node_pool.worker[2]"}, contains: "echo hello",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newer(t, running)
			if c.change != nil {
				c.change(w)
			}
			var plan []func(*Request)
			if c.plan != nil {
				plan = append(plan, c.plan)
			}
			p := w.plan(plan...)
			if diff := cmp.Diff(c.want, stepsAt(p, "node_pool.worker[")); diff != "" {
				t.Fatalf("steps (-want +got):\n%s", diff)
			}
			isNew := map[resource.Address]bool{}
			for _, a := range c.newText {
				isNew[a] = true
			}
			for i := range p.Steps {
				s := &p.Steps[i]
				if s.After == nil || s.Kind != resource.KindNode || !strings.HasPrefix(string(s.Address), "node_pool") {
					continue
				}
				n := s.After.Spec.(*resource.Node)
				switch text, has := p.Blobs[n.UserData]; {
				case isNew[s.Address] && (!has || !strings.Contains(text, "next release") || !strings.Contains(text, c.contains)):
					t.Errorf("%s is launched with %q", s.Address, text)
				case !isNew[s.Address] && n.UserData != old:
					t.Errorf("%s is recorded with user-data that it was not launched with", s.Address)
				}
			}
			w.apply(p)
			if again := w.alive().plan(); again.HasChanges() {
				t.Errorf("the next plan is not empty: %v", summary(again))
			}
		})
	}
}

// What ignore_changes holds on to is what the node was launched with, also for the comparison that follows without it.
func TestIgnoredUserDataIsToldLater(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(running, "size          = 3", "size = 3\nuser_data = \"#!/bin/sh\\necho 1\"\nlifecycle { ignore_changes = [user_data] }", 1))
	w.edit("echo 1", "echo 2")
	w.edit("size = 3", "size = 3\nlabels = { disk = \"ssd\" }")
	w.apply(w.plan())
	w.edit("ignore_changes = [user_data]", "")
	if p := w.plan(); p.Summary.Replace != 3 {
		t.Errorf("steps: %v", summary(p))
	}
}

// Records of a release that knew no digest of what is asked for are compared by their text, and get one on the way.
func TestRecordsWithoutASetup(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	for a, r := range w.state.Records {
		if n, isNode := r.Spec.(*resource.Node); isNode {
			is, spec := *r, resource.Clone(n)
			spec.Setup = ""
			is.Spec = spec
			w.state.Records[a] = &is
		}
	}
	w.edit("replicas = 3", "replicas = 4") // nodes stay as they are
	p := w.plan()
	if got := summary(p); len(got) != 1 || len(p.Refreshed) != 4 || len(p.Drift) != 0 {
		t.Fatalf("steps %v, refreshed %+v", got, p.Refreshed)
	}
	w.orchestration = fakeOrchestration{script: "# of the next release\n"}
	if p := w.plan(); p.Summary.Replace != 4 {
		t.Errorf("another text: %v", summary(p))
	}
	w.orchestration = fakeOrchestration{}
	w.apply(p)
	w.orchestration = fakeOrchestration{script: "# of the next release\n"}
	if again := w.plan(); again.HasChanges() {
		t.Errorf("after an apply that recorded it: %v", summary(again))
	}
}

// So the next release takes up what an interrupted run of the one before launched.
func TestOrphansOfTheReleaseBeforeHaveTheSameDigest(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	p := w.plan(func(r *Request) { r.Replace = []string{"node_pool.worker[0]"} })
	n := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")].After.Spec.(*resource.Node)
	w.orchestration = fakeOrchestration{script: "# of the next release\n"}
	p = w.plan(func(r *Request) { r.Replace = []string{"node_pool.worker[0]"} })
	m := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")].After.Spec.(*resource.Node)
	if n.UserData == m.UserData || resource.SpecDigest(n) != resource.SpecDigest(m) {
		t.Errorf("%s %s, %s %s", n.UserData, resource.SpecDigest(n), m.UserData, resource.SpecDigest(m))
	}
}

func TestSetupOutlivesAPlanFile(t *testing.T) {
	t.Parallel()
	w := newer(t, running)
	data, err := json.Marshal(w.plan(func(r *Request) { r.Replace = []string{"node_pool.worker[1]"} }))
	if err != nil {
		t.Fatal(err)
	}
	p := new(Plan)
	if err := json.Unmarshal(data, p); err != nil {
		t.Fatal(err)
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v", summary(again))
	}
}

// The digest decides in every later release whether nodes are replaced: it may not change by itself.
func TestTheDigestOfASetupStays(t *testing.T) {
	t.Parallel()
	c := &hclconfig.Cluster{
		Orchestrator: hclconfig.Kubernetes, Version: "1.34.4",
		Network: hclconfig.Network{Overlay: hclconfig.Overlay{Backend: "vxlan", PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/12"}},
	}
	c.Name = "lab"
	in := NodeSetup{
		Cluster: c, UID: "0123456789abcdef", Role: "worker", Pool: "worker", Endpoint: "http://aws.lab:4566",
		Software: &resource.Software{Origin: "upstream", Files: []resource.SoftwareFile{{Name: "kubelet", URL: "https://example.com/kubelet", SHA256: "00", Kind: "binary"}}},
	}
	worker := in.Digest()
	in.Role, in.Pool = "control_plane", "control-plane"
	got := map[string]string{"worker": worker, "control plane": in.Digest()}
	if diff := cmp.Diff(map[string]string{
		"worker":        "b7a0661c52381c62bba5cfcc381f2b6842c0e7d100fad78fdee0af949877ab63",
		"control plane": "144b5b0cb8ba93e12127531a7bf8f9e732bf639b9a78e16c7d862d209ad82967",
	}, got); diff != "" {
		t.Errorf("every node that runs would be replaced (-want +got):\n%s", diff)
	}
	in.Role, in.Pool = "worker", "worker"
	for name, change := range map[string]func(){
		"another version":         func() { c.Version = "1.34.5" },
		"another overlay":         func() { c.Network.Overlay.Backend = "host-gw" },
		"encryption":              func() { c.Network.Overlay.Encrypted = true },
		"the user's own":          func() { in.Extra = "#!/bin/sh" },
		"another pin":             func() { in.Software = &resource.Software{} },
		"another pool":            func() { in.Pool = "worker-blue" },
		"another cluster":         func() { in.UID = "f" },
		"another endpoint":        func() { in.Endpoint = "" },
		"pods on a control plane": func() { in.Role = "control_plane" },
	} {
		before := in.Digest()
		if change(); in.Digest() == before {
			t.Errorf("%s makes no difference", name)
		}
	}
	in.Role = "worker"
	before := in.Digest()
	if c.Network.Overlay.PodCIDR, c.ControlPlane.Schedulable = "10.1.0.0/16", true; in.Digest() != before {
		t.Error("workers are replaced for what only the control plane is told")
	}
}
