package planner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestMoved(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		change  func(w *world)
		renamed map[resource.Address]resource.Address
		also    []string // steps that are no moves
	}{
		"a pool gets another name": {
			change: func(w *world) {
				w.edit(`node_pool "worker"`, `node_pool "web"`)
				w.files += "\nmoved {\nfrom = node_pool.worker\nto = node_pool.web\n}\n"
			},
			renamed: map[resource.Address]resource.Address{"node_pool.worker[2]": "node_pool.web[2]"},
			also: []string{ // the Name tag follows
				"node_pool.web[0] update update config_changed", "node_pool.web[1] update update config_changed", "node_pool.web[2] update update config_changed",
			},
		},
		"a pool becomes one of several": {
			change: func(w *world) {
				w.edit("size          = 3", "size = 3\nfor_each = toset([\"blue\"])")
				w.files += "\nmoved {\nfrom = node_pool.worker\nto = node_pool.worker[\"blue\"]\n}\n"
			},
			renamed: map[resource.Address]resource.Address{"node_pool.worker[2]": `node_pool.worker["blue"][2]`},
		},
		"a cluster gets another name": {
			change: func(w *world) {
				w.edit(`cluster "lab"`, `cluster "prod"`)
				w.edit("cluster.lab", "cluster.prod")
				w.files += "\nmoved {\nfrom = cluster.lab\nto = cluster.prod\n}\n"
			},
			renamed: map[resource.Address]resource.Address{"cluster.lab.vpc": "cluster.prod.vpc", "cluster.lab.control_plane[0]": "cluster.prod.control_plane[0]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := converged(t, small)
			before := w.state
			story.change(w)
			p := w.plan()
			for i := range p.Steps {
				if s := &p.Steps[i]; s.Action != ActionMove && s.Action != ActionUpdate {
					t.Errorf("%s: %s, want only moves and updates of tags", s.Address, s.Action)
				}
			}
			if story.also != nil {
				var others []string
				for _, line := range summary(p) {
					if !strings.Contains(line, " move ") {
						others = append(others, line)
					}
				}
				if diff := cmp.Diff(story.also, others); diff != "" {
					t.Errorf("steps beside the moves (-want +got):\n%s", diff)
				}
			}
			w.apply(p)
			for from, to := range story.renamed {
				if r := w.state.Records[to]; r == nil || r.ID != before.Records[from].ID {
					t.Errorf("%s is %v, want what was %s", to, r, from)
				}
				if w.state.Records[from] != nil {
					t.Errorf("%s is still recorded", from)
				}
			}
			if len(w.state.Records) != len(before.Records) {
				t.Errorf("%d records, had %d", len(w.state.Records), len(before.Records))
			}
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("the next plan is not empty: %v", again)
			}
			w.files = w.files[:strings.Index(w.files, "\nmoved")]
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("without the moved block the plan is not empty: %v", again)
			}
		})
	}
}

// What is known of an object stays known under its new address.
func TestMovedKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	const output = "\noutput \"ips\" { value = node_pool.%s.nodes[*].private_ip }\n"
	w := converged(t, small+strings.ReplaceAll(output, "%s", "worker"))
	w.edit(`node_pool "worker"`, `node_pool "web"`)
	w.edit("node_pool.worker.", "node_pool.web.")
	w.files += "\nmoved {\nfrom = node_pool.worker\nto = node_pool.web\n}\n"
	for _, o := range w.plan().Outputs {
		if o.Action != ActionNoOp || o.Unknown {
			t.Errorf("the output changes: %+v", o)
		}
	}
}

func TestMovedOntoSomethingRecorded(t *testing.T) {
	t.Parallel()
	pool := "\nnode_pool \"web\" {\n  cluster = cluster.lab\n  size = 1\n}\n"
	w := converged(t, small+pool)
	w.files = small[:strings.Index(small, "node_pool")] + pool + "\nmoved {\nfrom = node_pool.worker\nto = node_pool.web\n}\n"
	_, diags := w.try()
	if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), "both are recorded") {
		t.Errorf("diagnostics: %v", diags)
	}
}

