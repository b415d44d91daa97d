package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	stack "github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// labelContent is the digest of what a service was made from.
	labelContent = "clusterform.content"
	// reachBound is how long to wait for managers that do not answer: one may just have been replaced.
	reachBound = 2 * time.Minute
	// crowdedBound is how long tasks may lack a node with a free port while no node is on its way.
	crowdedBound = 20 * time.Second
)

// job is the change of one workload.
type job struct {
	driver  *Driver
	rt      resource.Runtime
	api     API
	address resource.Address
	cluster resource.Address
	spec    *resource.Workload
	release *stack.Release
	// previous says that there was a version of the service before.
	previous bool
	began    time.Time
	names    map[string]string // of nodes, by their id in the Swarm
	said     string
}

// put makes or changes the service of a workload and follows it until it is rolled out.
func (d *Driver) put(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	rec := &resource.Record{Generation: c.Generation}
	if c.Before != nil {
		rec = new(*c.Before)
	}
	rec.Object = *c.After
	rec.Spec = resource.Clone(c.After.Spec)
	spec, ok := rec.Spec.(*resource.Workload)
	if !ok {
		return resource.Result{Record: c.Before, Err: fmt.Errorf("%s is not a workload", c.Address())}
	}
	rec.ID = inStack(spec.Namespace, spec.Name)
	j := &job{driver: d, rt: rt, address: rec.Address, cluster: rec.Cluster, spec: spec, names: map[string]string{}}
	if launchedOnly(rt, rec.Cluster) {
		j.say("not applied: the cluster's nodes were only launched; the next apply does it")
		spec.Live = nil
		return outcome(rec, nil)
	}
	if err := j.persist(ctx, func() error { return j.prepare(ctx) }); err != nil {
		return resource.Result{Record: c.Before, Err: describe(err, rec.Address, rec.ID)}
	}
	id := ""
	err := j.persist(ctx, func() (err error) {
		id, err = j.write(ctx)
		return err
	})
	if id == "" {
		return resource.Result{Record: c.Before, Err: describe(err, rec.Address, rec.ID)}
	}
	was := recorded(c.Before)
	wanted := j.objects()
	spec.Objects = sortedUnion(was, wanted) // until those no longer wanted are gone
	if err == nil && !rt.WaitLaunched() {
		err = j.follow(ctx, id)
	}
	if liveErr := j.persist(ctx, func() error { return j.live(ctx, id) }); err == nil {
		err = liveErr
	}
	if err == nil && !rt.WaitLaunched() {
		if err = remove(ctx, j.api, d.poll, without(was, wanted), j.say); err == nil {
			spec.Objects = wanted
		}
	}
	return outcome(rec, err)
}

func recorded(rec *resource.Record) []string {
	if rec == nil {
		return nil
	}
	w, ok := rec.Spec.(*resource.Workload)
	if !ok {
		return nil
	}
	return w.Objects
}

func without(list, others []string) []string {
	left := map[string]bool{}
	for _, s := range others {
		left[s] = true
	}
	var out []string
	for _, s := range list {
		if !left[s] {
			out = append(out, s)
		}
	}
	return out
}

func (j *job) say(text string) {
	if text != j.said {
		j.said = text
		j.rt.Progress(j.address, "", text)
	}
}

// persist does something again while no manager answers.
func (j *job) persist(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(j.driver.reach); ; {
		err := do()
		if !errors.Is(err, orchestrator.ErrUnreachable) || time.Now().After(deadline) {
			return err
		}
		j.say("waits for the Swarm's managers to answer")
		if err := pause(ctx, 4*j.driver.poll); err != nil {
			return err
		}
		// There may be others by now.
		if api, err := j.driver.api(ctx, j.rt, j.cluster); err == nil {
			j.api = api
		}
	}
}

// prepare reads the content, finds the Swarm, and fits the one to the other.
func (j *job) prepare(ctx context.Context) error {
	data, ok := j.rt.Blob(j.spec.Content)
	if !ok {
		return errors.New("its content is not in the plan; plan again")
	}
	var err error
	if j.release, err = stack.ParseRelease(data); err != nil {
		return err
	}
	if j.api, err = j.driver.api(ctx, j.rt, j.cluster); err != nil {
		return err
	}
	members, err := j.api.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		j.names[m.ID] = m.Instance
		if a := m.Labels[client.LabelAddress]; a != "" {
			j.names[m.ID] = a
		}
	}
	if err := canEncrypt(j.release, members); err != nil {
		return err
	}
	j.release.MTU = underlay(j.release.MTU, members)
	if without := client.WithoutIPVS(members); len(without) > 0 {
		j.release.WithoutIPVS()
		if len(j.release.Service.Ports) > 0 {
			j.say(fmt.Sprintf("the kernel of %s has no IPVS: ports answer on the nodes where a task runs", nodes(len(without))))
		}
	}
	return nil
}

