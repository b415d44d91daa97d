package planner

import (
	"maps"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// view is what exists, by address: the record, corrected by what was observed. Its maps are the snapshot's own until
// something differs.
type view struct {
	records  map[resource.Address]*resource.Record
	deposed  map[resource.Address][]*resource.Record
	clusters map[resource.Address]resource.ClusterRecord
	intents  []resource.Intent
	// before holds the records as they were, where reality differs.
	before map[resource.Address]*resource.Record
	// gone says why a recorded object no longer exists.
	gone map[resource.Address]string
	// unwell says what is wrong with an object that exists: "stopped outside clusterform".
	unwell map[resource.Address]string
	// dead says it of a node that cannot be started again in its place: "not Ready for 5m: …".
	dead map[resource.Address]string
	// orphans are objects tagged as ours that no record names.
	orphans []*resource.Record
	// digests are the SpecDigests of orphaned nodes by id.
	digests map[string]string
	// moved has the old address of what a moved block names.
	moved map[resource.Address]resource.Address

	ownRecords, ownsDeposed bool
}

func newView(s *resource.Snapshot) *view {
	return &view{
		records: s.Records, deposed: s.Deposed, clusters: s.Clusters, intents: s.Intents,
		before: map[resource.Address]*resource.Record{}, gone: map[resource.Address]string{}, unwell: map[resource.Address]string{}, dead: map[resource.Address]string{}, digests: map[string]string{},
	}
}

// at returns what exists at an address; gone says that it was recorded and no longer exists.
func (v *view) at(a resource.Address) (rec *resource.Record, gone bool) {
	rec = v.records[a]
	if rec == nil {
		return nil, false
	}
	if len(v.gone) > 0 {
		_, gone = v.gone[a]
	}
	return rec, gone
}

// correct replaces a record by what was observed.
func (v *view) correct(rec *resource.Record) {
	if !v.ownRecords {
		v.records, v.ownRecords = maps.Clone(v.records), true
	}
	v.before[rec.Address] = v.records[rec.Address]
	v.records[rec.Address] = rec
}

// dropDeposed forgets a deposed record that no longer exists.
func (v *view) dropDeposed(rec *resource.Record) {
	if !v.ownsDeposed {
		v.deposed, v.ownsDeposed = maps.Clone(v.deposed), true
	}
	rest := slices.DeleteFunc(slices.Clone(v.deposed[rec.Address]), func(r *resource.Record) bool { return r.ID == rec.ID })
	if len(rest) == 0 {
		delete(v.deposed, rec.Address)
		return
	}
	v.deposed[rec.Address] = rest
}
