package planner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// lookups asks each question once in a run of Make.
type lookups struct {
	req    Request
	zones  map[string]zonesAnswer
	images map[[2]string]imageAnswer
	finds  map[findKey]findAnswer
	uids   map[resource.Address]string
	// endpoints are the URLs of the services by region; they are kept in the plan, where they are not AWS's own.
	endpoints map[string]endpointAnswer
	softwares map[softwareKey]softwareAnswer
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
	endpointAnswer struct {
		url string
		err error
	}
	softwareKey struct {
		region          string
		orchestrator    hclconfig.Orchestrator
		version, bundle string
	}
	softwareAnswer struct {
		software *resource.Software
		err      error
	}
)

func newLookups(req Request) *lookups {
	return &lookups{
		req: req, zones: map[string]zonesAnswer{}, images: map[[2]string]imageAnswer{}, finds: map[findKey]findAnswer{},
		uids: map[resource.Address]string{}, endpoints: map[string]endpointAnswer{}, softwares: map[softwareKey]softwareAnswer{},
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

// software resolves what the nodes of a cluster download; looked is false where nothing was given to look it up with, as in
// tests and tools that only compare.
func (l *lookups) software(ctx context.Context, c *cluster) (found *resource.Software, looked bool, err error) {
	by, ok := l.req.Lookup.(SoftwareLookup)
	if !ok {
		return nil, false, nil
	}
	key := softwareKey{c.Region, c.Orchestrator, c.Version, c.Bundle}
	a, known := l.softwares[key]
	if !known {
		l.req.Progress(fmt.Sprintf("Looking up the software of %s %s", c.Orchestrator, c.Version))
		a.software, a.err = by.Software(ctx, c.Region, c.Orchestrator, c.Version, c.Bundle)
		l.softwares[key] = a
	}
	return a.software, true, a.err
}

// endpoint is the URL of a region's services as nodes reach them; "" for AWS's own.
func (l *lookups) endpoint(ctx context.Context, region string) (string, error) {
	by, ok := l.req.Lookup.(SoftwareLookup)
	if !ok {
		return "", nil
	}
	a, known := l.endpoints[region]
	if !known {
		a.url, a.err = by.Endpoint(ctx, region)
		l.endpoints[region] = a
	}
	return a.url, a.err
}
