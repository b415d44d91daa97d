package planner

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// Make plans. It reads reality and changes nothing. Without errors among the diagnostics the plan is complete; with
// errors there is none.
func Make(ctx context.Context, req Request) (*Plan, hclconfig.Diagnostics) {
	plan, diags := newPlanning(req).run(ctx)
	if req.Config != nil {
		diags = req.Config.InContext(diags)
	}
	return plan, diags
}

// run is the way from a request to a plan. A stage that finds errors is the last.
func (p *planning) run(ctx context.Context) (*Plan, hclconfig.Diagnostics) {
	for _, stage := range []func(context.Context){
		p.requests,  // which objects the user named
		p.refresh,   // what is really there
		p.recover,   // what interrupted runs left behind
		p.link,      // what belongs together of it
		p.settle,    // what is wanted, and what has to change for it
		p.order,     // what has to wait for what
		p.target,    // what of it was asked for
		p.preview,   // what clusters make of it
		p.endings,   // which clusters end with it
		p.outputs,   // what the outputs and checks say
		p.report,    // drift, recovered intents, protection
		p.summarise, // counts and estimates
		p.warn,      // what a person may not expect
	} {
		if stage(ctx); p.diags.HasErrors() {
			return nil, p.diags
		}
	}
	return p.plan, p.diags
}

// planning is one run of Make.
type planning struct {
	req      Request
	plan     *Plan
	diags    hclconfig.Diagnostics
	evaluate func(hclconfig.Computed) (*hclconfig.Desired, hclconfig.Diagnostics)

	// seen is the record corrected by reality; current is the same under the addresses of the configuration, which
	// moved blocks change. They are one map when nothing moved.
	seen    *view
	current *view
	// recoveries are what became of the open intents.
	recoveries []resource.Recovery
	// open are the intents by recorded address.
	open    map[resource.Address][]*resource.Intent
	lookups *lookups
	// unasked are clusters and reasons why their orchestrators could not be asked, each of which is told once.
	unasked map[[2]string]bool
	// silent are clusters whose workloads could not be read.
	silent map[resource.Address]bool
	// targets, excludes and replaced are the addresses that the user named.
	targets, excludes, replaced []resource.Address

	// plannedSubnets are those of a plan that is being applied, by cluster.
	plannedSubnets map[resource.Address][]*resource.Record

	// defaulted are the versions of clusters that name none.
	defaulted map[resource.Address]string

	// What follows is made anew by each turn of settle.
	desired *hclconfig.Desired
	turn    hclconfig.Diagnostics
	answers *answers
	wanted  *wanted
	changes *changes
}

func newPlanning(req Request) *planning {
	req.Mode = cmp.Or(req.Mode, ModeNormal)
	if req.Now.IsZero() {
		req.Now = time.Now()
	}
	if req.NewUID == nil {
		req.NewUID = newUID
	}
	if req.Progress == nil {
		req.Progress = func(string) {}
	}
	if req.State == nil {
		req.State = resource.NewSnapshot("")
	}
	p := &planning{req: req, lookups: newLookups(req), defaulted: map[resource.Address]string{}, silent: map[resource.Address]bool{}}
	p.evaluate = evaluateWith(req.Config)
	p.plan = &Plan{
		FormatVersion: FormatVersion, ToolVersion: req.ToolVersion, CreatedAt: req.Now.UTC(), Mode: req.Mode,
		Lineage: req.State.Lineage, Serial: req.State.Serial,
	}
	return p
}

// newUID makes the identity of a cluster: 16 hex digits.
func newUID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
