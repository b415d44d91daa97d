package drivers

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// ward is the workload driver of one orchestrator: it keeps what it was given.
type ward struct {
	connector orchestrator.Connector
	got       []resource.Address
	clients   int
}

func (f *ward) Read(_ context.Context, _ resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	return asRecorded(recorded), nil
}

func (f *ward) Recover(_ context.Context, _ resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	var out []resource.Recovery
	for _, in := range intents {
		f.got = append(f.got, in.Addresses...)
		out = append(out, resource.Recovery{Intent: in, Status: resource.Gone})
	}
	return out, nil
}

func (f *ward) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	for i, ch := range batch {
		f.got = append(f.got, ch.Address())
		_, err := f.connector.Client(ctx, rt, lab)
		if err == nil {
			f.clients++
		}
		report(i, resource.Result{Record: &resource.Record{Object: *ch.After, Generation: ch.Generation}, Err: err})
	}
}

func TestWorkloadsGoToTheirOrchestrators(t *testing.T) {
	wards := map[string]*ward{"kubernetes": {}, "swarm": {}}
	opts := Options{Workloads: map[string]func(orchestrator.Connector) resource.Driver{}}
	for name, f := range wards {
		opts.Workloads[name] = func(c orchestrator.Connector) resource.Driver {
			f.connector = c
			return f
		}
	}
	inWorld(t, opts, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers,
			r.creation("workload.web", &resource.Workload{Orchestrator: "kubernetes", Name: "web"}),
			r.creation("workload.old", &resource.Workload{Orchestrator: "swarm", Name: "old"}),
			r.creation("workload.api", &resource.Workload{Orchestrator: "kubernetes", Name: "api"}))
		r.must(t, w.drivers, r.creation("manifest.raw", &resource.Manifest{ObjectKind: "ConfigMap", Name: "raw"}))
		if got := wards["kubernetes"]; !slices.Equal(got.got, []resource.Address{"workload.web", "workload.api", "manifest.raw"}) || got.clients != 3 {
			t.Errorf("kubernetes got %v with %d clients", got.got, got.clients)
		}
		if got := wards["swarm"].got; !slices.Equal(got, []resource.Address{"workload.old"}) {
			t.Errorf("swarm got %v", got)
		}
		err := r.apply(t.Context(), w.drivers, r.creation("workload.far", &resource.Workload{Orchestrator: "mesos", Name: "far"}))["workload.far"]
		if err == nil || !strings.Contains(err.Error(), `"mesos"`) {
			t.Errorf("an orchestrator without support: %v", err)
		}
		d, err := w.drivers.Driver(testRegion, resource.KindWorkload)
		if err != nil {
			t.Fatal(err)
		}
		all, err := d.Recover(t.Context(), r, []resource.Intent{{Addresses: []resource.Address{"workload.lost"}, Detail: map[string]string{detailOrchestrator: "swarm"}}})
		if err != nil || len(all) != 1 || !slices.Contains(wards["swarm"].got, "workload.lost") {
			t.Errorf("recovered %v %v", all, err)
		}
		if seen := r.read(t, w.drivers, resource.KindWorkload); len(seen) != 3 {
			t.Errorf("seen %v", seen)
		}
	})
}

func TestAClusterThatWasNotAppliedHasNoClient(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		s := resource.NewSnapshot("x")
		if _, err := w.drivers.Connect(t.Context(), s, lab); err == nil || !strings.Contains(err.Error(), "clusterform apply") {
			t.Errorf("%v", err)
		}
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		s.Records = r.records
		client, err := w.drivers.Connect(t.Context(), s, lab)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Healthy(t.Context()); err != nil {
			t.Error(err)
		}
		hosts, err := w.drivers.HostsOf(t.Context(), s, lab)
		if n := nodeOf(r.records[controlPlane.Index(0)].Spec); err != nil || !slices.Equal(hosts, []string{n.PublicAddr, n.PrivateIP}) {
			t.Errorf("hosts %v %v", hosts, err)
		}
	})
}
