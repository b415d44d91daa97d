package workload

import (
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

// A run that died after its calls, before it could record anything: what it made is found and removed, or taken up.
func TestWhatADeadRunMadeIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	text := web("  container \"a\" { image = \"hello:1\" }\n  config \"c\" { files = { x = \"y\" } }\n") + `
manifest "m" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "m", namespace = "NS" }
    data       = { x = "y" }
  }
}`
	w.apply(text)
	intents := w.intents
	for _, in := range intents {
		delete(w.records, in.Addresses[0])
	}
	list, err := w.driver.Recover(t.Context(), w, intents)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	for _, r := range list {
		a := r.Intent.Addresses[0]
		if r.Status != resource.Present || r.Found[a] == nil {
			t.Fatalf("%+v", r)
		}
		w.records[a] = &resource.Record{Object: *r.Found[a], Generation: 1}
		if err := w.delete(a); err != nil {
			t.Fatal(err)
		}
	}
	list, err = w.driver.Recover(t.Context(), w, intents)
	if err != nil || list[0].Status != resource.Gone || list[1].Status != resource.Gone {
		t.Errorf("%+v %v", list, err)
	}
}

// nowhere is an address at which nobody answers.
func nowhere() *rest.Config { return &rest.Config{Host: "https://127.0.0.1:1"} }

func TestAnAPIThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.driver.bounds.patience = time.Second
	text := web("  container \"a\" { image = \"hello:1\" }\n")
	w.launched = true
	w.apply(text)
	w.launched = false
	here := w.config
	w.config = nowhere()
	o := w.read("workload.web")
	if o.Status != resource.Present || o.Warning == "" || o.Err != nil {
		t.Errorf("%+v", o)
	}
	err := w.try(text)
	if err == nil {
		t.Fatal("it was applied to nobody")
	}
	want(t, err.Error(), "workload.web", "connection refused", "clusterform status")
	if err := w.delete("workload.web"); err == nil || w.records["workload.web"] == nil {
		t.Errorf("deleted: %v", err)
	}
	if err := w.carryOut(t.Context(), resource.Change{Operation: resource.Delete, Before: w.records["workload.web"], Ending: true}); err != nil {
		t.Errorf("the end of the whole cluster: %v", err)
	}
	w.config = here
	w.deployment("web") // nobody was asked
}

// The API goes away in the middle of a rollout, and comes back.
func TestAnAPIThatComesBack(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{})
	w := newWorldOn(t, cp, nil)
	w.driver.bounds.patience = time.Minute
	done := make(chan error, 1)
	desired := w.desired(web("  container \"a\" { image = \"hello:1\" }\n"))[0]
	go func() {
		var result resource.Result
		w.driver.Apply(t.Context(), w, []resource.Change{{Operation: resource.Create, After: desired, Generation: 1}}, func(_ int, r resource.Result) { result = r })
		done <- result.Err
	}()
	w.await("0 of 1 replica")
	cp.StopAPI()
	w.await("the API does not answer; trying again")
	if err := cp.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	cp.Play(t, controlplane.Kubelet{Node: "i-" + w.namespace, Namespace: w.namespace})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A cluster that was only launched is not called.
func TestALaunchedClusterIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.config, w.launched = nil, true // whoever uses it ends
	w.driver.connector = nil
	w.records["cluster.lab.control_plane[0]"].Phase = resource.PhaseJoining
	w.apply(web("  container \"a\" { image = \"hello:1\" }\n"))
	want(t, w.heard(), "the next apply does it")
	if o := w.read("workload.web"); o.Status != resource.Present || o.Warning != "" || len(resource.DiffObserved(w.records["workload.web"].Spec, o.Object.Spec)) > 0 {
		t.Errorf("%+v", o)
	}
	if err := w.delete("workload.web"); err != nil {
		t.Error(err)
	}
}
