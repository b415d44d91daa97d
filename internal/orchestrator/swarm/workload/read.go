package workload

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/planner/resource"
)

// Read lists the services of each cluster with one call. Where a Swarm does not answer its workloads stand as recorded, with
// a warning.
func (d *Driver) Read(ctx context.Context, rt resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	byCluster := map[resource.Address][]*resource.Record{}
	for _, rec := range recorded {
		byCluster[rec.Cluster] = append(byCluster[rec.Cluster], rec)
	}
	out := make([]resource.Observation, 0, len(recorded))
	for _, cluster := range slices.Sorted(maps.Keys(byCluster)) {
		records := byCluster[cluster]
		if launchedOnly(rt, cluster) {
			for _, rec := range records {
				out = append(out, resource.Observation{Address: rec.Address, ID: rec.ID, Status: resource.Present, Object: same(rec)})
			}
			continue
		}
		live, notice, err := d.services(ctx, rt, cluster)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, rec := range records {
			if err != nil {
				out = append(out, resource.Observation{
					Address: rec.Address, ID: rec.ID, Status: resource.Present, Object: same(rec),
					WarningTitle: "Swarm not asked",
					Warning:      fmt.Sprintf("The workloads of %s could not be looked at and stand as recorded: %s", cluster, err),
				})
				continue
			}
			o, err := observe(rec, live)
			if err != nil {
				return nil, err
			}
			o.WarningTitle, o.Warning = notice.Title, notice.Text
			out = append(out, o)
		}
	}
	return out, nil
}

func same(rec *resource.Record) *resource.Object {
	o := new(rec.Object)
	o.Spec = resource.Clone(rec.Spec)
	return o
}

// services are those of a Swarm by name; the notice says what does not work there.
func (d *Driver) services(ctx context.Context, rt resource.Runtime, cluster resource.Address) (map[string]swarm.Service, orchestrator.Notice, error) {
	var notice orchestrator.Notice
	api, err := d.api(ctx, rt, cluster)
	if err != nil {
		return nil, notice, err
	}
	members, err := api.Members(ctx)
	if err != nil {
		return nil, notice, err
	}
	if all := client.Notices(cluster, members); len(all) > 0 {
		notice = all[0]
	}
	live := map[string]swarm.Service{}
	err = api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceList(ctx, docker.ServiceListOptions{})
		for _, s := range got.Items {
			live[s.Spec.Name] = s
		}
		return err
	})
	return live, notice, err
}

func observe(rec *resource.Record, live map[string]swarm.Service) (resource.Observation, error) {
	o := resource.Observation{Address: rec.Address, ID: rec.ID, Status: resource.Present}
	w, ok := rec.Spec.(*resource.Workload)
	if !ok {
		return o, fmt.Errorf("%s is not a workload", rec.Address)
	}
	s, there := live[inStack(w.Namespace, w.Name)]
	if !there {
		o.Status, o.Reason = resource.Gone, "its service was removed outside clusterform"
		return o, nil
	}
	sum, err := serviceDigest(s.Spec)
	if err != nil {
		return o, err
	}
	o.Object = same(rec)
	if seen, ok := o.Object.Spec.(*resource.Workload); ok {
		seen.Live = map[string]string{kindService + s.Spec.Name: sum}
	}
	return o, nil
}
