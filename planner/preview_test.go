package planner

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// fakePreviewer answers as it is told, and remembers what it was asked.
type fakePreviewer struct {
	answer func(PreviewRequest) (*Preview, error)

	mu    sync.Mutex
	asked []string
}

func (f *fakePreviewer) Preview(_ context.Context, rt resource.Runtime, in PreviewRequest) (*Preview, error) {
	f.mu.Lock()
	f.asked = append(f.asked, in.After.Name)
	f.mu.Unlock()
	if _, recorded := rt.Record(credentialsOf(in.Cluster)); !recorded {
		return nil, errors.New("asked before there is a cluster")
	}
	if len(in.Content.Data) == 0 {
		return nil, errors.New("asked about nothing")
	}
	return f.answer(in)
}

func (f *fakePreviewer) names() []string {
	slices.Sort(f.asked)
	return f.asked
}

func previewed(f *fakePreviewer) func(*Request) { return func(r *Request) { r.Previewer = f } }

const anotherManifest = `
manifest "more" {
  cluster = cluster.lab
  object  = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "more", namespace = "shop" }, data = { size = 1 } }
}
`

func TestManifestsAreShownAsTheClusterMakesThem(t *testing.T) {
	t.Parallel()
	want := &Preview{Fields: []resource.FieldChange{{Path: "data.colour", Old: "green", New: "red", Effect: resource.EffectUpdate}}, Unchanged: 4}
	f := &fakePreviewer{answer: func(PreviewRequest) (*Preview, error) { return want, nil }}
	fresh := orchestrated(t, running)
	if fresh.plan(previewed(f)); len(f.asked) > 0 {
		t.Errorf("asked a cluster that does not exist about %v", f.asked)
	}

	w := settledCluster(t, running)
	if w.plan(previewed(f)); len(f.asked) > 0 {
		t.Errorf("asked about %v, and nothing changes", f.asked)
	}
	w.edit(`colour = "blue"`, `colour = "red"`)
	w.files += anotherManifest
	p := w.plan(previewed(f))
	if diff := cmp.Diff([]string{"more", "settings"}, f.names()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	s := p.Steps[position(t, p, resource.Update, "manifest.settings")]
	if diff := cmp.Diff(want, s.Preview); diff != "" {
		t.Errorf("preview (-want +got):\n%s", diff)
	}
	doc, err := JSON(p)
	if err != nil || !strings.Contains(string(doc), `"preview":{"fields":[{"path":"data.colour"`) {
		t.Errorf("document: %v\n%s", err, doc)
	}
	var again Plan
	if data, err := json.Marshal(p); err != nil || json.Unmarshal(data, &again) != nil || !cmp.Equal(again.Steps[s.ID].Preview, want) {
		t.Errorf("the preview does not outlive the plan file: %v %+v", err, again.Steps[s.ID].Preview)
	}
}

func TestClustersThatAreNotAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world)
		plan   func(*Request)
	}{
		"its only control-plane node is gone": {change: func(w *world) { w.seen("cluster.lab.control_plane[0]", gone("terminated")) }},
		"its workloads could not be read": {change: func(w *world) {
			w.seen("workload.web", func(r *resource.Record) resource.Observation {
				return resource.Observation{Status: resource.Present, Object: &r.Object, Warning: "the API does not answer"}
			})
		}},
		"the object is to be made anew": {plan: func(r *Request) { r.Replace = []string{"manifest.settings"} }},
		"it is left out":                {plan: func(r *Request) { r.Targets = []string{"workload.web"} }},
		"everything is destroyed":       {plan: func(r *Request) { r.Mode = ModeDestroy }},
		"a value is known after apply": {
			change: func(w *world) { w.edit(`colour = "red"`, `colour = cluster.lab.endpoint`) },
			plan:   func(r *Request) { r.Replace = []string{"cluster.lab.elastic_ip"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakePreviewer{answer: func(PreviewRequest) (*Preview, error) { return new(Preview), nil }}
			w := settledCluster(t, running)
			w.edit(`colour = "blue"`, `colour = "red"`)
			if c.change != nil {
				c.change(w)
			}
			change := []func(*Request){previewed(f)}
			if c.plan != nil {
				change = append(change, c.plan)
			}
			if w.plan(change...); len(f.asked) > 0 {
				t.Errorf("asked about %v", f.asked)
			}
		})
	}
}

