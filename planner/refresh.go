package planner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/clusterform/clusterform/planner/resource"
)

// readerKey is what one driver reads.
type readerKey struct {
	region string
	kind   resource.Kind
}

func (k readerKey) compare(o readerKey) int {
	return cmp.Or(strings.Compare(k.region, o.region),
		cmp.Compare(slices.Index(resource.Kinds(), k.kind), slices.Index(resource.Kinds(), o.kind)))
}

// refresh reads everything recorded, one call of each driver, and notes how reality differs from the record.
func (p *planning) refresh(ctx context.Context) {
	p.seen = newView(p.req.State)
	if p.req.Drivers == nil {
		return
	}
	groups, uids := p.readGroups()
	if len(groups) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(groups), readerKey.compare)
	p.req.Progress(fmt.Sprintf("Reading %s", plural(len(p.req.State.Records), "recorded object", "recorded objects")))
	rt := newReader(p.req.State)
	results := make([][]resource.Observation, len(keys))
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() {
			d, err := p.req.Drivers.Driver(k.region, k.kind)
			if err == nil {
				results[i], err = d.Read(ctx, rt, uids[k.region], groups[k])
			}
			errs[i] = err
		})
	}
	wg.Wait()
	p.refreshErrors(keys, errs)
	for i := range keys {
		p.observe(groups[keys[i]], results[i])
	}
}

// readGroups sorts the recorded objects by driver. The nodes of every cluster are read even when none is recorded, so
// that instances tagged as ours are found; of a cluster without a recorded VPC every kind is, because its first run ended
// before it could record much.
func (p *planning) readGroups() (groups map[readerKey][]*resource.Record, uids map[string][]string) {
	groups, uids = map[readerKey][]*resource.Record{}, map[string][]string{}
	started := map[string]bool{}
	for _, r := range p.req.State.Records {
		if r.Kind == resource.KindVPC {
			started[r.UID] = true
		}
	}
	seen := map[[2]string]bool{}
	cluster := func(uid, region string) {
		if uid == "" || seen[[2]string{uid, region}] {
			return
		}
		seen[[2]string{uid, region}] = true
		uids[region] = append(uids[region], uid)
		kinds := []resource.Kind{resource.KindNode}
		if !started[uid] {
			kinds = slices.DeleteFunc(resource.Kinds(), func(k resource.Kind) bool {
				return isWork(k) || k == resource.KindCredentials && p.req.Orchestration == nil
			})
		}
		for _, kind := range kinds {
			if k := (readerKey{region, kind}); groups[k] == nil {
				groups[k] = []*resource.Record{}
			}
		}
	}
	for _, c := range p.req.State.Clusters {
		cluster(c.UID, c.Region)
	}
	add := func(r *resource.Record) {
		cluster(r.UID, r.Region)
		k := readerKey{r.Region, r.Kind}
		groups[k] = append(groups[k], r)
	}
	for _, r := range p.req.State.Records {
		add(r)
	}
	for _, list := range p.req.State.Deposed {
		for _, r := range list {
			add(r)
		}
	}
	for _, list := range groups {
		slices.SortFunc(list, func(a, b *resource.Record) int {
			return cmp.Or(resource.Compare(a.Address, b.Address), strings.Compare(a.ID, b.ID))
		})
	}
	for _, list := range uids {
		slices.Sort(list)
	}
	return groups, uids
}

// refreshErrors tells each error once: missing credentials hit every driver.
func (p *planning) refreshErrors(keys []readerKey, errs []error) {
	told := map[string]bool{}
	for i, err := range errs {
		if err == nil || told[callText(err)] {
			continue
		}
		told[callText(err)] = true
		p.fail(nil, "", "Cannot read what exists",
			"Reading the objects of kind %s in %s failed: %s\n\nNothing was changed. When the endpoint cannot be reached on purpose, plan from the record alone with -refresh=false.",
			keys[i].kind, keys[i].region, callText(err))
	}
}

// observe notes what differs.
func (p *planning) observe(recorded []*resource.Record, found []resource.Observation) {
	byID := make(map[string]*resource.Record, len(recorded))
	byAddress := make(map[resource.Address]*resource.Record, len(recorded))
	for _, r := range recorded {
		byID[r.ID] = r
		if !r.Deposed {
			byAddress[r.Address] = r
		}
	}
	for _, o := range found {
		if o.Unrecorded {
			p.orphan(o)
			continue
		}
		rec := byID[o.ID]
		if rec == nil || o.ID == "" {
			rec = byAddress[o.Address]
		}
		if rec != nil {
			p.observeRecord(rec, o)
		}
	}
}