func nodes(n int) string {
	if n == 1 {
		return "a node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// objects are those that the release is made of.
func (j *job) objects() []string {
	out := []string{kindService + inStack(j.release.Stack, j.release.Name)}
	for name := range j.release.Configs {
		out = append(out, kindConfig+inStack(j.release.Stack, name))
	}
	for name := range j.release.Secrets {
		out = append(out, kindSecret+inStack(j.release.Stack, name))
	}
	return sortedUnion(out, nil)
}

// write makes everything; the id is empty when there is no service.
func (j *job) write(ctx context.Context) (id string, err error) {
	err = j.api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		made, err := ensure(ctx, api, j.release, j.release.MTU)
		if err != nil {
			return err
		}
		wanted, err := serviceSpec(j.release, made)
		if err != nil {
			return err
		}
		wanted.Labels[labelContent] = j.spec.Content
		for range 5 {
			if id, err = j.writeService(ctx, api, wanted); !client.OutOfDate(err) {
				break
			}
		}
		return err
	})
	return id, err
}

func (j *job) writeService(ctx context.Context, api *docker.Client, wanted swarm.ServiceSpec) (string, error) {
	live, err := service(ctx, api, wanted.Name)
	if err != nil {
		return "", err
	}
	if live != nil && kindOf(live.Spec.Mode) != kindOf(wanted.Mode) {
		if _, err := api.ServiceRemove(ctx, live.ID, docker.ServiceRemoveOptions{}); err != nil {
			return "", fmt.Errorf("remove the service %s, which becomes one of another kind: %w", wanted.Name, err)
		}
		live = nil
	}
	j.began = time.Now()
	if live == nil {
		created, err := api.ServiceCreate(ctx, docker.ServiceCreateOptions{Spec: wanted, QueryRegistry: true})
		if err != nil {
			return "", fmt.Errorf("make the service %s: %w", wanted.Name, err)
		}
		return created.ID, nil
	}
	if kindOf(wanted.Mode) == "job" && live.Spec.Labels[labelContent] == wanted.Labels[labelContent] {
		return live.ID, nil // any change would run it again
	}
	j.previous = true
	o := docker.ServiceUpdateOptions{Version: live.Version, Spec: wanted, QueryRegistry: true}
	// A tag that has moved since is no reason to replace tasks: the image stays until another is asked for.
	if live.Spec.Labels[labelImage] == wanted.Labels[labelImage] && live.Spec.TaskTemplate.ContainerSpec != nil {
		if image := live.Spec.TaskTemplate.ContainerSpec.Image; image == wanted.Labels[labelImage] || strings.HasPrefix(image, wanted.Labels[labelImage]+"@") {
			container := *wanted.TaskTemplate.ContainerSpec
			container.Image = image
			o.Spec.TaskTemplate.ContainerSpec, o.QueryRegistry = &container, false
		}
	}
	o.Spec.TaskTemplate.ForceUpdate = live.Spec.TaskTemplate.ForceUpdate
	if _, err := api.ServiceUpdate(ctx, live.ID, o); err != nil {
		return live.ID, fmt.Errorf("change the service %s: %w", wanted.Name, err)
	}
	return live.ID, nil
}

func kindOf(m swarm.ServiceMode) string {
	switch {
	case m.Global != nil:
		return "global"
	case m.ReplicatedJob != nil, m.GlobalJob != nil:
		return "job"
	default:
		return "replicated"
	}
}

// service finds a service by its whole name; nil without an error is none.
func service(ctx context.Context, api *docker.Client, name string) (*swarm.Service, error) {
	got, err := api.ServiceList(ctx, docker.ServiceListOptions{Filters: docker.Filters{}.Add("name", name)})
	if err != nil {
		return nil, fmt.Errorf("look for the service %s: %w", name, err)
	}
	for i := range got.Items { // the filter takes all that begin like this
		if got.Items[i].Spec.Name == name {
			return &got.Items[i], nil
		}
	}
	return nil, nil
}

// live records how the Swarm has what was written.
func (j *job) live(ctx context.Context, id string) error {
	return j.api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceInspect(ctx, id, docker.ServiceInspectOptions{})
		if err != nil {
			return fmt.Errorf("read the service back: %w", err)
		}
		sum, err := serviceDigest(got.Service.Spec)
		if err != nil {
			return err
		}
		j.spec.Live = map[string]string{kindService + got.Service.Spec.Name: sum}
		return nil
	})
}
