package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// unwell is an observation of a node that exists and is of no use.
func unwell(phase resource.Phase, reason string) func(*resource.Record) resource.Observation {
	return func(r *resource.Record) resource.Observation {
		return resource.Observation{Status: resource.Present, Object: &r.Object, Phase: phase, Reason: reason}
	}
}

const ofThree = "control_plane {\nsize = 3\n}\nnetwork {"

func TestNodesThatAreNotWell(t *testing.T) {
	t.Parallel()
	t.Run("a worker that is not Ready is replaced, the old one first", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		w.seen("node_pool.worker[1]", unwell(resource.PhaseJoining, "not Ready for 5m0s: kubelet stopped posting status"))
		p := w.plan()
		want := []string{"node_pool.worker[1] replace create drifted", "node_pool.worker[1] replace delete drifted"}
		if diff := cmp.Diff(want, summary(p)); diff != "" {
			t.Fatalf("steps (-want +got):\n%s", diff)
		}
		if !reaches(p, position(t, p, resource.Create, "node_pool.worker[1]"), position(t, p, resource.Delete, "node_pool.worker[1]")) {
			t.Error("the new node does not wait for the old one to go")
		}
		if s := p.Steps[0]; !strings.Contains(s.Because, "stopped posting") || s.Ending {
			t.Errorf("step: %+v", s)
		}
		if len(p.Drift) != 1 || !strings.Contains(p.Drift[0].Reason, "stopped posting") || p.Summary.WorkloadsInterrupted != 1 {
			t.Errorf("drift %+v, summary %+v", p.Drift, p.Summary)
		}
		w.apply(p)
		if again := w.alive().plan(); again.HasChanges() {
			t.Errorf("the next plan is not empty: %v", summary(again))
		}
	})
	t.Run("a protected one is let be, and told of", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, strings.Replace(running, "size          = 3", "size = 3\nlifecycle { prevent_destroy = true }", 1))
		w.seen("node_pool.worker[1]", unwell(resource.PhaseJoining, "not Ready for 5m0s"))
		p, diags := w.try()
		if diags.HasErrors() || len(p.Steps) > 0 || !warned(diags, "A protected node is not well") {
			t.Errorf("%v %v", summary(p), diags)
		}
	})
	t.Run("one of three members of the control plane", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, strings.Replace(running, "network {", ofThree, 1))
		w.seen("cluster.lab.control_plane[0]", unwell(resource.PhaseJoining, "its status checks fail"))
		w.seen("cluster.lab.control_plane[2]", unwell(resource.PhaseJoining, "its status checks fail"))
		p, diags := w.try()
		if diags.HasErrors() || warned(diags, "The control plane starts anew") {
			t.Fatalf("diagnostics: %v", diags)
		}
		if !reaches(p, position(t, p, resource.Delete, "cluster.lab.control_plane[2]"), position(t, p, resource.Create, "cluster.lab.control_plane[0]")) {
			t.Error("two members are replaced at once")
		}
		if s := p.Steps[position(t, p, resource.Delete, "cluster.lab.control_plane[0]")]; s.Ending {
			t.Error("a member is removed without care")
		}
		if got := stepsAt(p, "workload", "manifest"); len(got) > 0 {
			t.Errorf("work: %v", got)
		}
	})
	t.Run("the only member of the control plane", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		w.seen("cluster.lab.control_plane[0]", unwell(resource.PhaseJoining, "its status checks fail"))
		p, diags := w.try()
		if diags.HasErrors() || !warned(diags, "The control plane starts anew") {
			t.Fatalf("diagnostics: %v", diags)
		}
		if s := p.Steps[position(t, p, resource.Delete, "cluster.lab.control_plane[0]")]; !s.Ending {
			t.Error("nobody is left to take it out of the cluster")
		}
		want := []string{
			"manifest.settings update update replaced_because_of", "manifest.shop update update replaced_because_of", "workload.web update update replaced_because_of",
		}
		if diff := cmp.Diff(want, stepsAt(p, "workload", "manifest")); diff != "" {
			t.Errorf("work (-want +got):\n%s", diff)
		}
		if !reaches(p, position(t, p, resource.Update, "workload.web"), position(t, p, resource.Create, "cluster.lab.control_plane[0]")) {
			t.Error("the workload does not wait for the new control plane")
		}
	})
	t.Run("the only member is gone", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		w.seen("cluster.lab.control_plane[0]", gone("terminated outside clusterform"))
		p, diags := w.try()
		if diags.HasErrors() || !warned(diags, "The control plane starts anew") {
			t.Fatalf("diagnostics: %v", diags)
		}
		if got := stepsAt(p, "workload.web"); !slices.Equal(got, []string{"workload.web update update replaced_because_of"}) {
			t.Errorf("work: %v", got)
		}
		// Workers come to the new control plane by themselves; they are waited for.
		if got := stepsAt(p, "node_pool.worker[1]"); !slices.Equal(got, []string{"node_pool.worker[1] update update replaced_because_of"}) {
			t.Errorf("a worker: %v", got)
		}
	})
	t.Run("a stopped one is started again", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		w.seen("node_pool.worker[1]", unwell(resource.PhaseLaunching, "stopped outside clusterform"))
		if got := summary(w.plan()); !slices.Equal(got, []string{"node_pool.worker[1] update update drifted"}) {
			t.Errorf("steps: %v", got)
		}
	})
}

