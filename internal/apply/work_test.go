package apply_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// contents is an Evaluator that has what plans leave out.
type contents map[string]string

func (c contents) Resolve(_ context.Context, s *planner.Step, _ *resource.Snapshot) (*resource.Object, map[string]string, error) {
	return s.After, nil, nil
}

func (c contents) Content(_ context.Context, digest string, _ *resource.Snapshot) ([]byte, bool) {
	s, ok := c[digest]
	return []byte(s), ok
}

func workload(name, content string) *resource.Workload {
	return &resource.Workload{Orchestrator: "kubernetes", Namespace: "default", Name: name, Type: "deployment", Content: content}
}

// What holds secrets is made again for the driver, and is in nothing that is written or told.
func TestSecretContentIsMadeForTheDriverAlone(t *testing.T) {
	t.Parallel()
	const marker = "s3cr3t-marker"
	dir := t.TempDir()
	f, err := state.Open(filepath.Join(dir, "clusterform.state.json"), state.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	j, c, told := lock(t, f), newCloud(), &events{}
	p := newPlan(j)
	p.create("workload.web", workload("web", "digest-of-it"))
	p.create("workload.plain", workload("plain", "of-the-plan"))
	p.create("workload.lost", workload("lost", "nobody-has-it"))
	p.Blobs = map[string]string{"of-the-plan": "plain objects"}
	got := make(chan string, 3)
	c.before = func(ch resource.Change, rt resource.Runtime) {
		data, ok := rt.Blob(ch.After.Spec.(*resource.Workload).Content)
		got <- string(ch.Address()) + " " + string(data)
		if want := ch.Address() != "workload.lost"; ok != want {
			t.Errorf("%s: content found is %v", ch.Address(), ok)
		}
	}
	o := options(p, j, c)
	o.Evaluator, o.Events = contents{"digest-of-it": marker}, told
	mustRun(t, o)
	list := []string{<-got, <-got, <-got}
	slices.Sort(list)
	if want := []string{"workload.lost ", "workload.plain plain objects", "workload.web " + marker}; !slices.Equal(list, want) {
		t.Errorf("the driver got %q, want %q", list, want)
	}
	for _, e := range told.of(event.StepStart, event.StepProgress, event.StepComplete, event.ApplyComplete) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), marker) {
			t.Errorf("the secret is in an event: %s", text)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), marker) {
			t.Errorf("the secret is in %s", filepath.Base(name))
		}
	}
}

func TestDriversAreToldOfEndings(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	web, other := c.seed(record("workload.web", workload("web", "x"))), c.seed(record("workload.other", workload("other", "y")))
	given(t, j, web, other)
	p := newPlan(j)
	p.Steps[p.delete(web)].Ending = true
	p.delete(other)
	c.before = func(ch resource.Change, _ resource.Runtime) {
		if want := ch.Address() == "workload.web"; ch.Ending != want {
			t.Errorf("%s: ending is %v", ch.Address(), ch.Ending)
		}
	}
	mustRun(t, options(p, j, c))
}

// A workload that fails leaves others alone, and is recorded as what it is, so that the next plan goes on with it.
func TestAFailedWorkloadLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	bad := p.create("workload.bad", workload("bad", "x"))
	p.create("workload.good", workload("good", "y"))
	p.create("workload.behind", workload("behind", "z"), bad)
	c.fault = func(ch resource.Change) fault {
		if ch.Address() == "workload.bad" {
			return half
		}
		return none
	}
	res, err := run(t, options(p, j, c))
	if err == nil || res.Done != 1 || res.Failed != 1 || res.Skipped != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if rec, ok := j.Record("workload.bad"); !ok || !rec.Incomplete || rec.LastError == "" {
		t.Errorf("recorded is %+v", rec)
	}
	if rec, ok := j.Record("workload.good"); !ok || rec.Incomplete {
		t.Errorf("recorded is %+v", rec)
	}
}

// The API of a cluster may be away because of what a saved plan repairs.
func TestVerifyGoesOnWithoutTheOrchestrator(t *testing.T) {
	t.Parallel()
	j := session(t)
	rec := record("workload.web", workload("web", "x"))
	rec.ID = "default/web"
	given(t, j, rec)
	p := newPlan(j)
	p.update(rec, workload("web", "y"))
	c := newCloud()
	c.objects[rec.ID] = thing{address: rec.Address, kind: rec.Kind, spec: rec.Spec}
	o := options(p, j, c)
	o.Drivers, o.Verify = away{c}, true
	mustRun(t, o)
}

// away is a cloud whose orchestrators do not answer.
type away struct{ *cloud }

func (a away) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	d, err := a.cloud.Driver(region, kind)
	return awayDriver{d}, err
}

type awayDriver struct{ resource.Driver }

func (awayDriver) Read(_ context.Context, _ resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	var out []resource.Observation
	for _, r := range recorded {
		out = append(out, resource.Observation{Address: r.Address, ID: r.ID, Status: resource.Unread, Err: apply.ErrStopped})
	}
	return out, nil
}