func TestRemoved(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	w.files = small[:strings.Index(small, "node_pool")] + "\nremoved {\nfrom = node_pool.worker\nlifecycle {\ndestroy = false\n}\n}\n"
	want := []string{
		"node_pool.worker[0] forget - forgotten", "node_pool.worker[1] forget - forgotten", "node_pool.worker[2] forget - forgotten",
	}
	p := w.plan()
	if diff := cmp.Diff(want, summary(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if p.Summary.NodesDisrupted != 0 || p.Summary.Forget != 3 {
		t.Errorf("summary: %+v", p.Summary)
	}
	nodes := w.state.Records
	w.apply(p)
	w.cloud = &fakeCloud{}
	for i := range 3 {
		r := nodes[resource.Address("node_pool.worker").Index(i)]
		w.cloud.extra = append(w.cloud.extra, resource.Observation{
			Address: "node_pool.worker", ID: r.ID, Status: resource.Present, Object: &r.Object, Phase: resource.PhaseReady, Unrecorded: true,
		})
	}
	for _, what := range []string{"with", "without"} {
		again, diags := w.try()
		if diags.HasErrors() || again.HasChanges() {
			t.Fatalf("%s the removed block the next plan has changes: %v %v", what, summary(again), diags)
		}
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, nodes["node_pool.worker[0]"].ID) {
			t.Errorf("%s the removed block nothing tells of the nodes: %v", what, diags)
		}
		w.files = w.files[:strings.LastIndex(w.files, "\nremoved")+1]
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	const block = "\nimport {\nto = node_pool.worker[3]\nid = \"i-0123456789abcdef0\"\n}\n"
	prepare := func(t *testing.T, change func(*resource.Node)) *world {
		w := withCloud(t, small)
		w.edit("size          = 3", "size = 4")
		w.files += block
		o := w.madeNode("i-0123456789abcdef0", "")
		n := resource.Clone(o.Spec).(*resource.Node)
		change(n)
		o.Spec = n
		w.cloud.findable = map[string]*resource.Object{o.ID: o}
		return w
	}
	t.Run("an instance that fits", func(t *testing.T) {
		t.Parallel()
		w := prepare(t, func(n *resource.Node) { n.Tags = nil })
		p := w.plan()
		if diff := cmp.Diff([]string{"node_pool.worker[3] import update imported"}, summary(p)); diff != "" {
			t.Fatalf("steps (-want +got):\n%s", diff)
		}
		if s := p.Steps[0]; s.ImportID != "i-0123456789abcdef0" || len(s.Fields) != 1 || s.Fields[0].Path != "tags.Name" {
			t.Errorf("step: %+v", s)
		}
		w.apply(p)
		if again := summary(w.plan()); len(again) > 0 {
			t.Errorf("the next plan is not empty: %v", again)
		}
	})
	t.Run("an instance that would have to be replaced", func(t *testing.T) {
		t.Parallel()
		w := prepare(t, func(n *resource.Node) { n.InstanceType = "x1.huge" })
		_, diags := w.try()
		if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), "instance_type is x1.huge") {
			t.Errorf("diagnostics: %v", diags)
		}
	})
	t.Run("an instance that does not exist", func(t *testing.T) {
		t.Parallel()
		w := prepare(t, func(*resource.Node) {})
		w.cloud.findable = nil
		_, diags := w.try()
		if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), "i-0123456789abcdef0 does not exist") {
			t.Errorf("diagnostics: %v", diags)
		}
	})
	t.Run("an address that another object took since", func(t *testing.T) {
		t.Parallel()
		w := converged(t, small)
		w.files += strings.Replace(block, "worker[3]", "worker[0]", 1)
		p, diags := w.try()
		if diags.HasErrors() || p.HasChanges() {
			t.Fatalf("planning: %v", diags)
		}
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, w.state.Records["node_pool.worker[0]"].ID+" is recorded there") {
			t.Errorf("diagnostics: %v", diags)
		}
	})
	t.Run("an instance that was imported and is gone", func(t *testing.T) {
		t.Parallel()
		w := prepare(t, func(*resource.Node) {})
		w.apply(w.plan())
		w.cloud.findable = nil
		w.seen("node_pool.worker[3]", gone("terminated"))
		if diff := cmp.Diff([]string{"node_pool.worker[3] create create gone"}, summary(w.plan())); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
	t.Run("an address that nothing has", func(t *testing.T) {
		t.Parallel()
		w := prepare(t, func(*resource.Node) {})
		w.edit("worker[3]", "worker[9]")
		_, diags := w.try()
		if !diags.HasErrors() {
			t.Error("no diagnostics")
		}
	})
}
