package drivers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	parameterLeader      = orchestrator.ControlPlanePath + orchestrator.ParameterLeader
	parameterInitialised = orchestrator.ControlPlanePath + orchestrator.ParameterInitialised
	parameterNames       = orchestrator.ControlPlanePath + orchestrator.ParameterNames
)

// publishTimeout bounds what is written for nodes that were just launched, also when the run is being stopped.
const publishTimeout = time.Minute

// endpoints is what this command knows of a control plane's instances beyond what EC2 lists: those it launched, which may
// not be listed yet, and those it ended, which may be listed still.
type endpoints struct {
	publishing turn // held while parameters are written, so that a later list is not overwritten by an older one
	written    map[string]string

	// published: what is in the Parameter Store is what this command knows. listed are the instances that EC2 listed at
	// listedAt.
	published bool
	listed    map[string]string
	listedAt  time.Time

	mu       sync.Mutex
	launched map[resource.Address]*resource.Record
	ended    map[string]bool
	// leader is who was named to initialise the cluster, as far as this command knows: nobody else names one meanwhile.
	leader string
}

func (e *endpoints) knownLeader() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leader
}

func (e *endpoints) setLeader(instance string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leader = instance
}

// note remembers a control-plane node with its instance. Another instance at the address before is of no use any more.
func (e *endpoints) note(rec *resource.Record) (news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.launched == nil {
		e.launched, e.ended = map[resource.Address]*resource.Record{}, map[string]bool{}
	}
	old := e.launched[rec.Address]
	news = old == nil || old.ID != rec.ID || addressOf(old) != addressOf(rec)
	if old != nil && old.ID != rec.ID && old.Generation == rec.Generation {
		e.ended[old.ID] = true // it never ran; one of an older generation waits for its removal
	}
	e.launched[rec.Address] = rec
	return news
}

// end forgets an instance.
func (e *endpoints) end(instance string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended == nil {
		e.launched, e.ended = map[resource.Address]*resource.Record{}, map[string]bool{}
	}
	e.ended[instance] = true
	for a, rec := range e.launched {
		if rec.ID == instance {
			delete(e.launched, a)
		}
	}
}

// merge completes a list of instances, by id with their private addresses.
func (e *endpoints) merge(listed map[string]string) map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, rec := range e.launched {
		if ip := addressOf(rec); ip != "" || listed[rec.ID] == "" {
			listed[rec.ID] = ip
		}
	}
	for id := range e.ended {
		delete(listed, id)
	}
	return listed
}

// live are the public and private addresses of what this command launched.
func (e *endpoints) live() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, rec := range e.launched {
		if n, ok := rec.Spec.(*resource.Node); ok {
			out = append(out, n.PublicAddr, n.PrivateIP)
		}
	}
	slices.Sort(out)
	return out
}

// order are the ids of the instances launched, by address.
func (e *endpoints) order() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var recs []*resource.Record
	for _, rec := range e.launched {
		recs = append(recs, rec)
	}
	slices.SortFunc(recs, func(a, b *resource.Record) int { return resource.Compare(a.Address, b.Address) })
	var out []string
	for _, rec := range recs {
		out = append(out, rec.ID)
	}
	return out
}

func addressOf(rec *resource.Record) string {
	if n, ok := rec.Spec.(*resource.Node); ok {
		return n.PrivateIP
	}
	return ""
}

// members are the control plane's instances that there are, by id with their private addresses.
func (c *cluster) members(ctx context.Context) (map[string]string, error) {
	all, err := c.opts.Cloud.Machines(ctx, c.region, c.uid, c.controlPlanePool())
	if err != nil {
		return nil, err
	}
	listed := make(map[string]string, len(all))
	for _, m := range all {
		listed[m.ID] = m.PrivateIP
	}
	return c.endpoints.merge(listed), nil
}

// listed is members for what is published: a list of a moment ago does. e.publishing is held.
func (c *cluster) listed(ctx context.Context) (map[string]string, error) {
	e := &c.endpoints
	if time.Since(e.listedAt) < freshFor {
		return e.merge(maps.Clone(e.listed)), nil
	}
	asked := time.Now()
	members, err := c.members(ctx)
	if err != nil {
		return nil, err
	}
	e.listed, e.listedAt = maps.Clone(members), asked
	return members, nil
}

// publish writes what nodes need to find the control plane: its addresses, the names of its certificate, and who
// initialises it, as long as nobody did. It may be repeated at any time.
func (c *cluster) publish(ctx context.Context, rt recorded) error {
	e := &c.endpoints
	e.publishing.Lock()
	defer e.publishing.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	e.published = false
	members, err := c.listed(ctx)
	if err != nil {
		return err
	}
	var ips []string
	for _, ip := range members {
		ips = append(ips, ip)
	}
	slices.Sort(ips)
	list := strings.Join(unique(ips), ",")
	for _, path := range []string{orchestrator.ControlPlanePath, orchestrator.WorkerPath} {
		if err := c.write(ctx, path+orchestrator.ParameterEndpoints, list); err != nil {
			return err
		}
	}
	if err := c.writeNames(ctx, rt); err != nil {
		return err
	}
	if err := c.lead(ctx, members); err != nil {
		return err
	}
	e.published = true
	return nil
}

