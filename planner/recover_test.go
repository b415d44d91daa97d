package planner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

// interruptedCreate is a world in which a run ended while it made node_pool.worker[3].
func interruptedCreate(t testing.TB) (*world, resource.Intent) {
	w := withCloud(t, small)
	w.edit("size          = 3", "size          = 4")
	in := resource.Intent{
		Seq: 7, Operation: resource.Create, Kind: resource.KindNode, UID: "u", Region: "ap-northeast-2",
		Addresses: []resource.Address{"node_pool.worker[3]"}, Token: "tok", Generation: 1,
	}
	w.state.Intents = []resource.Intent{in}
	return w, in
}

func (w *world) madeNode(id string, pool resource.Address) *resource.Object {
	o := w.state.Records["node_pool.worker[0]"].Object
	o.ID, o.Address = id, pool
	return &o
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		change  func(w *world, in resource.Intent)
		want    []string
		message string
		adopts  bool
	}{
		"what a dead run made is adopted": {
			change: func(w *world, in resource.Intent) {
				w.cloud.recover["tok"] = resource.Recovery{Status: resource.Present, Found: map[resource.Address]*resource.Object{"node_pool.worker[3]": w.madeNode("i-new", "node_pool.worker[3]")}}
			},
			want:    []string{"node_pool.worker[3] adopt create orphan_adopted"},
			message: "begun to create node_pool.worker[3]; i-new was found, which this plan takes up",
			adopts:  true,
		},
		"what a dead run made is removed when nobody wants it any more": {
			change: func(w *world, in resource.Intent) {
				w.edit("size          = 4", "size = 3")
				w.cloud.recover["tok"] = resource.Recovery{Status: resource.Present, Found: map[resource.Address]*resource.Object{"node_pool.worker[3]": w.madeNode("i-new", "node_pool.worker[3]")}}
			},
			want:    []string{"node_pool.worker[3] destroy delete orphan_removed"},
			message: "i-new was found, and no longer wanted",
			adopts:  true,
		},
		"nothing was made": {
			change:  func(*world, resource.Intent) {},
			want:    []string{"node_pool.worker[3] create create created"},
			message: "nothing was made",
		},
		"it may still appear: the step looks first": {
			change: func(w *world, in resource.Intent) {
				w.cloud.recover["tok"] = resource.Recovery{Status: resource.Unread}
			},
			want:    []string{"node_pool.worker[3] create create created"},
			message: "it is looked for again, by the same token",
			adopts:  true,
		},
		"without refresh the step looks": {
			change: func(w *world, in resource.Intent) {
				w.cloud = nil
			},
			want:    []string{"node_pool.worker[3] create create created"},
			message: "was not looked up (-refresh=false)",
			adopts:  true,
		},
		"a checkpointed launch is gone on with": {
			change: func(w *world, in resource.Intent) {
				r := resource.Record{Object: *w.madeNode("i-new", "node_pool.worker[3]"), Generation: 1, Phase: resource.PhaseLaunching}
				w.state.Records["node_pool.worker[3]"] = &r
				w.cloud.recover["tok"] = resource.Recovery{Status: resource.Present, Found: map[resource.Address]*resource.Object{"node_pool.worker[3]": &r.Object}}
			},
			want:    []string{"node_pool.worker[3] update update incomplete"},
			message: "i-new was found, which this plan takes up",
			adopts:  true,
		},
		"an interrupted removal that took effect": {
			change: func(w *world, in resource.Intent) {
				r := w.state.Records["node_pool.worker[2]"]
				w.edit("size          = 4", "size = 2")
				w.state.Intents = []resource.Intent{{Seq: 8, Operation: resource.Delete, Kind: resource.KindNode, Region: in.Region, Addresses: []resource.Address{r.Address}, IDs: []string{r.ID}, Token: "del"}}
				w.cloud.recover["del"] = resource.Recovery{Status: resource.Gone}
			},
			want:    []string{},
			message: "begun to remove node_pool.worker[2]; it is gone",
		},
		"an interrupted change is done again": {
			change: func(w *world, in resource.Intent) {
				w.edit("size          = 4", "size = 3")
				r := w.state.Records["cluster.lab.vpc"]
				w.state.Intents = []resource.Intent{{Seq: 8, Operation: resource.Update, Kind: resource.KindVPC, Region: in.Region, Addresses: []resource.Address{r.Address}, IDs: []string{r.ID}, Token: "upd"}}
				w.cloud.recover["upd"] = resource.Recovery{Status: resource.Present}
			},
			want:    []string{"cluster.lab.vpc update update incomplete"},
			message: "begun to change cluster.lab.vpc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := interruptedCreate(t)
			story.change(w, in)
			p := w.plan()
			if diff := cmp.Diff(story.want, summary(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if len(p.Recovered) != 1 || !strings.Contains(p.Recovered[0].Message, story.message) {
				t.Fatalf("recovered: %+v, want a message with %q", p.Recovered, story.message)
			}
			for i := range p.Steps {
				if got := len(p.Steps[i].Adopt) > 0; got != story.adopts {
					t.Errorf("step %s takes up intents: %v, want %v", p.Steps[i].Address, got, story.adopts)
				}
			}
		})
	}
}