func (p *planning) observeRecord(rec *resource.Record, o resource.Observation) {
	if o.Warning != "" {
		p.warnTitled(rec.Cluster, o.WarningTitle, o.Warning)
	}
	if isWork(rec.Kind) && (o.Warning != "" || o.Status == resource.Unread) {
		p.silent[rec.Cluster] = true
	}
	switch o.Status {
	case resource.Unread:
		text := "no reason given"
		if o.Err != nil {
			text = callText(o.Err)
		}
		if isWork(rec.Kind) { // the API may be away because its nodes are what this plan repairs
			p.warnUnasked(rec.Cluster, text)
			return
		}
		p.fail(nil, rec.Address, "Cannot read "+string(rec.Address),
			"%s %s was not read: %s\n\nNothing was changed. Plan again, or plan from the record alone with -refresh=false.", rec.Kind, rec.ID, text)
	case resource.Gone:
		p.isGone(rec, o.Reason)
	case resource.Present:
		if rec.Deposed || o.Object == nil {
			return
		}
		fields := resource.DiffObserved(rec.Spec, o.Object.Spec)
		computed := resource.DiffComputed(rec.Spec, o.Object.Spec)
		unwell := o.Reason != "" && o.Phase != resource.PhaseReady
		switch {
		case unwell && rec.Kind == resource.KindNode && o.Phase == resource.PhaseJoining:
			p.seen.dead[rec.Address] = o.Reason
		case unwell:
			p.seen.unwell[rec.Address] = o.Reason
		}
		if len(fields) == 0 && len(computed) == 0 {
			if unwell {
				p.plan.Drift = append(p.plan.Drift, Drift{Address: rec.Address, Kind: rec.Kind, ID: rec.ID, Reason: o.Reason, Observed: &rec.Object})
			}
			return
		}
		is := *rec
		is.Spec = resource.Clone(o.Object.Spec)
		resource.TakeUnobserved(is.Spec, rec.Spec)
		p.seen.correct(&is)
		d := Drift{
			Address: rec.Address, Kind: rec.Kind, ID: rec.ID, Reason: o.Reason, Fields: append(fields, computed...), Observed: &is.Object,
		}
		// What a run left half-done differs from the record without anybody's doing.
		if (len(fields) == 0 || rec.Incomplete) && !unwell && p.req.Mode != ModeRefreshOnly {
			p.plan.Refreshed = append(p.plan.Refreshed, d)
			return
		}
		p.plan.Drift = append(p.plan.Drift, d)
	}
}

// warnUnasked says once for each cluster what was noticed while reading: that its orchestrator could not be asked, or what
// does not work there.
func (p *planning) warnUnasked(cluster resource.Address, text string) {
	p.warnTitled(cluster, "", text)
}

func (p *planning) warnTitled(cluster resource.Address, title, text string) {
	if p.unasked == nil {
		p.unasked = map[[2]string]bool{}
	}
	key := [2]string{string(cluster), text}
	if p.unasked[key] {
		return
	}
	p.unasked[key] = true
	if !strings.Contains(text, string(cluster)) {
		text = string(cluster) + ": " + text
	}
	p.warning(nil, cluster, cmp.Or(title, "Noticed while reading"), "%s", text)
}

// isGone notes that a recorded object no longer exists.
func (p *planning) isGone(rec *resource.Record, reason string) {
	reason = cmp.Or(reason, "it no longer exists")
	p.plan.Drift = append(p.plan.Drift, Drift{Address: rec.Address, Kind: rec.Kind, ID: rec.ID, Gone: true, Reason: reason})
	if !rec.Deposed {
		p.seen.gone[rec.Address] = reason
		return
	}
	p.seen.dropDeposed(rec)
}

// orphan keeps what is tagged as ours and not recorded, unless an open intent accounts for it.
func (p *planning) orphan(o resource.Observation) {
	if o.Object == nil || o.Status != resource.Present {
		return
	}
	for _, in := range p.req.State.Intents {
		if in.Token != "" && in.Token == o.Token {
			return
		}
	}
	obj := *o.Object
	obj.ID = o.ID
	obj.Address = cmp.Or(o.Address, obj.Address)
	p.seen.digests[o.ID] = o.SpecDigest
	p.seen.orphans = append(p.seen.orphans, &resource.Record{Object: obj, Generation: 1, Phase: o.Phase})
}
