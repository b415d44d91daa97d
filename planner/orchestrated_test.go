package planner

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

func orchestrated(t testing.TB, files string) *world {
	t.Helper()
	return newCluster(newWorld(t, files))
}

// settledCluster is a world in which a cluster and its work are applied, and everything is as recorded.
func settledCluster(t testing.TB, files string) *world {
	t.Helper()
	w := orchestrated(t, files)
	w.apply(w.plan())
	if again := w.alive().plan(); again.HasChanges() {
		t.Fatalf("the second plan is not empty: %v", summary(again))
	}
	return w
}

func TestAClusterComesUpWithItsWork(t *testing.T) {
	t.Parallel()
	w := orchestrated(t, running)
	var setups []NodeSetup
	w.orchestration = fakeOrchestration{setups: &setups}
	p := w.plan()
	for _, e := range []struct{ step, on resource.Address }{
		{"cluster.lab.control_plane[0]", "cluster.lab.credentials"}, {"node_pool.worker[2]", "cluster.lab.credentials"},
		{"workload.web", "cluster.lab.control_plane[0]"}, {"workload.web", "cluster.lab.credentials"},
		{"manifest.settings", "manifest.shop"}, {"manifest.shop", "cluster.lab.control_plane[0]"},
	} {
		if !reaches(p, position(t, p, resource.Create, e.step), position(t, p, resource.Create, e.on)) {
			t.Errorf("%s does not wait for %s", e.step, e.on)
		}
	}
	if reaches(p, position(t, p, resource.Create, "node_pool.worker[0]"), position(t, p, resource.Create, "cluster.lab.control_plane[0]")) {
		t.Error("workers wait for the control plane; they boot at the same time")
	}
	if reaches(p, position(t, p, resource.Create, "workload.web"), position(t, p, resource.Create, "node_pool.worker[0]")) {
		t.Error("workloads wait for workers; the orchestrator places them when workers come")
	}
	n := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")].After.Spec.(*resource.Node)
	want := "#!/bin/bash\n# kubernetes 1.34.4 000000000000abc1 worker worker lab http://aws.lab:4566\n"
	if got := p.Blobs[n.UserData]; got != want {
		t.Errorf("user-data is %q, want %q", got, want)
	}
	web := p.Steps[position(t, p, resource.Create, "workload.web")].After.Spec.(*resource.Workload)
	if got := p.Blobs[web.Content]; got != "web x 3 registry.lab:5000/hello:1" {
		t.Errorf("the content is %q", got)
	}
	if s := p.Clusters["cluster.lab"].Software["1.34.4"]; s == nil || s.Origin != "lab" {
		t.Errorf("software to record: %+v", s)
	}
	if len(setups) == 0 || setups[0].Role != "control_plane" || setups[0].Pool != "control-plane" {
		t.Errorf("setups: %+v", setups)
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the second plan is not empty: %v", summary(again))
	}
}

func TestWorkChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
		fields []string // of the only step
	}{
		"another image": {
			change: func(w *world) { w.edit("hello:1", "hello:2") },
			want:   []string{"workload.web update update config_changed"}, fields: []string{"attributes.container.app.image", "content"},
		},
		"other replicas": {
			change: func(w *world) { w.edit("replicas = 3", "replicas = 4") },
			want:   []string{"workload.web update update config_changed"}, fields: []string{"attributes.replicas", "content"},
		},
		"another namespace": {
			change: func(w *world) { w.edit("replicas = 3", "replicas = 3\nnamespace = \"shop\"") },
			want:   []string{"workload.web replace create replaced_cannot_update", "workload.web replace delete replaced_cannot_update"},
		},
		"the block goes": {
			change: func(w *world) { w.files = small },
			want: []string{
				"manifest.settings destroy delete removed", "manifest.shop destroy delete removed", "workload.web destroy delete removed",
			},
		},
		"somebody scaled it": {
			change: func(w *world) {
				w.seen("workload.web", differently(func(s *resource.Workload) { s.Live = map[string]string{"Deployment/default/web": "other"} }))
			},
			want: []string{"workload.web update update drifted"}, fields: []string{"live.Deployment/default/web"},
		},
		"somebody deleted an object of it": {
			change: func(w *world) {
				w.seen("workload.web", differently(func(s *resource.Workload) { s.Live = nil }))
			},
			want: []string{"workload.web update update drifted"}, fields: []string{"live.Deployment/default/web"},
		},
		"somebody deleted it": {
			change: func(w *world) { w.seen("workload.web", gone("deleted by somebody")) },
			want:   []string{"workload.web create create gone"},
		},
		"what differs is ignored": {
			change: func(w *world) {
				w.edit("replicas = 3", "replicas = 5\nlifecycle { ignore_changes = [replicas] }")
			},
			want: []string{},
		},
		"its last apply failed": {
			change: func(w *world) {
				r := *w.state.Records["workload.web"]
				r.Incomplete, r.LastError = true, "2 of 3 replicas ready after 10m"
				w.state.Records["workload.web"] = &r
			},
			want: []string{"workload.web update update incomplete"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := settledCluster(t, running)
			c.change(w)
			p := w.plan()
			if diff := cmp.Diff(c.want, summary(p)); diff != "" {
				t.Fatalf("steps (-want +got):\n%s", diff)
			}
			if c.fields != nil {
				var got []string
				for _, f := range p.Steps[0].Fields {
					got = append(got, f.Path)
				}
				slices.Sort(got)
				if diff := cmp.Diff(c.fields, got); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
			}
			w.apply(p)
			w.alive()
			if again := w.plan(); again.HasChanges() {
				t.Errorf("the next plan is not empty: %v", summary(again))
			}
		})
	}
}

func TestWorkWithValuesKnownAfterApply(t *testing.T) {
	t.Parallel()
	w := orchestrated(t, strings.Replace(running, `image = "registry.lab:5000/hello:1"`, `image = "registry.lab:5000/hello:1"
    env   = { API = cluster.lab.endpoint }`, 1)+`
manifest "late" {
  cluster = cluster.lab
  object  = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = cluster.lab.uid, namespace = "shop" }, data = { vpc = cluster.lab.vpc_id } }
}
output "site" { value = workload.web.endpoints["http"] }
output "ca" { value = cluster.lab.ca_certificate }
`)
	p := w.plan()
	for _, a := range []resource.Address{"workload.web", "manifest.late"} {
		s := p.Steps[position(t, p, resource.Create, a)]
		if diff := cmp.Diff([]string{"attributes", "content"}, s.Unknown); diff != "" {
			t.Errorf("unknown of %s (-want +got):\n%s", a, diff)
		}
	}
	w.apply(p)
	got := w.state.Records["workload.web"].Spec.(*resource.Workload).Attributes["container.app.env.API"]
	if want := w.state.Records["cluster.lab.elastic_ip"].Spec.(*resource.ElasticIP).PublicIP; got != want {
		t.Errorf("the variable is %q, want %q", got, want)
	}
	if m := w.state.Records["manifest.late"].Spec.(*resource.Manifest); m.Name != "000000000000abc1" {
		t.Errorf("the manifest is called %q", m.Name)
	}
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the second plan is not empty: %v %+v", summary(again), again.Outputs)
	}
	worker := w.state.Records["node_pool.worker[0]"].Spec.(*resource.Node).PublicAddr
	if got := string(w.state.Outputs["site"].Value); got != `"`+worker+`:30080"` {
		t.Errorf("output site is %s", got)
	}
	if got := string(w.state.Outputs["ca"].Value); !strings.Contains(got, "BEGIN CERTIFICATE") {
		t.Errorf("output ca is %s", got)
	}
	p = w.plan(func(r *Request) { r.Replace = []string{"cluster.lab.elastic_ip"} })
	if got := stepsAt(p, "workload.", "manifest."); !slices.Equal(got, []string{"workload.web update update config_changed"}) {
		t.Errorf("with another address: %v", got)
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v %+v", summary(again), again.Outputs)
	}
}

