package planner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// recover looks up what the open intents of interrupted runs made. Without drivers nothing is looked up, and apply does
// it when it takes the intents up.
func (p *planning) recover(ctx context.Context) {
	groups := map[readerKey][]resource.Intent{}
	for _, in := range p.req.State.Intents {
		k := readerKey{in.Region, in.Kind}
		groups[k] = append(groups[k], in)
	}
	if len(groups) > 0 {
		p.req.Progress("Looking up what an interrupted run left")
	}
	for _, k := range slices.SortedFunc(maps.Keys(groups), readerKey.compare) {
		if p.req.Drivers == nil {
			for _, in := range groups[k] {
				p.recoveries = append(p.recoveries, resource.Recovery{Intent: in, Status: resource.Unread, Reason: "it was not looked up (-refresh=false)"})
			}
			continue
		}
		d, err := p.req.Drivers.Driver(k.region, k.kind)
		var found []resource.Recovery
		if err == nil {
			found, err = d.Recover(ctx, newReader(p.req.State), groups[k])
		}
		if err != nil {
			p.fail(nil, groups[k][0].Addresses[0], "Cannot look up what an interrupted run left",
				"An earlier run ended while it changed objects of kind %s in %s, and looking for them failed: %s\n\nNothing was changed. Plan again when the endpoint answers; the journal keeps what is needed.",
				k.kind, k.region, callText(err))
			continue
		}
		p.recoveries = append(p.recoveries, found...)
	}
	slices.SortStableFunc(p.recoveries, func(a, b resource.Recovery) int { return cmp.Compare(a.Intent.Seq, b.Intent.Seq) })
	p.open = map[resource.Address][]*resource.Intent{}
	for i := range p.recoveries {
		in := &p.recoveries[i].Intent
		for _, a := range in.Addresses {
			p.open[a] = append(p.open[a], in)
		}
		p.recoverDelete(p.recoveries[i])
	}
}

// recoverDelete notes as gone what an interrupted delete did remove.
func (p *planning) recoverDelete(r resource.Recovery) {
	if r.Intent.Operation != resource.Delete || r.Status == resource.Unread {
		return
	}
	for i, a := range r.Intent.Addresses {
		if r.Found[a] != nil || i >= len(r.Intent.IDs) {
			continue
		}
		const reason = "removed by the run that was interrupted"
		if rec := p.seen.records[a]; rec != nil && rec.ID == r.Intent.IDs[i] {
			if _, known := p.seen.gone[a]; !known {
				p.isGone(rec, reason)
			}
			continue
		}
		for _, rec := range p.seen.deposed[a] {
			if rec.ID == r.Intent.IDs[i] {
				p.isGone(rec, reason)
				break
			}
		}
	}
}

// openCreates finds the create intents that a new object of a generation at an address takes up.
type openCreates map[resource.Address][]openCreate

type openCreate struct {
	recovery *resource.Recovery
	found    *resource.Object
}

func (p *planning) openCreates() openCreates {
	if len(p.recoveries) == 0 {
		return nil
	}
	open := openCreates{}
	for i := range p.recoveries {
		r := &p.recoveries[i]
		if r.Intent.Operation != resource.Create || r.Status == resource.Gone && len(r.Found) == 0 {
			continue
		}
		for _, a := range r.Intent.Addresses {
			open[a] = append(open[a], openCreate{r, r.Found[a]})
		}
	}
	return open
}

// recovered explains an intent to the person who was interrupted. taken counts the steps that take it up, removed those
// that remove what it made; leave says that the plan does not care for everything.
func recovered(r resource.Recovery, taken, removed int, leave bool) Recovered {
	in := r.Intent
	what := describeAddresses(in.Addresses)
	begun := map[resource.Operation]string{resource.Create: "create", resource.Update: "change", resource.Delete: "remove"}[in.Operation]
	msg := fmt.Sprintf("An interrupted run had begun to %s %s", begun, what)
	found := slices.SortedFunc(maps.Keys(r.Found), resource.Compare)
	switch {
	case in.Operation == resource.Create && len(found) > 0 && taken > 0:
		msg += fmt.Sprintf("; %s found, which this plan takes up", foundText(r, found))
	case r.Status != resource.Gone && taken+removed == 0 && leave:
		msg += "; this plan leaves it as it is, and the next full one takes it up"
		r.Status = resource.Unread // keeps it open
	case in.Operation == resource.Create && removed > 0:
		msg += fmt.Sprintf("; %s found, and no longer wanted", foundText(r, found))
	case in.Operation == resource.Create && r.Status == resource.Gone:
		msg += "; nothing was made"
	case in.Operation == resource.Create && taken > 0:
		msg += "; it is looked for again, by the same token, before anything is made anew"
	case r.Status == resource.Unread:
		msg += "; what became of it is not known yet and the next plan looks again"
	case in.Operation == resource.Delete && r.Status == resource.Gone:
		msg += "; it is gone"
	default:
		msg += "; it is compared like everything else"
	}
	if r.Reason != "" {
		msg += " (" + r.Reason + ")"
	}
	return Recovered{Intent: in, Status: r.Status, Found: found, Message: msg + "."}
}

func foundText(r resource.Recovery, found []resource.Address) string {
	ids := make([]string, 0, 3)
	for _, a := range found[:min(3, len(found))] {
		ids = append(ids, r.Found[a].ID)
	}
	s := strings.Join(ids, ", ")
	if n := len(found) - len(ids); n > 0 {
		return fmt.Sprintf("%s and %d more were", s, n)
	}
	if len(found) == 1 {
		return s + " was"
	}
	return s + " were"
}

func describeAddresses(as []resource.Address) string {
	switch len(as) {
	case 0:
		return "objects"
	case 1:
		return string(as[0])
	default:
		return fmt.Sprintf("%s to %s (%d objects)", as[0], as[len(as)-1], len(as))
	}
}
