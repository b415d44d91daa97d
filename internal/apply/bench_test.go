package apply_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/planner/resource"
)

// trivial is a driver whose changes take no time: what is measured is the engine and the journal.
type trivial struct{}

func (trivial) Driver(string, resource.Kind) (resource.Driver, error) { return trivial{}, nil }

func (trivial) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	const perCall = 100
	for first := 0; first < len(batch); first += perCall {
		call := batch[first:min(first+perCall, len(batch))]
		in := resource.Intent{Operation: call[0].Operation, Kind: call[0].After.Kind, UID: testUID, Region: testRegion, Token: call[0].Token}
		recs := make([]*resource.Record, len(call))
		for i, c := range call {
			in.Addresses = append(in.Addresses, c.Address())
			o := *c.After
			o.ID = string(c.After.Address)
			recs[i] = &resource.Record{Object: o, Phase: resource.PhaseLaunching}
		}
		err := rt.Intend(ctx, in)
		if err == nil {
			err = rt.Checkpoint(ctx, recs...)
		}
		for i := range call {
			if err != nil {
				report(first+i, resource.Result{Err: err})
				continue
			}
			done := *recs[i]
			done.Phase = resource.PhaseReady
			report(first+i, resource.Result{Record: &done})
		}
	}
}

func (trivial) Read(context.Context, resource.Runtime, []string, []*resource.Record) ([]resource.Observation, error) {
	return nil, nil
}

func (trivial) Recover(context.Context, resource.Runtime, []resource.Intent) ([]resource.Recovery, error) {
	return nil, nil
}

// wide is a plan of nodes that need two steps each, as those of a cluster do.
func wide(p *plans, nodes int) {
	v := p.create("cluster.lab.vpc", vpc("me"))
	s := p.create(`cluster.lab.subnet["a"]`, &resource.Subnet{VPC: "cluster.lab.vpc"}, v)
	for i := range nodes {
		p.create(resource.Address("node_pool.worker").Index(i), node("web"), v, s)
	}
}

// chains is a plan of lanes, as those of a rolling replacement: each step needs the one before it.
func chains(p *plans, nodes, lanes int) {
	for i := range nodes {
		var needs []int32
		if i >= lanes {
			needs = []int32{int32(i - lanes)}
		}
		p.create(resource.Address("node_pool.worker").Index(i), node("web"), needs...)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, shape := range []struct {
		name string
		plan func(*plans, int)
	}{
		{"wide", wide},
		{"lanes", func(p *plans, n int) { chains(p, n, 10) }},
	} {
		for _, n := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s-%d", shape.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					j := session(b)
					p := newPlan(j)
					shape.plan(p, n)
					b.StartTimer()
					start := time.Now()
					if _, err := apply.Run(context.Background(), apply.Options{Plan: &p.Plan, Journal: j, Drivers: trivial{}}); err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/step")
					b.StopTimer()
					if err := j.Close(context.Background()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
	}
}