func warned(diags hclconfig.Diagnostics, title string) bool {
	return slices.ContainsFunc(diags, func(d hclconfig.Diagnostic) bool { return d.Severity == hclconfig.Warning && d.Summary == title })
}

func TestWhatCouldNotBeAsked(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	for _, a := range []resource.Address{"workload.web", "manifest.shop"} {
		w.seen(a, func(*resource.Record) resource.Observation {
			return resource.Observation{Status: resource.Unread, Err: &resource.Error{Op: "kubernetes:list", Message: "the API does not answer"}}
		})
	}
	w.seen("manifest.settings", func(r *resource.Record) resource.Observation {
		return resource.Observation{Status: resource.Present, Object: &r.Object, Warning: "nodes were not asked"}
	})
	p, diags := w.try()
	if diags.HasErrors() || len(diags) != 2 || p.HasChanges() {
		t.Fatalf("%v\n%v", diags, summary(p))
	}
	for _, d := range diags {
		if d.Severity != hclconfig.Warning || d.Address != "cluster.lab" {
			t.Errorf("diagnostic: %+v", d)
		}
	}
}

// TestAWarningHasItsTitleOnceForACluster: what all workloads of a cluster suffer from is said once.
func TestAWarningHasItsTitleOnceForACluster(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	for _, a := range []resource.Address{"workload.web", "manifest.shop", "manifest.settings"} {
		w.seen(a, func(r *resource.Record) resource.Observation {
			return resource.Observation{
				Status: resource.Present, Object: &r.Object, WarningTitle: "Swarm without IPVS", Warning: "Nodes of cluster.lab have no IPVS.",
			}
		})
	}
	_, diags := w.try()
	if len(diags) != 1 || diags[0].Summary != "Swarm without IPVS" || diags[0].Detail != "Nodes of cluster.lab have no IPVS." {
		t.Errorf("%+v", diags)
	}
}

func TestUpgrades(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to string
		orc      string
		wrong    string
	}{
		"the next patch":        {from: "1.34.4", to: "1.34.5"},
		"the next minor":        {from: "1.33.13", to: "1.34.4"},
		"two minors":            {from: "1.32.1", to: "1.34.4", wrong: "next is a version 1.33"},
		"back":                  {from: "1.34.4", to: "1.33.13", wrong: `Write version = "1.34.4"`},
		"back by a patch":       {from: "1.34.4", to: "1.34.3", wrong: "No way back"},
		"swarm goes any way up": {from: "27.1.0", to: "29.0.0", orc: "swarm"},
		"swarm back":            {from: "29.0.0", to: "28.5.0", orc: "swarm", wrong: "No way back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := small
			if c.orc != "" {
				files = strings.Replace(files, "kubernetes", c.orc, 1)
			}
			w := settledCluster(t, strings.Replace(files, "1.34.4", c.from, 1))
			w.edit(c.from, c.to)
			p, diags := w.try()
			if c.wrong == "" {
				if diags.HasErrors() || p.Summary.Replace != 4 {
					t.Errorf("%v", diags)
				}
				return
			}
			if !diags.HasErrors() || !strings.Contains(diags[0].Summary+diags[0].Detail, c.wrong) {
				t.Errorf("diagnostics: %v", diags)
			}
		})
	}
}

