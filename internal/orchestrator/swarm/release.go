package swarm

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Release is one workload of a Swarm with all that belongs to it: what planning hands to package workload, which applies it.
type Release struct {
	Stack    string             `json:"stack"` // the namespace
	Name     string             `json:"name"`  // of the service within the stack
	Service  *Service           `json:"service"`
	Networks map[string]Network `json:"networks,omitempty"`
	Volumes  map[string]Volume  `json:"volumes,omitempty"`
	Configs  map[string][]byte  `json:"configs,omitempty"` // content by name
	Secrets  map[string][]byte  `json:"secrets,omitempty"`
	// MaxUnavailable is how many tasks may be missing during an update that stops old ones first.
	MaxUnavailable int `json:"max_unavailable,omitempty"`
	// Parallelism is how many runs of a job there are at once.
	Parallelism int `json:"parallelism,omitempty"`
	// MTU is that of the machines' network in bytes; 0 lets the nodes say.
	MTU int `json:"mtu,omitempty"`
}

// NetworkName is that of a stack's network, within the stack.
const NetworkName = "default"

// optionEncrypted is the overlay driver's.
const optionEncrypted = "encrypted"

// newRelease takes a stack of a single workload apart.
func newRelease(s *Stack) *Release {
	r := &Release{Stack: s.Name, Networks: s.Networks, Volumes: s.Volumes, Configs: map[string][]byte{}, Secrets: map[string][]byte{}}
	for name, x := range s.Services {
		r.Name, r.Service = name, x
	}
	for name, ref := range s.Configs {
		r.Configs[name] = s.content(ref)
	}
	for name, ref := range s.Secrets {
		r.Secrets[name] = s.content(ref)
	}
	return r
}

func (s *Stack) content(ref FileRef) []byte {
	return []byte(s.Contents[strings.TrimPrefix(ref.File, "./")].Content)
}

// ParseRelease reads the data of a planner.Content. Its errors quote nothing of it.
func ParseRelease(data []byte) (*Release, error) {
	r := &Release{}
	if err := json.Unmarshal(data, r); err != nil || r.Service == nil || r.Name == "" {
		return nil, fmt.Errorf("the content of a workload of %d bytes cannot be read; plan again", len(data))
	}
	r.Service.Deploy.unavailable = r.MaxUnavailable
	return r, nil
}

// WithoutIPVS makes the release fit nodes without IPVS; see Options.NoIPVS.
func (r *Release) WithoutIPVS() { r.Service.withoutIPVS() }

// Encrypted says that the stack's network is to be encrypted.
func (r *Release) Encrypted() bool { return IsEncrypted(r.Networks[NetworkName].DriverOpts) }

// IsEncrypted reads a network's options.
func IsEncrypted(options map[string]string) bool {
	value, ok := options[optionEncrypted]
	return ok && value != "false"
}

// HasFixedPorts says that the service publishes ports of nodes, so that no two of its tasks run on one node.
func (r *Release) HasFixedPorts() bool { return r.Service.hasFixedPorts() }