// isPublished tells whether nodes find what this command knows.
func (c *cluster) isPublished() bool {
	c.endpoints.publishing.Lock()
	defer c.endpoints.publishing.Unlock()
	return c.endpoints.published
}

// write puts a value that is not there yet as far as this command knows; e.publishing is held.
func (c *cluster) write(ctx context.Context, name, value string) error {
	if old, ok := c.endpoints.written[name]; ok && old == value {
		return nil
	}
	if err := c.parameters.Put(ctx, name, value); err != nil {
		return err
	}
	if c.endpoints.written == nil {
		c.endpoints.written = map[string]string{}
	}
	c.endpoints.written[name] = value
	return nil
}

func (c *cluster) writeNames(ctx context.Context, rt recorded) error {
	names := c.fixedNames(ctx, rt)
	if len(names) == 0 {
		return nil
	}
	return c.write(ctx, parameterNames, strings.Join(names, ","))
}

// republishNames follows an address or balancer that was made after the nodes were launched.
func (c *cluster) republishNames(ctx context.Context, rt recorded) error {
	c.endpoints.publishing.Lock()
	defer c.endpoints.publishing.Unlock()
	return c.writeNames(ctx, rt)
}

// lead names the instance that initialises the cluster. One that was named before keeps the office as long as it is there.
func (c *cluster) lead(ctx context.Context, members map[string]string) error {
	if done, err := c.initialised(ctx); done || err != nil {
		return err
	}
	candidates := c.endpoints.order()
	if len(candidates) == 0 {
		for id := range members {
			candidates = append(candidates, id)
		}
		slices.Sort(candidates)
	}
	if len(candidates) == 0 {
		return nil
	}
	leader := c.endpoints.knownLeader()
	if leader == "" {
		got, err := c.parameters.Get(ctx, parameterLeader)
		if err != nil {
			return err
		}
		leader = got[parameterLeader]
	}
	if _, there := members[leader]; !there {
		leader = candidates[0]
		if err := c.parameters.Put(ctx, parameterLeader, leader); err != nil {
			return err
		}
	}
	c.endpoints.setLeader(leader)
	return nil
}

// freshFor is how long an answer of the cloud is good for the next step of the same work.
const freshFor = 5 * time.Second

// initialised tells whether the cluster's API ever answered. That it did is asked only once; that it did not is taken for
// true no longer than one step takes to follow another.
func (c *cluster) initialised(ctx context.Context) (bool, error) {
	c.mu.Lock()
	known, fresh := c.initialisedCached, time.Since(c.uninitialisedAt) < freshFor
	c.mu.Unlock()
	if known || fresh {
		return known, nil
	}
	asked := time.Now()
	got, err := c.parameters.Get(ctx, parameterInitialised)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.initialisedCached { // another may have marked it meanwhile
		c.initialisedCached, c.uninitialisedAt = got[parameterInitialised] != "", asked
	}
	return c.initialisedCached, nil
}

// markInitialised records that a control-plane node serves: from now on nobody initialises, all join.
func (c *cluster) markInitialised(ctx context.Context) error {
	if done, err := c.initialised(ctx); done || err != nil {
		return err
	}
	if _, err := c.parameters.Create(ctx, parameterInitialised, c.opts.Now().UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	c.mu.Lock()
	c.initialisedCached = true
	c.mu.Unlock()
	return nil
}

// startAnew makes a cluster whose control-plane nodes are all gone one that is to be initialised, and tells whether it was
// such a one. Nodes recorded a short while ago may not be listed yet: they count as there.
func (c *cluster) startAnew(ctx context.Context, rt recorded) (bool, error) {
	done, err := c.initialised(ctx)
	if !done || err != nil {
		return false, err
	}
	members, err := c.members(ctx)
	if err != nil || len(members) > 0 {
		return false, err
	}
	for _, rec := range c.controlPlaneRecords(rt) {
		if c.opts.Now().Sub(rec.UpdatedAt) < listedAfter && !c.endpoints.isEnded(rec.ID) {
			return false, nil
		}
	}
	if err := c.parameters.Delete(ctx, parameterInitialised, parameterLeader); err != nil {
		return false, err
	}
	c.mu.Lock()
	c.initialisedCached = false
	c.mu.Unlock()
	c.endpoints.setLeader("")
	return true, nil
}

// listedAfter is when an instance is on EC2's lists for sure.
const listedAfter = 2 * time.Minute

func (e *endpoints) isEnded(instance string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended[instance]
}
