package planner

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

// seen changes what is observed of the object at an address.
func (w *world) seen(a resource.Address, f func(*resource.Record) resource.Observation) {
	w.t.Helper()
	r := w.state.Records[a]
	if r == nil {
		w.t.Fatalf("nothing is recorded at %s", a)
	}
	w.cloud.observe[r.ID] = f
}

func withCloud(t testing.TB, files string) *world {
	w := converged(t, files)
	w.cloud = &fakeCloud{observe: map[string]func(*resource.Record) resource.Observation{}, recover: map[string]resource.Recovery{}}
	return w
}

// differently is an observation of a record with a changed spec.
func differently[S resource.Spec](change func(S)) func(*resource.Record) resource.Observation {
	return func(r *resource.Record) resource.Observation {
		o := r.Object
		spec := resource.Clone(r.Spec)
		change(spec.(S))
		o.Spec = spec
		return resource.Observation{Status: resource.Present, Object: &o, Phase: resource.PhaseReady}
	}
}

func gone(reason string) func(*resource.Record) resource.Observation {
	return func(*resource.Record) resource.Observation {
		return resource.Observation{Status: resource.Gone, Reason: reason}
	}
}

// What was changed behind the back is told as drift, and put right where the configuration wants it otherwise.
func TestDrift(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		change    func(w *world)
		drift     []string
		refreshed []string // told as drift by -refresh-only alone
		want      []string
	}{
		"nothing differs": {
			change: func(*world) {}, drift: []string{}, want: []string{},
		},
		"a tag was changed by hand": {
			change: func(w *world) {
				w.seen("cluster.lab.vpc", differently(func(v *resource.VPC) { v.Tags = resource.Tags{"Name": "mine"} }))
			},
			drift: []string{"cluster.lab.vpc tags.Name"},
			want:  []string{"cluster.lab.vpc update update drifted"},
		},
		"a node was terminated": {
			change: func(w *world) { w.seen("node_pool.worker[1]", gone("terminated outside clusterform")) },
			drift:  []string{"node_pool.worker[1] gone: terminated outside clusterform"},
			want:   []string{"node_pool.worker[1] create create gone"},
		},
		"a node of the rest was terminated when the pool shrinks": {
			change: func(w *world) {
				w.seen("node_pool.worker[2]", gone("terminated"))
				w.edit("size          = 3", "size = 2")
			},
			drift: []string{"node_pool.worker[2] gone: terminated"},
			want:  []string{},
		},
		"a node was stopped": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", func(r *resource.Record) resource.Observation {
					return resource.Observation{Status: resource.Present, Object: &r.Object, Reason: "stopped outside clusterform", Phase: resource.PhaseBooting}
				})
			},
			drift: []string{"node_pool.worker[1] reason: stopped outside clusterform"},
			want:  []string{"node_pool.worker[1] update update drifted"},
		},
		"a node has another address, which is recorded and no drift": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", differently(func(n *resource.Node) { n.PublicAddr = "192.0.2.9" }))
			},
			drift: []string{}, refreshed: []string{"node_pool.worker[1] public_ip"},
			want: []string{},
		},
		"a node was made another type, which the pool allows": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", differently(func(n *resource.Node) { n.InstanceType = "t3a.large" }))
			},
			drift: []string{"node_pool.worker[1] instance_type"},
			want:  []string{},
		},
		"a node was made another type, which the pool does not allow": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", differently(func(n *resource.Node) { n.InstanceType = "x1.huge" }))
			},
			drift: []string{"node_pool.worker[1] instance_type"},
			want:  []string{"node_pool.worker[1] roll create drifted", "node_pool.worker[1] roll delete drifted"},
		},
		"a node lost its profile, which it can be given": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", differently(func(n *resource.Node) { n.Profile = "" }))
			},
			drift: []string{"node_pool.worker[1] profile"},
			want:  []string{"node_pool.worker[1] update update drifted"},
		},
		"a node was given another profile": {
			change: func(w *world) {
				w.seen("node_pool.worker[1]", differently(func(n *resource.Node) { n.Profile = "admin" }))
			},
			drift: []string{"node_pool.worker[1] profile"},
			want:  []string{"node_pool.worker[1] roll create drifted", "node_pool.worker[1] roll delete drifted"},
		},
		"a rule was added by hand while the configuration changes too": {
			change: func(w *world) {
				w.seen(`cluster.lab.security_group_rules["worker"]`, differently(func(r *resource.SecurityGroupRules) {
					r.Ingress = append(r.Ingress, resource.Rule{Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "0.0.0.0/0"})
				}))
				w.edit("network {", "firewall {\nallow \"web\" {\nto = \"worker\"\nports = [80]\nfrom = [\"0.0.0.0/0\"]\n}\n}\nnetwork {")
			},
			drift: []string{`cluster.lab.security_group_rules["worker"] ingress`},
			want:  []string{`cluster.lab.security_group_rules["worker"] update update config_changed`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withCloud(t, small)
			story.change(w)
			p := w.plan()
			if diff := cmp.Diff(story.want, summary(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(story.drift, driftLines(p.Drift)); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, story.refreshed...), driftLines(p.Refreshed)); diff != "" {
				t.Errorf("refreshed (-want +got):\n%s", diff)
			}
			only := w.plan(func(r *Request) { r.Mode = ModeRefreshOnly })
			if len(only.Steps) > 0 {
				t.Errorf("-refresh-only has steps: %v", summary(only))
			}
			if diff := cmp.Diff(append(story.drift, story.refreshed...), driftLines(only.Drift)); diff != "" {
				t.Errorf("drift of -refresh-only (-want +got):\n%s", diff)
			}
			w.apply(p)
			w.cloud = nil
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("after applying it, the next plan is not empty:\n%v", again)
			}
		})
	}
}

