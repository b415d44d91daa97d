package resource

import "encoding/json"

// Snapshot is everything recorded: what internal/state keeps on disk and package planner compares with. It is treated
// as immutable by all readers; writers replace entries, never change what an entry points to.
type Snapshot struct {
	// Lineage is a UUID made with the first state; two states of different lineage never mix.
	Lineage string
	// Serial grows by one with every run that changed something.
	Serial   uint64
	Clusters map[Address]ClusterRecord
	// Records has the current object of each address; Deposed those replaced and not removed yet.
	Records map[Address]*Record
	Deposed map[Address][]*Record
	Outputs map[string]OutputRecord
	// Intents are open: announced before a call, without an outcome. Normally there are none.
	Intents []Intent
}

// ClusterRecord is a cluster's identity.
type ClusterRecord struct {
	UID          string `json:"uid"`
	Region       string `json:"region"`
	Orchestrator string `json:"orchestrator,omitempty"`
	// DefaultVersion is the orchestrator's version for as long as the cluster's block names none: that of the first plan, so
	// that a newer clusterform upgrades nothing by itself.
	DefaultVersion string `json:"default_version,omitempty"`
	// Images are the resolved image ids by the reference asked for ("ssm:/aws/…"): a newer image alone plans nothing.
	Images map[string]string `json:"images,omitempty"`
	// Software is what nodes download, by SoftwareKey: once resolved it stays, so that user-data does not change because a
	// mirror did.
	Software map[string]*Software `json:"software,omitempty"`
}

// OutputRecord is an output's value. A sensitive one is only kept sealed.
type OutputRecord struct {
	// Value and Type are cty's JSON forms; Value is empty when sealed.
	Value     json.RawMessage `json:"value,omitempty"`
	Type      json.RawMessage `json:"type"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Sealed    string          `json:"sealed,omitempty"`
}

// NewSnapshot returns an empty one.
func NewSnapshot(lineage string) *Snapshot {
	return &Snapshot{
		Lineage:  lineage,
		Clusters: map[Address]ClusterRecord{},
		Records:  map[Address]*Record{},
		Deposed:  map[Address][]*Record{},
		Outputs:  map[string]OutputRecord{},
	}
}