func TestWhatAClusterRefuses(t *testing.T) {
	t.Parallel()
	crd := strings.NewReplacer(`"more"`, `"widgets"`, `"v1"`, `"apiextensions.k8s.io/v1"`, "ConfigMap", "CustomResourceDefinition").Replace(anotherManifest)
	for name, c := range map[string]struct {
		says   error
		also   string // another block that the plan makes
		alone  bool   // with -target
		custom bool   // of a type of its own
		fails  string
		warns  string
	}{
		"a wrong value":          {says: &Refusal{Code: "Invalid", Message: "data: wrong\x1b[2J", Hint: "Plan with -replace"}, fails: "The cluster refuses this"},
		"and other manifests":    {says: &Refusal{Code: "Invalid", Message: "data: wrong"}, also: anotherManifest, fails: "The cluster refuses this"},
		"as its type is now":     {says: &Refusal{Code: "Invalid", Message: "data: wrong"}, also: crd, warns: "The cluster would refuse this now"},
		"an admission rule":      {says: &Refusal{Code: "Forbidden", Message: "exceeded quota"}, fails: "The cluster refuses this"},
		"which may be lifted":    {says: &Refusal{Code: "Forbidden", Message: "exceeded quota"}, also: anotherManifest, warns: "The cluster would refuse this now"},
		"wrong, seen alone":      {says: &Refusal{Code: "Invalid", Message: "data: wrong"}, alone: true, fails: "The cluster refuses this"},
		"its own type, alone":    {says: &Refusal{Code: "Invalid", Message: "data: wrong"}, alone: true, custom: true, warns: "The cluster would refuse this now"},
		"a rule, seen alone":     {says: &Refusal{Code: "Forbidden", Message: "exceeded quota"}, alone: true, warns: "The cluster would refuse this now"},
		"another's object":       {says: &Refusal{Code: "Conflict", Message: "it is gitops's"}, also: anotherManifest, fails: "The cluster refuses this"},
		"an unknown type":        {says: &Refusal{Code: RefusalNoType, Message: "no such type"}, warns: "The cluster would refuse this now"},
		"one that the plan adds": {says: &Refusal{Code: RefusalNoType, Message: "no such type"}, also: crd},
		"it does not answer":     {says: errors.New("connection refused"), also: anotherManifest, warns: "Noticed while reading"},
		"it cannot tell yet":     {says: ErrNoPreview},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakePreviewer{answer: func(in PreviewRequest) (*Preview, error) {
				if in.After.Name != "settings" && c.warns != "Noticed while reading" {
					return new(Preview), nil
				}
				return nil, c.says
			}}
			files := running
			if c.custom {
				files = strings.Replace(files, `apiVersion = "v1"`, `apiVersion = "shop.example.com/v1"`, 1)
			}
			w := settledCluster(t, files)
			w.edit(`colour = "blue"`, `colour = "red"`)
			w.files += c.also
			p, diags := w.try(previewed(f), func(r *Request) {
				if c.alone {
					r.Targets = []string{"manifest.settings"}
				}
			})
			var got []string
			for _, d := range diags {
				got = append(got, d.Summary)
				if strings.ContainsRune(d.Detail, '\x1b') {
					t.Errorf("control characters in %q", d.Detail)
				}
			}
			want := []string(nil)
			switch {
			case c.fails != "":
				want = []string{c.fails}
				if p != nil || diags[0].Severity != hclconfig.Error || diags[0].Subject == nil || diags[0].Subject.Start.Line == 0 || diags[0].Address != "manifest.settings" {
					t.Errorf("%+v", diags)
				}
			case c.warns != "":
				want = []string{c.warns}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if c.fails == "" && (p == nil || p.Steps[position(t, p, resource.Update, "manifest.settings")].Preview != nil) {
				t.Errorf("plan: %+v", p)
			}
		})
	}
}
