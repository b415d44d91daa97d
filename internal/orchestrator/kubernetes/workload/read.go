package workload

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/clusterform/clusterform/planner/resource"
)

// madeByUs selects what workloads are made of.
const madeByUs = "app.kubernetes.io/managed-by=" + fieldManager

// Read compares what is ours in the recorded objects with what is recorded: with one list for each kind and namespace of a
// cluster. A cluster that does not answer is a warning: it may be about to be repaired.
func (d *Driver) Read(ctx context.Context, rt resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	groups := map[resource.Address][]int{}
	for i, rec := range recorded {
		groups[rec.Cluster] = append(groups[rec.Cluster], i)
	}
	out := make([]resource.Observation, len(recorded))
	var wg sync.WaitGroup
	for cluster, places := range groups {
		wg.Go(func() {
			var list []*resource.Record
			for _, i := range places {
				list = append(list, recorded[i])
			}
			for n, o := range d.readCluster(ctx, rt, cluster, list) {
				out[places[n]] = o
			}
		})
	}
	wg.Wait()
	return out, ctx.Err()
}

func (d *Driver) readCluster(ctx context.Context, rt resource.Runtime, cluster resource.Address, recorded []*resource.Record) []resource.Observation {
	out := make([]resource.Observation, 0, len(recorded))
	warn := func(text string) []resource.Observation {
		for _, rec := range recorded {
			out = append(out, resource.Observation{
				Address: rec.Address, ID: rec.ID, Status: resource.Present, Object: new(rec.Object), Phase: resource.PhaseReady, Warning: text,
			})
		}
		return out
	}
	if rt.WaitLaunched() && !ready(rt, cluster) {
		return warn("") // nothing was applied, and nobody is called
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	a, err := d.connect(ctx, rt, cluster)
	if err != nil {
		return warn(unread(cluster, err))
	}
	found, err := a.find(ctx, recorded)
	if err != nil {
		return warn(unread(cluster, err))
	}
	for _, rec := range recorded {
		out = append(out, found.observe(rec))
	}
	return out
}

func unread(cluster resource.Address, err error) string {
	return fmt.Sprintf("the workloads of %s were not read, and are taken to be as recorded: %s", cluster, firstLine(err))
}

func live(s resource.Spec) map[string]string {
	switch s := s.(type) {
	case *resource.Workload:
		return s.Live
	case *resource.Manifest:
		return s.Live
	}
	return nil
}

// place is a list of objects.
type place struct {
	gvk       schema.GroupVersionKind
	namespace string
}

// found are the objects that exist, by place and key.
type found map[place]map[key]*unstructured.Unstructured

// find reads the objects of the records; those of workloads, and of manifests of which there are many, list by list.
func (a *api) find(ctx context.Context, recorded []*resource.Record) (found, error) {
	const few = 3 // up to so many manifests of a kind are asked for by name
	wanted := map[place][]key{}
	selector := map[place]string{}
	for _, rec := range recorded {
		for _, k := range keysOf(rec.Spec) {
			p := place{gvkOf(rec.Spec, k.kind), k.namespace}
			if _, manifest := rec.Spec.(*resource.Manifest); manifest {
				selector[p] = "" // they have the labels of the files
			} else if _, known := selector[p]; !known && len(wanted[p]) == 0 {
				selector[p] = madeByUs
			}
			wanted[p] = append(wanted[p], k)
		}
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		first error
	)
	out := found{}
	places := make(chan struct{}, 8)
	for p, keys := range wanted {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			one := map[key]*unstructured.Unstructured{}
			var err error
			if selector[p] != "" || len(keys) > few {
				err = a.list(ctx, p, selector[p], one)
			}
			for _, k := range keys { // whose label was taken off, and the few
				if one[k] == nil && err == nil {
					one[k], err = a.lookUp(ctx, p.gvk, k)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out[p] = one
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	return out, first
}

func (a *api) list(ctx context.Context, p place, selector string, into map[key]*unstructured.Unstructured) error {
	objects, err := a.in(p.gvk, p.namespace)
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for next := ""; ; {
		list, err := objects.List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: 500, Continue: next})
		if err != nil {
			return err
		}
		for i := range list.Items {
			u := &list.Items[i]
			into[key{p.gvk.Kind, p.namespace, u.GetName()}] = u
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

// lookUp gets an object; nil when there is none.
func (a *api) lookUp(ctx context.Context, gvk schema.GroupVersionKind, k key) (*unstructured.Unstructured, error) {
	u, err := a.get(ctx, gvk, k)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	return u, err
}

// observe compares one block with what was found of it.
func (f found) observe(rec *resource.Record) resource.Observation {
	o := resource.Observation{Address: rec.Address, ID: rec.ID, Status: resource.Present, Phase: resource.PhaseReady}
	obj := rec.Object
	obj.Spec = resource.Clone(rec.Spec)
	is := map[string]string{}
	var reasons, missing []string
	keys := keysOf(rec.Spec)
	before := live(rec.Spec)
	for _, k := range keys {
		u := f[place{gvkOf(rec.Spec, k.kind), k.namespace}][k]
		if u == nil || u.GetDeletionTimestamp() != nil && k.kind != "Namespace" {
			missing = append(missing, k.text())
			continue
		}
		if before[k.String()] == "" && before != nil && rec.Incomplete {
			continue // was there before a change that failed; the next one removes it
		}
		is[k.String()] = liveDigest(u)
		if before[k.String()] != is[k.String()] {
			if who := changedBy(u, rec.UpdatedAt.Truncate(time.Second)); who != "" {
				reasons = append(reasons, k.text()+": "+who)
			}
		}
	}
	if len(missing) == len(keys) {
		o.Status = resource.Gone
		if o.Reason = "deleted outside clusterform"; len(before) == 0 {
			o.Reason = "it was not applied yet"
		}
		return o
	}
	for _, m := range missing {
		reasons = append(reasons, m+" was deleted outside clusterform")
	}
	switch s := obj.Spec.(type) {
	case *resource.Workload:
		s.Live = is
	case *resource.Manifest:
		s.Live = is
	}
	o.Object = &obj
	o.Reason = strings.Join(reasons, "; ")
	return o
}
