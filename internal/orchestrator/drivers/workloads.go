package drivers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/clusterform/clusterform/planner/resource"
)

// workloadDriver hands workloads and manifests on to the drivers of their orchestrators.
type workloadDriver struct {
	*Drivers
	region string
	kind   resource.Kind
}

// manifestsAre is the orchestrator of manifests, which name none.
const manifestsAre = "kubernetes"

func (*workloadDriver) orchestratorOf(s resource.Spec) string {
	if w, ok := s.(*resource.Workload); ok {
		return w.Orchestrator
	}
	return manifestsAre
}

// driver is an orchestrator's own, made once for a command: it may keep what it learned of an API.
func (d *workloadDriver) driver(name string) (resource.Driver, error) {
	f, ok := d.opts.Workloads[name]
	if !ok {
		return nil, fmt.Errorf("this version applies no workloads to the orchestrator %q", name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.workloads[name] == nil {
		d.workloads[name] = f(d.Drivers)
	}
	return d.workloads[name], nil
}

// sorted sorts by what name says, in the order of the first of each.
func sorted[T any, K comparable](all []T, name func(T) K) (groups map[K][]int, order []K) {
	groups = map[K][]int{}
	for i, x := range all {
		n := name(x)
		if !slices.Contains(order, n) {
			order = append(order, n)
		}
		groups[n] = append(groups[n], i)
	}
	return groups, order
}

// Apply implements resource.Driver.
func (d *workloadDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	type group struct {
		orchestrator string
		spread       bool
	}
	groups, order := sorted(batch, func(ch resource.Change) group { return group{d.orchestratorOf(objectOf(ch).Spec), isSpread(ch)} })
	var wg sync.WaitGroup
	for _, g := range order {
		name, at := g.orchestrator, groups[g]
		part := make([]resource.Change, len(at))
		for i, j := range at {
			part[i] = batch[j]
		}
		inner, err := d.driver(name)
		if err != nil {
			for i, j := range at {
				report(j, unchanged(part[i], fmt.Errorf("%s: %w", part[i].Address(), err)))
			}
			continue
		}
		wg.Go(func() {
			// Nothing is lost by a wait that ends: calls under way go to their end in spite of it.
			waiting, cancel := untilStopped(ctx, rt)
			defer cancel()
			if g.spread {
				d.awaitNodes(waiting, rt, part)
			}
			inner.Apply(waiting, &intentRuntime{Runtime: rt, orchestrator: name}, part, func(i int, r resource.Result) {
				if waiting.Err() != nil {
					r = worded(objectOf(part[i]), "while it was rolled out", r)
				}
				report(at[i], r)
			})
		})
	}
	wg.Wait()
}

// Read implements resource.Driver. Nothing is asked for what is not recorded: what is ours in a cluster goes with it.
func (d *workloadDriver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	groups, order := sorted(recorded, func(r *resource.Record) string { return d.orchestratorOf(r.Spec) })
	var out []resource.Observation
	for _, name := range order {
		part := make([]*resource.Record, 0, len(groups[name]))
		for _, i := range groups[name] {
			part = append(part, recorded[i])
		}
		if d.opts.Launched {
			out = append(out, asRecorded(part)...) // no API is dialed
			continue
		}
		inner, err := d.driver(name)
		if err != nil {
			return nil, err
		}
		all, err := inner.Read(ctx, rt, uids, part)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

func asRecorded(recorded []*resource.Record) []resource.Observation {
	out := make([]resource.Observation, 0, len(recorded))
	for _, rec := range recorded {
		o := rec.Object
		out = append(out, resource.Observation{Address: rec.Address, ID: rec.ID, Status: resource.Present, Object: &o})
	}
	return out
}

// Recover implements resource.Driver.
func (d *workloadDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	groups, order := sorted(intents, func(in resource.Intent) string {
		if name := in.Detail[detailOrchestrator]; name != "" {
			return name
		}
		return manifestsAre
	})
	out := make([]resource.Recovery, 0, len(intents))
	for _, name := range order {
		part := make([]resource.Intent, 0, len(groups[name]))
		for _, i := range groups[name] {
			part = append(part, intents[i])
		}
		inner, err := d.driver(name)
		if err != nil {
			return nil, err
		}
		all, err := inner.Recover(ctx, rt, part)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

// intentRuntime notes in intents whose they are, so that another run finds the driver that recovers them.
type intentRuntime struct {
	resource.Runtime
	orchestrator string
}

// Intend implements resource.Runtime.
func (r *intentRuntime) Intend(ctx context.Context, intents ...resource.Intent) error {
	intents = slices.Clone(intents)
	for i := range intents {
		detail := map[string]string{detailOrchestrator: r.orchestrator}
		for k, v := range intents[i].Detail {
			detail[k] = v
		}
		intents[i].Detail = detail
	}
	return r.Runtime.Intend(ctx, intents...)
}