// Control planes go first, and no worker of the new version comes before they are through.
func TestAnUpgradeBeginsWithTheControlPlane(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(strings.Replace(running, "1.34.4", "1.33.13", 1), "network {", ofThree, 1))
	w.edit("1.33.13", "1.34.4")
	w.edit("size          = 3", "size = 4")
	p := w.plan()
	last := position(t, p, resource.Delete, "cluster.lab.control_plane[2]")
	for _, a := range []resource.Address{"node_pool.worker[0]", "node_pool.worker[3]"} {
		if !reaches(p, position(t, p, resource.Create, a), last) {
			t.Errorf("%s of the new version may come before the control plane is through", a)
		}
	}
	for i := range 2 {
		del, next := position(t, p, resource.Delete, controlPlaneOf("cluster.lab").Index(i)), position(t, p, resource.Create, controlPlaneOf("cluster.lab").Index(i+1))
		if !reaches(p, next, del) {
			t.Errorf("member %d is not alone in being replaced", i)
		}
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v", summary(again))
	}
	// Without another version, both may be replaced at the same time.
	w.edit("network {", "tags = { a = \"b\" }\nnetwork {")
	w.edit("size = 3", "size = 3\ndisk_gib = 30")
	w.edit("size = 4", "size = 4\ndisk_gib = 30")
	p = w.plan()
	if reaches(p, position(t, p, resource.Create, "node_pool.worker[0]"), position(t, p, resource.Create, "cluster.lab.control_plane[0]")) {
		t.Error("workers wait for a control plane that keeps its version")
	}
}

// A run died when the successor of the only control-plane node was on its way: its workers wait for it all the same.
func TestAnUpgradeThatWasInterruptedGoesOnWithTheControlPlane(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(running, "1.34.4", "1.33.13", 1))
	w.edit("1.33.13", "1.34.4")
	w.edit("size          = 3", "size = 4")
	a := controlPlaneOf("cluster.lab").Index(0)
	old, successor := *w.state.Records[a], *w.state.Records[a]
	spec := *old.Spec.(*resource.Node)
	w.apply(w.plan()) // what the successor is like
	successor.Spec = w.state.Records[a].Spec
	old.Spec, old.Deposed, old.ID = &spec, true, "i-old"
	successor.Incomplete, successor.LastError, successor.ID, successor.Generation = true, "interrupted", w.state.Records[a].ID, w.state.Records[a].Generation
	w.state.Records[a], w.state.Deposed[a] = &successor, []*resource.Record{&old}
	w.edit("size = 4", "size = 5")
	w.edit("size = 5", "size = 5\ndisk_gib = 30") // and so rolls
	p := w.plan()
	comes, goes := position(t, p, resource.Update, a), position(t, p, resource.Delete, a)
	if !reaches(p, goes, comes) {
		t.Error("the old control plane may go before the new one is there")
	}
	for _, worker := range []resource.Address{"node_pool.worker[0]", "node_pool.worker[4]"} {
		if !reaches(p, position(t, p, resource.Create, worker), goes) {
			t.Errorf("%s of the new version may come before the control plane is through", worker)
		}
	}
}

func TestEndings(t *testing.T) {
	t.Parallel()
	deletes := func(p *Plan) (ending, caring []resource.Address) {
		for i := range p.Steps {
			s := &p.Steps[i]
			switch {
			case s.Operation != resource.Delete || s.Kind != resource.KindNode && !isWork(s.Kind):
			case s.Ending:
				ending = append(ending, s.Address)
			default:
				caring = append(caring, s.Address)
			}
		}
		slices.Sort(ending)
		slices.Sort(caring)
		return ending, caring
	}
	t.Run("the whole cluster", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		p := w.plan(func(r *Request) { r.Mode = ModeDestroy })
		if ending, caring := deletes(p); len(ending) != 7 || len(caring) > 0 {
			t.Errorf("ending %v, caring %v", ending, caring)
		}
		if reaches(p, position(t, p, resource.Delete, "node_pool.worker[0]"), position(t, p, resource.Delete, "workload.web")) {
			t.Error("nodes wait for workloads that nobody takes down")
		}
		if !reaches(p, position(t, p, resource.Delete, "cluster.lab.credentials"), position(t, p, resource.Delete, "node_pool.worker[0]")) {
			t.Error("credentials go before the nodes")
		}
		w.apply(p)
		if len(w.state.Records) > 0 {
			t.Errorf("left: %v", sortedAddresses(w.state.Records))
		}
	})
	t.Run("a pool of it", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		p := w.plan(func(r *Request) { r.Mode, r.Targets = ModeDestroy, []string{"node_pool.worker"} })
		if ending, caring := deletes(p); len(ending) > 0 || len(caring) != 3 {
			t.Errorf("ending %v, caring %v", ending, caring)
		}
	})
	t.Run("a workload and nodes", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, running)
		w.files = strings.Replace(small, "size          = 3", "size = 2", 1)
		p := w.plan()
		if ending, caring := deletes(p); len(ending) > 0 || len(caring) != 4 {
			t.Errorf("ending %v, caring %v", ending, caring)
		}
		if !reaches(p, position(t, p, resource.Delete, "node_pool.worker[2]"), position(t, p, resource.Delete, "workload.web")) {
			t.Error("the node goes before the workload that goes")
		}
		if !reaches(p, position(t, p, resource.Delete, "manifest.shop"), position(t, p, resource.Delete, "manifest.settings")) {
			t.Error("the namespace goes before what is in it")
		}
	})
	t.Run("another orchestrator", func(t *testing.T) {
		t.Parallel()
		w := settledCluster(t, strings.Replace(running, `manifest "settings"`, "/*", 1)+"*/")
		w.edit("kubernetes", "swarm")
		w.edit("1.34.4", "29.0.0")
		p := w.plan()
		if ending, _ := deletes(p); len(ending) != 5 {
			t.Errorf("ending: %v\n%v", ending, summary(p))
		}
		w.apply(p)
		if again := w.alive().plan(); again.HasChanges() {
			t.Errorf("the next plan is not empty: %v", summary(again))
		}
	})
}

