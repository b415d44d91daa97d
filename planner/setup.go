package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/clusterform/clusterform/planner/resource"
)

// Digest is of what is asked of a node, and not of the text that carries it out: another release's script for the same thing
// has the same Digest, so that nodes which do what they should are not replaced for it.
//
// What is in here must stay as it is, release after release; a setting that is new is left out while it has its default.
func (in NodeSetup) Digest() string {
	c := in.Cluster
	o := c.Network.Overlay
	asked := struct {
		Orchestrator string             `json:"orchestrator"`
		Version      string             `json:"version,omitempty"`
		Cluster      string             `json:"cluster"`
		UID          string             `json:"uid"`
		Role         string             `json:"role"`
		Pool         string             `json:"pool"`
		Software     *resource.Software `json:"software,omitempty"`
		Endpoint     string             `json:"endpoint,omitempty"`
		Overlay      string             `json:"overlay,omitempty"`
		Encrypted    bool               `json:"encrypted,omitempty"`
		PodCIDR      string             `json:"pod_cidr,omitempty"`
		ServiceCIDR  string             `json:"service_cidr,omitempty"`
		MTU          int                `json:"mtu,omitempty"`
		Schedulable  bool               `json:"schedulable,omitempty"`
		UserData     string             `json:"user_data,omitempty"`
	}{
		Orchestrator: string(c.Orchestrator), Version: c.Version, Cluster: c.Name, UID: in.UID, Role: in.Role, Pool: in.Pool, Software: in.Software,
		Endpoint: in.Endpoint, Overlay: o.Backend, Encrypted: o.Encrypted, UserData: in.Extra,
	}
	if in.Role == roleControlPlane {
		asked.PodCIDR, asked.ServiceCIDR, asked.MTU, asked.Schedulable = o.PodCIDR, o.ServiceCIDR, o.MTU, c.ControlPlane.Schedulable
	}
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err) // texts, numbers and flags alone
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ofItsOwn gives a node that is to be made the user-data of now: an earlier one, which its predecessor keeps because it asks for
// the same or because ignore_changes says so, has a text that nobody has any more.
func (p *planning) ofItsOwn(w *want, spec resource.Spec) resource.Spec {
	n, isNode := spec.(*resource.Node)
	if !isNode || w.group == nil || n.UserData == "" || n.UserData == w.group.userData {
		return spec
	}
	if _, has := p.wanted.blobs[n.UserData]; has {
		return spec
	}
	n = resource.Clone(n)
	n.UserData, n.Setup = w.group.userData, w.group.setup
	return n
}

// setups brings what nodes are recorded to be asked for up to date where their text is as wanted all the same: a record of an
// earlier release has none.
func (p *planning) setups() {
	for i := range p.wanted.list {
		w := &p.wanted.list[i]
		n, isNode := w.spec.(*resource.Node)
		if !isNode || n.Setup == "" || !p.asked(w.address) {
			continue
		}
		rec, gone := p.current.at(w.address)
		if rec == nil || gone || p.current.moved[w.address] != "" || p.changes.changes(w.address) {
			continue
		}
		if is, ok := rec.Spec.(*resource.Node); ok && is.UserData == n.UserData && is.Setup != n.Setup {
			seen, spec := rec.Object, resource.Clone(is)
			spec.Setup = n.Setup
			seen.Spec = spec
			p.plan.Refreshed = append(p.plan.Refreshed, Drift{Address: w.address, Kind: rec.Kind, ID: rec.ID, Observed: &seen})
		}
	}
}

// changes tells whether something is done with the object at an address.
func (c *changes) changes(a resource.Address) bool {
	_, made := c.makes[a]
	_, deleted := c.deletes[a]
	_, moved := c.moves[a]
	return made || deleted || moved
}
