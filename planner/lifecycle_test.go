package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		before, after func(w *world)
		request       func(*Request)
		want          []string
		errors        []string // parts of the diagnostics
	}{
		"ignored tags stay": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 1\nlifecycle {\nignore_changes = [tags]\n}")
			},
			after: func(w *world) { w.edit("size = 1", "size = 1\ntags = { a = \"b\" }") },
			want:  []string{},
		},
		"an ignored field stays when another one changes": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 1\nlabels = { tier = \"a\" }\nlifecycle {\nignore_changes = [tags]\n}")
			},
			after: func(w *world) { w.edit(`tier = "a"`, "tier = \"b\" }\ntags = { a = \"b\"") },
			want:  []string{"node_pool.worker[0] update update config_changed"},
		},
		"an ignored size is left to others": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 3\nlifecycle {\nignore_changes = [size]\n}")
			},
			after: func(w *world) { w.edit("size = 3", "size = 8") },
			want:  []string{},
		},
		"a protected pool cannot shrink": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 3\nlifecycle {\nprevent_destroy = true\n}")
			},
			after:  func(w *world) { w.edit("size = 3", "size = 1") },
			errors: []string{"node_pool.worker has lifecycle.prevent_destroy", "node_pool.worker[1] and 1 more object", "set prevent_destroy = false"},
		},
		"protection stays when the block is gone": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 3\nlifecycle {\nprevent_destroy = true\n}")
			},
			after:  func(w *world) { w.files = w.files[:strings.Index(w.files, "node_pool")] },
			errors: []string{"node_pool.worker is no longer in the configuration", "put the block back with prevent_destroy = false"},
		},
		"more nodes of a trigger are no change of it": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 1")
				w.files += "\nnode_pool \"other\" {\ncluster = cluster.lab\nsize = 1\nlifecycle {\nreplace_triggered_by = [node_pool.worker]\n}\n}\n"
			},
			after: func(w *world) { w.edit("size = 1", "size = 2") },
			want:  []string{"node_pool.worker[1] create create created"},
		},
		"protection holds against destroy": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 3\nlifecycle {\nprevent_destroy = true\n}")
			},
			after:   func(*world) {},
			request: func(r *Request) { r.Mode = ModeDestroy },
			errors:  []string{"node_pool.worker has lifecycle.prevent_destroy"},
		},
		"a tainted node is replaced": {
			after: func(w *world) {
				r := *w.state.Records["node_pool.worker[1]"]
				r.Tainted = true
				w.state.Records["node_pool.worker[1]"] = &r
			},
			want: []string{"node_pool.worker[1] roll create tainted", "node_pool.worker[1] roll delete tainted"},
		},
		"-replace replaces": {
			after:   func(*world) {},
			request: func(r *Request) { r.Replace = []string{"node_pool.worker[2]"} },
			want:    []string{"node_pool.worker[2] roll create replace_requested", "node_pool.worker[2] roll delete replace_requested"},
		},
		"a trigger replaces": {
			before: func(w *world) {
				w.edit("size          = 3", "size = 1\nlifecycle {\nreplace_triggered_by = [cluster.lab]\n}")
			},
			after: func(w *world) {
				w.edit("availability_zones = 2", "availability_zones = 3")
			},
			want: []string{
				"cluster.lab.route_table update update config_changed", `cluster.lab.subnet["ap-northeast-2c"] create create created`,
				"node_pool.worker[0] roll create replace_triggered_by", "node_pool.worker[0] roll delete replace_triggered_by",
			},
		},
		"what ended part-way is gone on with": {
			after: func(w *world) {
				r := *w.state.Records["cluster.lab.route_table"]
				r.Incomplete, r.LastError = true, "ec2:AssociateRouteTable: throttled"
				w.state.Records["cluster.lab.route_table"] = &r
			},
			want: []string{"cluster.lab.route_table update update incomplete"},
		},
		"what was replaced and not removed is removed": {
			after: func(w *world) {
				old := *w.state.Records["node_pool.worker[1]"]
				old.ID, old.Deposed = "i-old", true
				w.state.Deposed[old.Address] = []*resource.Record{&old}
			},
			want: []string{"node_pool.worker[1] destroy delete deposed"},
		},
		"a newer image alone changes nothing": {
			after: func(w *world) { w.lookup.image = "ami-2" },
			want:  []string{},
		},
		"a newer image rolls the pool that wants it": {
			before: func(w *world) { w.edit("size          = 3", "size = 1\nimage_update = \"rolling\"") },
			after:  func(w *world) { w.lookup.image = "ami-2" },
			want:   []string{"node_pool.worker[0] roll create image_updated", "node_pool.worker[0] roll delete image_updated"},
		},
		"another image is another image": {
			before: func(w *world) { w.edit("size          = 3", "size = 1") },
			after:  func(w *world) { w.edit("size = 1", "size = 1\nimage = \"ami-0123456789abcdef0\"") },
			want:   []string{"node_pool.worker[0] roll create config_changed", "node_pool.worker[0] roll delete config_changed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, small)
			if story.before != nil {
				story.before(w)
			}
			w.apply(w.plan())
			story.after(w)
			request := story.request
			if request == nil {
				request = func(*Request) {}
			}
			p, diags := w.try(request)
			if len(story.errors) > 0 {
				for _, part := range story.errors {
					if !diags.HasErrors() || !strings.Contains(diags.Err().Error(), part) {
						t.Errorf("diagnostics do not say %q: %v", part, diags)
					}
				}
				return
			}
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			checkPlan(t, p)
			if diff := cmp.Diff(story.want, summary(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			w.apply(p)
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("after applying it, the next plan is not empty:\n%v", again)
			}
		})
	}
}

