package drivers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// What runs already is never moved, so work that is to be spread comes after the workers that are on their way.
func TestSpreadWorkComesAfterTheNodesThatAreJoining(t *testing.T) {
	spread := map[string]string{orchestrator.AttributeSpread: `["node"]`}
	for _, tt := range []struct {
		name       string
		attributes map[string]string
		deaf       bool // the second worker never joins
		least      time.Duration
		most       time.Duration
	}{
		{"to be spread", spread, false, joinTakes - 5*time.Second, nodesTimeout - time.Second},
		{"to be spread, with a node that does not come", spread, true, nodesTimeout, nodesTimeout + time.Second},
		{"wherever there is room", nil, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &ward{}
			opts := Options{JoinTimeout: time.Minute, Workloads: map[string]func(orchestrator.Connector) resource.Driver{
				"kubernetes": func(c orchestrator.Connector) resource.Driver { f.connector = c; return f },
			}}
			inWorld(t, opts, func(t *testing.T, w *world, r *run) {
				r.must(t, w.drivers, w.nodes(r, 1, 0)...)
				if tt.deaf {
					w.deaf[2] = true
				}
				var joined sync.WaitGroup
				joined.Go(func() { r.apply(t.Context(), w.drivers, w.nodes(r, 0, 2)...) })
				time.Sleep(3 * time.Second) // they are launched
				began := time.Now()
				r.must(t, w.drivers, r.creation("workload.web", &resource.Workload{Orchestrator: "kubernetes", Name: "web", Attributes: tt.attributes}))
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("it came after %s, want %s to %s", took, tt.least, tt.most)
				}
				if said := r.said("to be spread over them"); said != (tt.least > 0) {
					t.Errorf("said: %v", r.progress)
				}
				joined.Wait()
			})
		})
	}
}

// An elastic address takes the place of the node's own: who holds connections to that one makes new ones.
func TestAMovedAddressEndsConnections(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, r.creation("cluster.lab.internet_gateway", &resource.InternetGateway{VPC: "cluster.lab.vpc"}))
		r.must(t, w.drivers, r.creation("cluster.lab.elastic_ip", &resource.ElasticIP{}))
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		before := w.forgotten
		r.must(t, w.drivers, r.creation("cluster.lab.elastic_ip_association", &resource.ElasticIPAssociation{
			Address: "cluster.lab.elastic_ip", Node: resource.Ref(controlPlane.Index(0)),
		}))
		if w.forgotten == before {
			t.Error("the clients keep their connections")
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