func driftLines(drift []Drift) []string {
	out := []string{}
	for _, d := range drift {
		line := string(d.Address)
		switch {
		case d.Gone:
			line += " gone: " + d.Reason
		case d.Reason != "":
			line += " reason: " + d.Reason
		}
		for _, f := range d.Fields {
			line += " " + f.Path
		}
		out = append(out, line)
	}
	return out
}

func TestRefreshFailures(t *testing.T) {
	t.Parallel()
	t.Run("the endpoint is away: told once, with the way out", func(t *testing.T) {
		t.Parallel()
		w := withCloud(t, small)
		w.cloud.err = &resource.Error{Op: "ec2:DescribeInstances", Message: "connection refused", Hint: "Is the lab running?"}
		_, diags := w.try()
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, "ec2:DescribeInstances: connection refused. Is the lab running?") ||
			!strings.Contains(diags[0].Detail, "-refresh=false") {
			t.Errorf("diagnostics: %v", diags)
		}
	})
	t.Run("one object cannot be read: it is named and never taken for gone", func(t *testing.T) {
		t.Parallel()
		w := withCloud(t, small)
		w.seen("node_pool.worker[1]", func(*resource.Record) resource.Observation {
			return resource.Observation{Status: resource.Unread, Err: errors.New("ec2:DescribeInstances: access denied")}
		})
		_, diags := w.try()
		if len(diags) != 1 || diags[0].Summary != "Cannot read node_pool.worker[1]" || !strings.Contains(diags[0].Detail, "access denied") {
			t.Errorf("diagnostics: %v", diags)
		}
	})
}

// A create that ended between a balancer and its listener is finished, not begun anew.
func TestABalancerWithoutListenerIsMended(t *testing.T) {
	t.Parallel()
	w := withCloud(t, strings.Replace(small, "network {", "control_plane {\nsize = 3\n}\nnetwork {", 1))
	w.seen("cluster.lab.load_balancer", differently(func(lb *resource.LoadBalancer) { lb.Port, lb.HealthPort = 0, 0 }))
	if diff := cmp.Diff([]string{"cluster.lab.load_balancer update update drifted"}, summary(w.plan())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	w.seen("cluster.lab.load_balancer", differently(func(lb *resource.LoadBalancer) { lb.Port = 443 }))
	if got := of(summary(w.plan()), "cluster.lab.load_balancer replace"); len(got) != 2 {
		t.Errorf("another port is no replacement: %v", summary(w.plan()))
	}
}

// A gateway that an interrupted run made and did not attach is attached: nobody changed it, and nothing is replaced.
func TestHalfMadeIsNotDrift(t *testing.T) {
	t.Parallel()
	const gateway = resource.Address("cluster.lab.internet_gateway")
	w := withCloud(t, small)
	rec := *w.state.Records[gateway]
	rec.Incomplete, rec.LastError = true, "interrupted while it was being made"
	w.state.Records[gateway] = &rec
	w.seen(gateway, func(r *resource.Record) resource.Observation {
		o := r.Object
		spec := resource.Clone(r.Spec.(*resource.InternetGateway))
		spec.VPC = ""
		o.Spec = spec
		return resource.Observation{Address: gateway, ID: r.ID, Status: resource.Present, Object: &o, Phase: resource.PhaseReady}
	})
	p := w.plan()
	if diff := cmp.Diff([]string{string(gateway) + " update update incomplete"}, summary(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if len(p.Drift) > 0 {
		t.Errorf("drift: %+v", p.Drift)
	}
}
