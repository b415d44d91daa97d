package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// TestThousandNodes: under AWS's published limits, launching, refreshing and terminating a thousand nodes takes few calls
// and hardly more time than the limits themselves.
func TestThousandNodes(t *testing.T) {
	t.Parallel()
	// Without the limits known, the first calls are refused and wait for their next try.
	for limits, factor := range map[LimitMode]float64{LimitAWS: 1.2, LimitAuto: 1.5} {
		t.Run(string(limits), func(t *testing.T) {
			t.Parallel()
			inLab(t, api.Faults{Throttle: 1}, Options{Limits: limits}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
				const n = 1000
				changes := nodes(t, c, r, n)
				start := time.Now()
				r.must(t, c, changes...)
				took, calls := time.Since(start), s.Stats()
				// Ten launches against a bucket of 5 and 2 a second take 2.5 s; the last instances boot within 5 s.
				if bound := 7500 * time.Millisecond; took.Seconds() > bound.Seconds()*factor {
					t.Errorf("took %s, want at most %v times %s", took, factor, bound)
				}
				if launches := calls.Calls["ec2.RunInstances"]; launches > 16 {
					t.Errorf("%d launches", launches)
				}
				if images := calls.Calls["ec2.DescribeImages"]; images > 1 {
					t.Errorf("%d calls for one image", images)
				}
				if polls := calls.Calls["ec2.DescribeInstances"]; polls > 40 {
					t.Errorf("%d polls", polls)
				}

				s.ResetStats()
				r.same(t, c, resource.KindNode)
				if total := s.Stats().Total(); total > 2 {
					t.Errorf("%d calls to refresh %d nodes: %v", total, n, s.Stats().Calls)
				}

				s.ResetStats()
				for i := range changes {
					changes[i] = r.removal(changes[i].Address())
				}
				r.must(t, c, changes...)
				if calls := s.Stats().Calls["ec2.TerminateInstances"]; calls > 14 {
					t.Errorf("%d terminations", calls)
				}
				if left := living(t, c, r); len(left) > 0 {
					t.Errorf("%d are left", len(left))
				}
			})
		})
	}
}

// TestDrift: what people do to nodes outside is seen, named, and repaired.
func TestDrift(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
		r.must(t, c, nodes(t, c, r, 3)...)
		reg, err := c.region(t.Context(), labRegion)
		if err != nil {
			t.Fatal(err)
		}
		first, second := r.records[pool+"[0]"], r.records[pool+"[1]"]
		outside(t, reg, first.ID, second.ID)
		for _, o := range r.read(t, c, resource.KindNode) {
			switch o.Address {
			case pool + "[0]":
				if o.Status != resource.Present || !strings.Contains(o.Reason, "stopped outside clusterform") || o.Phase == resource.PhaseReady {
					t.Errorf("the stopped node: %+v", o)
				}
				if d := resource.DiffObserved(first.Spec, o.Object.Spec); len(d) != 1 || d[0].Path != "tags.tier" {
					t.Errorf("the retagged node differs in %v", d)
				}
			case pool + "[1]":
				if o.Status != resource.Gone || !strings.Contains(o.Reason, "terminated") {
					t.Errorf("the terminated node: %+v", o)
				}
			default:
				if o.Status != resource.Present || o.Phase != resource.PhaseReady {
					t.Errorf("the other node: %+v", o)
				}
			}
		}
		r.must(t, c, r.change(first.Address, first.Spec))
		for _, o := range r.read(t, c, resource.KindNode) {
			if o.Address == first.Address && (o.Phase != resource.PhaseReady || o.Reason != "" || len(resource.DiffObserved(first.Spec, o.Object.Spec)) > 0) {
				t.Errorf("after the repair: %+v", o)
			}
		}
	})
}

// TestGoneIsNotGuessed: an object that does not show is gone only when it has had its time to show.
func TestGoneIsNotGuessed(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
		r.must(t, c, r.creation(eip, &resource.ElasticIP{}))
		released := r.records[eip]
		r.must(t, c, r.removal(eip))
		r.records[eip] = new(*released)
		r.records[eip].UpdatedAt = time.Now()
		start := time.Now()
		o := r.read(t, c, resource.KindElasticIP)
		if len(o) != 1 || o[0].Status != resource.Gone {
			t.Errorf("got %+v", o)
		}
		if waited := time.Since(start); waited < 2*time.Minute {
			t.Errorf("called gone after %s", waited)
		}
		r.old()
		start = time.Now()
		if o := r.read(t, c, resource.KindElasticIP); len(o) != 1 || o[0].Status != resource.Gone || time.Since(start) > time.Second {
			t.Errorf("an old record: %+v after %s", o, time.Since(start))
		}
	})
}

// TestUnread: what could not be asked is not gone.
func TestUnread(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
		if err := s.SetFaults(api.Faults{ServerError: api.Chance{Probability: 1}}); err != nil {
			t.Fatal(err)
		}
		d, err := c.Driver(labRegion, resource.KindVPC)
		if err != nil {
			t.Fatal(err)
		}
		if o, err := d.Read(t.Context(), r, []string{r.uid}, []*resource.Record{r.records[vpc]}); err == nil {
			t.Errorf("got %+v", o)
		}
		o, err := d.Read(t.Context(), r, nil, []*resource.Record{r.records[vpc]})
		if err != nil || len(o) != 1 || o[0].Status != resource.Unread || o[0].Err == nil {
			t.Errorf("got %+v %v", o, err)
		}
	})
}

// BenchmarkThousandNodes is one launch, refresh and termination of a thousand nodes, on an endpoint without delays.
func BenchmarkThousandNodes(b *testing.B) {
	const n = 1000
	steps := map[string]time.Duration{}
	for b.Loop() {
		s, c := lab(b, 1, api.Faults{Boot: new(api.Range), Shutdown: new(api.Range)}, Options{})
		r := newRun(labRegion)
		network(b, c, r)
		changes := nodes(b, c, r, n)
		timed := func(name string, f func()) {
			start := time.Now()
			f()
			steps[name] += time.Since(start)
		}
		timed("launch", func() { r.applyAll(b, c, changes) })
		timed("refresh", func() {
			d, err := c.Driver(labRegion, resource.KindNode)
			if err != nil {
				b.Fatal(err)
			}
			var recorded []*resource.Record
			for _, change := range changes {
				recorded = append(recorded, r.records[change.Address()])
			}
			if _, err := d.Read(b.Context(), byID{r}, []string{r.uid}, recorded); err != nil {
				b.Fatal(err)
			}
		})
		for i := range changes {
			changes[i] = r.removal(changes[i].Address())
		}
		timed("terminate", func() { r.applyAll(b, c, changes) })
		_ = s
	}
	for name, d := range steps {
		b.ReportMetric(float64(d.Milliseconds())/float64(b.N), name+"-ms/op")
	}
}

// byID is a run whose references cost nothing, as those of internal/state.
type byID struct{ *run }

func (byID) Ref(_ resource.Kind, id string) resource.Ref { return resource.Ref(id) }
