package planner

import (
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

const threeMembers = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
  network {
    availability_zones = 2
  }
  control_plane {
    size = 3
  }
}
`

const aWorkload = `
workload "web" {
  cluster = cluster.lab
  container "app" {
    image = "registry.lab:5000/hello:1"
  }
}
`

// What a person may not expect of a plan is a warning.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		files  string
		change func(w *world)
		mode   Mode
		want   []string // parts of the warnings, in order
	}{
		"nothing to warn of": {files: small, change: func(w *world) { w.edit("size          = 3", "size = 4") }},
		"a workload is not carried out": {
			files: small, change: func(w *world) { w.files += aWorkload },
			want: []string{"workload.web is read and checked"},
		},
		"several workloads are one warning": {
			files: small, change: func(w *world) { w.files += aWorkload + strings.Replace(aWorkload, "web", "api", 1) },
			want: []string{"workload.web and 1 more workload or manifest are read and checked"},
		},
		"destroying says nothing of workloads": {
			files: small + aWorkload, change: func(*world) {}, mode: ModeDestroy,
		},
		"a balancer that is opened to the world is another one": {
			files: threeMembers, change: func(w *world) { w.edit("size = 3", "size = 3\naccess = [\"192.0.2.0/24\"]") },
			want: []string{"cluster.lab.load_balancer is made anew (replaced_cannot_update: internal)"},
		},
		"a balancer takes the place of an address": {
			files: small, change: func(w *world) { w.edit("network {", "control_plane {\nsize = 3\n}\nnetwork {") },
			want: []string{"cluster.lab.load_balancer takes the place of cluster.lab.elastic_ip"},
		},
		"an address was released behind the back": {
			files: small,
			change: func(w *world) {
				w.cloud = &fakeCloud{observe: map[string]func(*resource.Record) resource.Observation{}}
				w.seen("cluster.lab.elastic_ip", gone("released"))
			},
			want: []string{"cluster.lab.elastic_ip is made anew (gone: released)"},
		},
		"a new zone keeps the balancer": {
			files: threeMembers, change: func(w *world) { w.edit("availability_zones = 2", "availability_zones = 3") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := converged(t, story.files)
			story.change(w)
			_, diags := w.try(func(r *Request) { r.Mode = story.mode })
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			if len(diags) != len(story.want) {
				t.Fatalf("%d warnings, wanted %d: %v", len(diags), len(story.want), diags)
			}
			for i, want := range story.want {
				if d := diags[i]; d.Severity != hclconfig.Warning || !strings.Contains(d.Detail, want) || d.Subject == nil {
					t.Errorf("the warning is %q, without %q or without a place", d.Detail, want)
				}
			}
		})
	}
}

// Zones come and go without another address of the API; only a subnet that must be made anew takes the balancer along.
func TestZonesOfABalancer(t *testing.T) {
	t.Parallel()
	w := converged(t, threeMembers)
	for _, zones := range []string{"3", "1", "2"} {
		w.files = strings.Replace(threeMembers, "availability_zones = 2", "availability_zones = "+zones, 1)
		p := w.plan()
		lb := of(summary(p), "cluster.lab.load_balancer ")
		if len(lb) != 1 || lb[0] != "cluster.lab.load_balancer update update config_changed" {
			t.Errorf("with %s zones: %v", zones, lb)
		}
		w.apply(p)
		if again := w.plan(); again.HasChanges() {
			t.Errorf("with %s zones the next plan is not empty: %v", zones, summary(again))
		}
	}
	p := w.plan(func(r *Request) { r.Replace = []string{`cluster.lab.subnet["ap-northeast-2a"]`} })
	if lb := of(summary(p), "cluster.lab.load_balancer "); len(lb) != 2 || !strings.Contains(lb[0], "replaced_because_of") {
		t.Errorf("with a subnet made anew: %v", lb)
	}
	w.apply(p)
}