// Instances that carry our tags and that no record names, after a state was lost or put back.
func TestOrphans(t *testing.T) {
	t.Parallel()
	orphan := func(w *world, digest string) {
		o := w.madeNode("i-stray", "node_pool.worker")
		w.cloud.extra = append(w.cloud.extra, resource.Observation{
			Address: "node_pool.worker", ID: "i-stray", Status: resource.Present, Object: o, Phase: resource.PhaseReady, Unrecorded: true, SpecDigest: digest,
		})
	}
	digestOf := func(w *world) string {
		return resource.SpecDigest(w.state.Records["node_pool.worker[0]"].Spec.(*resource.Node))
	}
	t.Run("a place is free for it", func(t *testing.T) {
		t.Parallel()
		w := withCloud(t, small)
		orphan(w, digestOf(w))
		delete(w.state.Records, "node_pool.worker[0]")
		want := []string{"node_pool.worker[0] adopt - orphan_adopted"}
		p := w.plan()
		if diff := cmp.Diff(want, summary(p)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		w.apply(p)
		if id := w.state.Records["node_pool.worker[0]"].ID; id != "i-stray" {
			t.Errorf("recorded is %s", id)
		}
	})
	t.Run("it was launched otherwise", func(t *testing.T) {
		t.Parallel()
		w := withCloud(t, small)
		orphan(w, "another")
		delete(w.state.Records, "node_pool.worker[0]")
		want := []string{"node_pool.worker destroy delete orphan_removed", "node_pool.worker[0] create create created"}
		if diff := cmp.Diff(want, summary(w.plan())); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
	t.Run("nobody wants it", func(t *testing.T) {
		t.Parallel()
		w := withCloud(t, small)
		orphan(w, digestOf(w))
		if diff := cmp.Diff([]string{"node_pool.worker destroy delete orphan_removed"}, summary(w.plan())); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// A plan that does not care for everything leaves the intents open that it does not take up.
func TestPartialPlansKeepIntentsOpen(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(*Request){
		"-refresh-only": func(r *Request) { r.Mode = ModeRefreshOnly },
		"-target":       func(r *Request) { r.Targets = []string{"cluster.lab.vpc"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := interruptedCreate(t)
			w.cloud.recover["tok"] = resource.Recovery{Status: resource.Present, Found: map[resource.Address]*resource.Object{"node_pool.worker[3]": w.madeNode("i-new", "node_pool.worker[3]")}}
			p := w.plan(request)
			if len(p.Steps) > 0 || len(p.Recovered) != 1 || p.Recovered[0].Status != resource.Unread {
				t.Errorf("steps %v, recovered %+v", summary(p), p.Recovered)
			}
		})
	}
}