// Nodes that a run with -wait=launched left to join by themselves need nothing; those of a run that failed do.
func TestNodesThatAreJoining(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running+"\noutput \"ip\" { value = node_pool.worker.nodes[0].private_ip }\n")
	for a, r := range w.state.Records {
		if r.Kind == resource.KindNode {
			rec := *r
			rec.Phase = resource.PhaseJoining
			w.state.Records[a] = &rec
		}
	}
	if p := w.plan(); p.HasChanges() {
		t.Errorf("steps: %v %+v", summary(p), p.Outputs)
	}
	r := *w.state.Records["node_pool.worker[2]"]
	r.Incomplete, r.LastError = true, "did not become Ready in 15m"
	w.state.Records["node_pool.worker[2]"] = &r
	if got := summary(w.plan()); !slices.Equal(got, []string{"node_pool.worker[2] update update incomplete"}) {
		t.Errorf("steps: %v", got)
	}
}

// A node is drained as the files say when it goes, not as they said when it came.
func TestTheDrainTimeoutIsThatOfNow(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	w.edit("size          = 3", "size = 2\nupdate { drain_timeout = \"90s\" }")
	p := w.plan()
	if len(p.Refreshed) != 1 || p.Refreshed[0].Address != "node_pool.worker[2]" || p.Refreshed[0].Observed.Spec.(*resource.Node).DrainTimeoutSeconds != 90 {
		t.Errorf("refreshed: %+v", p.Refreshed)
	}
}

func TestLostCredentialsMakeAnotherCluster(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, running)
	w.seen("cluster.lab.credentials", gone("the parameters below /clusterform/000000000000abc1 were deleted"))
	p, diags := w.try()
	if diags.HasErrors() || !warned(diags, "The control plane starts anew") {
		t.Fatalf("diagnostics: %v", diags)
	}
	for _, a := range []resource.Address{"cluster.lab.control_plane[0]", "node_pool.worker[0]"} {
		del, create := p.Steps[position(t, p, resource.Delete, a)], position(t, p, resource.Create, a)
		if !del.Ending || !reaches(p, create, int(del.ID)) || !reaches(p, create, position(t, p, resource.Create, "cluster.lab.credentials")) {
			t.Errorf("%s: %+v", a, del)
		}
	}
	w.apply(p)
	if again := w.alive().plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v", summary(again))
	}
}

// A node that is made anew runs the script of now, whatever ignore_changes says of those that are there.
func TestIgnoredUserDataIsNotMissing(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(running, "size          = 3", "size = 3\nuser_data = \"#!/bin/sh\\necho 1\"\nlifecycle { ignore_changes = [user_data] }", 1))
	w.edit("echo 1", "echo 2")
	if p := w.plan(); p.HasChanges() {
		t.Errorf("steps: %v", summary(p))
	}
	w.edit("size = 3", "size = 3\ndisk_gib = 40")
	p := w.plan()
	n := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")].After.Spec.(*resource.Node)
	if !strings.Contains(p.Blobs[n.UserData], "echo 2") {
		t.Errorf("user-data is %q of %d blobs", n.UserData, len(p.Blobs))
	}
}

func TestWorkIsReplacedByATrigger(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(running, "replicas = 3", "replicas = 3\nlifecycle { replace_triggered_by = [manifest.settings] }", 1))
	w.edit(`"blue"`, `"red"`)
	want := []string{
		"manifest.settings update update config_changed", "workload.web replace create replace_triggered_by", "workload.web replace delete replace_triggered_by",
	}
	p := w.plan()
	if diff := cmp.Diff(want, summary(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v", summary(again))
	}
}
