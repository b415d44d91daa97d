// Package resource holds the data that planner, state, apply engine and drivers hand to one another: addresses, the kinds
// of objects, what is recorded of each, what a change of one is, and the interface of the drivers that carry changes out.
//
// It is data and small pure functions on it. What decides on changes is package planner; what carries them out is
// internal/apply with the drivers of internal/aws; what keeps records on disk is internal/state.
package resource

import "time"

// Kind names a kind of resource. The strings stand in state files, plans and output.
type Kind string

// The kinds that this version knows.
const (
	KindVPC                  Kind = "vpc"
	KindSubnet               Kind = "subnet"
	KindInternetGateway      Kind = "internet_gateway"
	KindRouteTable           Kind = "route_table"
	KindSecurityGroup        Kind = "security_group"
	KindSecurityGroupRules   Kind = "security_group_rules"
	KindRole                 Kind = "role"
	KindElasticIP            Kind = "elastic_ip"
	KindElasticIPAssociation Kind = "elastic_ip_association"
	KindLoadBalancer         Kind = "load_balancer"
	KindLoadBalancerTarget   Kind = "load_balancer_target"
	KindNode                 Kind = "node"
	KindCredentials          Kind = "credentials"
	KindWorkload             Kind = "workload"
	KindManifest             Kind = "manifest"
)

// Ref points to another object: normally its Address; a literal cloud id (vpc-0123…) only where reality shows an object
// that is not ours. The id behind an Address is looked up when a step runs, so a plan never holds ids that do not exist yet.
type Ref string

// Object is one object as it is wanted, recorded or observed.
type Object struct {
	Address Address `json:"address"`
	Kind    Kind    `json:"kind"`
	// Cluster is the address of the cluster the object belongs to, UID that cluster's identity. Everything on AWS is
	// tagged with the UID and never found by name alone.
	Cluster Address `json:"cluster"`
	UID     string  `json:"uid"`
	Region  string  `json:"region"`
	// ID is the cloud's id; empty before the object exists.
	ID   string `json:"id,omitempty"`
	Spec Spec   `json:"spec"`
}

// Record is what the state remembers of one object.
type Record struct {
	Object
	// Generation counts the objects that stood at this address, from 1; a replacement has the next one.
	Generation int `json:"generation"`
	// Phase is where a node is on its way; empty for other kinds.
	Phase Phase `json:"phase,omitempty"`
	// Tainted asks the next plan to replace the object.
	Tainted bool `json:"tainted,omitempty"`
	// Incomplete says that a create or an update ended part-way: LastError has the reason, the next plan goes on.
	Incomplete bool   `json:"incomplete,omitempty"`
	LastError  string `json:"last_error,omitempty"`
	// Protected is lifecycle.prevent_destroy as last applied: it holds when the block is gone.
	Protected bool `json:"protected,omitempty"`
	// DependsOn are the explicit dependencies; those that follow from Refs of the Spec are not repeated here.
	DependsOn []Address `json:"depends_on,omitempty"`
	// Deposed says that the object was replaced at its address and only waits for its removal.
	Deposed   bool      `json:"deposed,omitempty"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Phase is where a node is between launch and removal.
type Phase string

// The phases in their order. Without an orchestrator's agents, a node is ready when its instance runs.
const (
	PhaseLaunching Phase = "launching"
	PhaseBooting   Phase = "booting"
	PhaseJoining   Phase = "joining"
	PhaseReady     Phase = "ready"
	PhaseDraining  Phase = "draining"
	PhaseRemoved   Phase = "removed"
)

// Operation is what a driver is asked to do with an object.
type Operation string

// The operations.
const (
	Create Operation = "create"
	Update Operation = "update"
	Delete Operation = "delete"
)

// Intent is written to the journal before a call that changes the cloud. Its token (an AWS client token where the call
// takes one, and a tag in any case) finds what the call made, also for another process after a crash.
type Intent struct {
	// Seq is given by the journal.
	Seq       uint64    `json:"seq,omitempty"`
	Operation Operation `json:"operation"`
	Kind      Kind      `json:"kind"`
	UID       string    `json:"uid"`
	Region    string    `json:"region"`
	// Addresses are the objects the call is about: one, or every node of a launch, in the order of their ordinals.
	Addresses []Address `json:"addresses"`
	// Settled are those of Addresses that have an outcome already, filled in by the state; an intent of which all are
	// settled is closed. Addresses stays whole, since a launch is only issued again with the parameters it had.
	Settled []Address `json:"settled,omitempty"`
	// IDs are the cloud ids of an update or delete, in step with Addresses.
	IDs        []string `json:"ids,omitempty"`
	Token      string   `json:"token,omitempty"`
	Generation int      `json:"generation,omitempty"`
	// Attempt counts the tries with other parameters (a next instance type, a next zone), from 0.
	Attempt int `json:"attempt,omitempty"`
	// Detail is what a person should know and what a recovery needs beyond the rest (zone and instance type of a launch).
	Detail map[string]string `json:"detail,omitempty"`
	At     time.Time         `json:"at"`
}