// A run died while the successor of a node came: the old one stays until that is there, and the others wait for both.
func TestAnInterruptedRollKeepsTheOldNodeUntilItsSuccessorIsThere(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	successor := *w.state.Records["node_pool.worker[0]"]
	old := successor
	old.ID, old.Deposed = "i-old", true
	successor.Incomplete, successor.LastError, successor.Generation = true, "interrupted", old.Generation+1
	w.state.Records["node_pool.worker[0]"], w.state.Deposed[old.Address] = &successor, []*resource.Record{&old}
	p := w.plan(func(r *Request) { r.Replace = []string{"node_pool.worker[1]"} })
	checkPlan(t, p)
	at := func(a resource.Address, op resource.Operation) *Step {
		for i := range p.Steps {
			if s := &p.Steps[i]; s.Address == a && s.Operation == op {
				return s
			}
		}
		t.Fatalf("no step to %s %s in %v", op, a, summary(p))
		return nil
	}
	comes, goes, next := at("node_pool.worker[0]", resource.Update), at("node_pool.worker[0]", resource.Delete), at("node_pool.worker[1]", resource.Create)
	if !slices.Contains(goes.Needs, comes.ID) {
		t.Errorf("the old node needs %v to go, want its successor's step %d among them", goes.Needs, comes.ID)
	}
	if !slices.Contains(next.Needs, goes.ID) {
		t.Errorf("the next replacement needs %v, want the step %d, by which the old node goes, among them", next.Needs, goes.ID)
	}
	w.apply(p)
	if again := summary(w.plan()); len(again) > 0 {
		t.Errorf("after applying it, the next plan is not empty:\n%v", again)
	}
}

func TestProtectionIsRecordedWithoutAChange(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	w.edit("size          = 3", "size = 3\nlifecycle {\nprevent_destroy = true\n}")
	p := w.plan()
	if len(p.Steps) > 0 || len(p.Protect) != 3 || !p.HasChanges() {
		t.Fatalf("steps %v, protect %v", summary(p), p.Protect)
	}
	w.apply(p)
	if !w.state.Records["node_pool.worker[0]"].Protected {
		t.Error("it is not recorded")
	}
	if w.plan().HasChanges() {
		t.Error("the next plan has changes")
	}
}