// A secret of a workload is in nothing that is written: the steps, the document, the diagnostics.
func TestSecretsOfWorkStayOutOfPlans(t *testing.T) {
	t.Parallel()
	const marker = "s3cr3t-marker"
	w := orchestrated(t, strings.Replace(running, `image = "registry.lab:5000/hello:1"`, `image = "registry.lab:5000/hello:1"
    env   = { TOKEN = var.token }`, 1)+"\nvariable \"token\" {\n  type = string\n  sensitive = true\n  default = \""+marker+"\"\n}\n")
	p := w.plan()
	doc, err := JSON(p)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(doc), marker) || strings.Contains(string(whole), marker) {
		t.Error("the secret is in the plan")
	}
	web := p.Steps[position(t, p, resource.Create, "workload.web")].After.Spec.(*resource.Workload)
	e := NewEvaluator(w.request().Config, p).WithOrchestration(w.orchestration)
	data, ok := e.Content(t.Context(), web.Content, w.state)
	if !ok || !strings.Contains(string(data), "TOKEN="+marker) {
		t.Errorf("the content made again is %q, %v", data, ok)
	}
	if _, ok := e.Content(t.Context(), "of nothing", w.state); ok {
		t.Error("there is content of nothing")
	}
	w.apply(p)
	state, err := json.Marshal(w.state)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), marker) {
		t.Error("the secret is in the state")
	}
	w.edit(marker, marker+"-2")
	if got := summary(w.plan()); !slices.Equal(got, []string{"workload.web update update config_changed"}) {
		t.Errorf("another secret plans %v", got)
	}
}

func TestSoftwareIsLookedUpOnce(t *testing.T) {
	t.Parallel()
	w := orchestrated(t, small)
	var asked []string
	w.lookup.asked = &asked
	w.apply(w.plan())
	w.lookup.origin = "another mirror"
	if p := w.plan(); p.HasChanges() {
		t.Errorf("another mirror plans %v", summary(p))
	}
	w.edit(`version      = "1.34.4"`, "version = \"1.34.4\"\nbundle = \"https://mirror.example.com/b\"")
	p := w.plan()
	if got := p.Clusters["cluster.lab"].Software["1.34.4 from https://mirror.example.com/b"]; got == nil {
		t.Errorf("software to record: %+v", p.Clusters["cluster.lab"].Software)
	}
	if p.Summary.Replace != 4 {
		t.Errorf("another bundle plans %v", summary(p))
	}
	if diff := cmp.Diff([]string{"kubernetes 1.34.4 ", "kubernetes 1.34.4 https://mirror.example.com/b"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	w.lookup.err = errors.New("404 Not Found")
	w.edit("1.34.4", "1.34.5")
	if _, diags := w.try(); !strings.Contains(diags.Err().Error(), "bundle build 1.34.5") {
		t.Errorf("diagnostics: %v", diags)
	}
}

func TestWhatTheOrchestratorSaysIsShown(t *testing.T) {
	t.Parallel()
	w := orchestrated(t, running)
	w.orchestration = fakeOrchestration{check: func(_ *hclconfig.Configuration, d *hclconfig.Desired) hclconfig.Diagnostics {
		return hclconfig.Diagnostics{{Severity: hclconfig.Error, Summary: "Not on this orchestrator", Detail: "No.", Address: d.Workloads[0].Address}}
	}}
	if _, diags := w.try(); len(diags) != 1 || diags[0].Summary != "Not on this orchestrator" {
		t.Errorf("plan: %v", diags)
	}
	if diags := CheckOrchestration(w.request().Config, w.orchestration); len(diags) != 1 {
		t.Errorf("validate: %v", diags)
	}
	if p, diags := w.try(func(r *Request) { r.Orchestration = nil }); diags.HasErrors() || len(stepsAt(p, "workload", "manifest", "cluster.lab.credentials")) > 0 ||
		!slices.ContainsFunc(diags, func(d hclconfig.Diagnostic) bool { return d.Summary == "Workloads are not carried out" }) {
		t.Errorf("without one: %v", diags)
	}
	w.orchestration = fakeOrchestration{}
	w.edit(`size          = 3`, "size = 3\nuser_data = \"#!/bin/sh\\n# too long\"")
	if _, diags := w.try(); !strings.Contains(diags.Err().Error(), "shorten it") {
		t.Errorf("user-data: %v", diags)
	}
}
