package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	stack "github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/planner/resource"
)

// delete removes a workload's service, then what only it used, and the namespace's network with the last of its services.
// Volumes stay: what they hold is not ours.
func (d *Driver) delete(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	if c.Ending || launchedOnly(rt, c.Before.Cluster) {
		return resource.Result{} // it goes with its nodes, or was never applied
	}
	rec := new(*c.Before)
	w, ok := rec.Spec.(*resource.Workload)
	if !ok {
		return resource.Result{Record: rec, Err: fmt.Errorf("%s is not a workload", rec.Address)}
	}
	api, err := d.api(ctx, rt, rec.Cluster)
	if err != nil {
		return outcome(rec, err)
	}
	objects := slices.Clone(w.Objects)
	if len(objects) == 0 {
		objects = []string{kindService + inStack(w.Namespace, w.Name)}
	}
	slices.SortStableFunc(objects, func(a, b string) int { return rank(a) - rank(b) })
	waits := func(text string) { rt.Progress(rec.Address, "", text) }
	if err := remove(ctx, api, d.poll, objects, waits); err != nil {
		return outcome(rec, err)
	}
	if err := d.removeNetwork(ctx, api, w.Namespace, waits); err != nil {
		return outcome(rec, err)
	}
	return resource.Result{}
}

func rank(object string) int {
	if strings.HasPrefix(object, kindService) {
		return 0
	}
	return 1
}

func (d *Driver) removeNetwork(ctx context.Context, api API, stackName string, waits func(string)) error {
	left := 0
	err := api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceList(ctx, docker.ServiceListOptions{Filters: docker.Filters{}.Add("label", labelStack+"="+stackName)})
		left = len(got.Items)
		return err
	})
	if err != nil || left > 0 {
		return err
	}
	return remove(ctx, api, d.poll, []string{kindNetwork + inStack(stackName, stack.NetworkName)}, waits)
}

// Recover looks for what interrupted runs made: a service has its name from the start.
func (d *Driver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		r := resource.Recovery{Intent: in, Found: map[resource.Address]*resource.Object{}, Status: resource.Gone, Reason: "nothing was found"}
		name, cluster := in.Detail[detailService], resource.Address(in.Detail[detailCluster])
		there, err := false, error(nil)
		if !launchedOnly(rt, cluster) {
			there, err = d.exists(ctx, rt, cluster, name)
		}
		switch {
		case errors.Is(err, orchestrator.ErrUnreachable):
			// The next apply of the workload finds the service by its name, whatever is known now.
			r.Reason = "the Swarm does not answer"
		case err != nil:
			return nil, describe(err, in.Addresses[0], name)
		case there:
			r.Status, r.Reason = resource.Present, "the service is there"
			stackName, service, _ := strings.Cut(name, "_")
			r.Found[in.Addresses[0]] = &resource.Object{
				Address: in.Addresses[0], Kind: resource.KindWorkload, Cluster: cluster, UID: in.UID, Region: in.Region, ID: name,
				Spec: &resource.Workload{Orchestrator: "swarm", Namespace: stackName, Name: service},
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *Driver) exists(ctx context.Context, rt resource.Runtime, cluster resource.Address, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	api, err := d.api(ctx, rt, cluster)
	if err != nil {
		return false, err
	}
	there := false
	err = api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		s, err := service(ctx, api, name)
		there = s != nil
		return err
	})
	return there, err
}
