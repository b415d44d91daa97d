package planner

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFirstPlanThenNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, small)
	p := w.plan()
	for _, s := range p.Steps {
		if s.Action != ActionCreate || s.Reason != ReasonNew {
			t.Errorf("%s: %s %s, want only creations", s.Address, s.Action, s.Reason)
		}
	}
	w.apply(p)
	if got := summary(w.plan()); len(got) > 0 {
		t.Errorf("the second plan has steps:\n%v", got)
	}
	if n := w.plan().Summary.NoOp; n != len(p.Steps) {
		t.Errorf("%d objects are unchanged, want %d", n, len(p.Steps))
	}
}

// Each story edits an applied configuration and lists the steps that follow.
func TestChanges(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		files  string
		change func(w *world)
		want   []string
	}{
		"growing a pool makes nodes": {
			change: func(w *world) { w.edit("size          = 3", "size          = 4") },
			want:   []string{"node_pool.worker[3] create create created"},
		},
		"shrinking a pool removes the highest ordinals": {
			change: func(w *world) { w.edit("size          = 3", "size          = 1") },
			want:   []string{"node_pool.worker[1] destroy delete scaled_down", "node_pool.worker[2] destroy delete scaled_down"},
		},
		"another order of instance types changes nothing": {
			change: func(w *world) { w.edit(`["t3.large", "t3a.large"]`, `["t3a.large", "t3.large"]`) },
			want:   []string{},
		},
		"another instance type rolls": {
			change: func(w *world) {
				w.edit(`["t3.large", "t3a.large"]`, `["m5.large"]`)
				w.edit("size          = 3", "size = 1")
			},
			want: []string{
				"node_pool.worker[0] roll create config_changed", "node_pool.worker[0] roll delete config_changed",
				"node_pool.worker[1] destroy delete scaled_down", "node_pool.worker[2] destroy delete scaled_down",
			},
		},
		"a firewall rule updates one group": {
			change: func(w *world) {
				w.edit("network {", "firewall {\nallow \"web\" {\nto = \"worker\"\nports = [80]\nfrom = [\"0.0.0.0/0\"]\n}\n}\nnetwork {")
			},
			want: []string{`cluster.lab.security_group_rules["worker"] update update config_changed`},
		},
		"tags of a pool update its nodes": {
			change: func(w *world) { w.edit("size          = 3", "size = 3\ntags = { team = \"a\" }") },
			want: []string{
				"node_pool.worker[0] update update config_changed", "node_pool.worker[1] update update config_changed", "node_pool.worker[2] update update config_changed",
			},
		},
		"another zone adds a subnet and leaves nodes where they are": {
			change: func(w *world) { w.edit("availability_zones = 2", "availability_zones = 3") },
			want: []string{
				`cluster.lab.route_table update update config_changed`, `cluster.lab.subnet["ap-northeast-2c"] create create created`,
			},
		},
		"removing the pool removes its nodes": {
			change: func(w *world) { w.files = w.files[:len(w.files)-len(w.files[indexOf(w.files, "node_pool"):])] },
			want: []string{
				"node_pool.worker[0] destroy delete removed", "node_pool.worker[1] destroy delete removed", "node_pool.worker[2] destroy delete removed",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := story.files
			if files == "" {
				files = small
			}
			w := converged(t, files)
			story.change(w)
			p := w.plan()
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

func indexOf(s, sub string) int {
	for i := range s {
		if i+len(sub) <= len(s) && s[i:i+len(sub)] == sub {
			return i
		}
	}
	return -1
}

func TestDestroyRemovesEverything(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	p := w.plan(func(r *Request) { r.Mode = ModeDestroy })
	if len(p.Steps) != len(w.state.Records) {
		t.Errorf("%d steps for %d records", len(p.Steps), len(w.state.Records))
	}
	if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Reason != ReasonDestroyMode }); i >= 0 {
		t.Errorf("%s has the reason %s", p.Steps[i].Address, p.Steps[i].Reason)
	}
	if last := p.Steps[len(p.Steps)-1].Address; last != "cluster.lab.vpc" {
		t.Errorf("the last to go is %s, want the VPC", last)
	}
	w.files = ""
	w.apply(p)
	if len(w.state.Records) > 0 || len(w.state.Clusters) > 0 {
		t.Errorf("left: %v %v", w.state.Records, w.state.Clusters)
	}
}
