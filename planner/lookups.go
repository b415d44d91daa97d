package planner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// lookups asks each question once in a run of Make.
type lookups struct {
	req    Request
	zones  map[string]zonesAnswer
	images map[[2]string]imageAnswer
	finds  map[findKey]findAnswer
	uids   map[resource.Address]string
}

type (
	zonesAnswer struct {
		names []string
		err   error
	}
	imageAnswer struct {
		id  string
		err error
	}
	findKey struct {
		region string
		kind   resource.Kind
		id     string
	}
	findAnswer struct {
		obj *resource.Object
		err error
	}
)

func newLookups(req Request) *lookups {
	return &lookups{
		req: req, zones: map[string]zonesAnswer{}, images: map[[2]string]imageAnswer{}, finds: map[findKey]findAnswer{},
		uids: map[resource.Address]string{},
	}
}

var errNoLookup = errors.New("nothing was given to look it up with")

func (l *lookups) zonesOf(ctx context.Context, region string) ([]string, error) {
	a, known := l.zones[region]
	if !known {
		a.err = errNoLookup
		if l.req.Lookup != nil {
			l.req.Progress("Looking up the zones of " + region)
			a.names, a.err = l.req.Lookup.Zones(ctx, region)
		}
		l.zones[region] = a
	}
	return a.names, a.err
}

// image resolves a reference. An id needs no call.
func (l *lookups) image(ctx context.Context, region, ref string) (string, error) {
	if strings.HasPrefix(ref, "ami-") {
		return ref, nil
	}
	key := [2]string{region, ref}
	a, known := l.images[key]
	if !known {
		a.err = errNoLookup
		if l.req.Lookup != nil {
			l.req.Progress("Looking up the image " + ref)
			a.id, a.err = l.req.Lookup.Image(ctx, region, ref)
			if a.err == nil && a.id == "" {
				a.err = fmt.Errorf("no image was found")
			}
		}
		l.images[key] = a
	}
	return a.id, a.err
}

func (l *lookups) find(ctx context.Context, region string, kind resource.Kind, id string) (*resource.Object, error) {
	key := findKey{region, kind, id}
	a, known := l.finds[key]
	if !known {
		a.err = errNoLookup
		if l.req.Find != nil {
			l.req.Progress("Reading " + id + " to import it")
			a.obj, a.err = l.req.Find(ctx, newReader(l.req.State), region, kind, id)
			if a.err == nil && a.obj == nil {
				a.err = fmt.Errorf("%s was not found in %s", id, region)
			}
		}
		l.finds[key] = a
	}
	return a.obj, a.err
}

// uid is the identity of a cluster that is not recorded yet.
func (l *lookups) uid(cluster resource.Address) string {
	if l.uids[cluster] == "" {
		l.uids[cluster] = l.req.NewUID()
	}
	return l.uids[cluster]
}
