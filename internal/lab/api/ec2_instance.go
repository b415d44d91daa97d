package api

import (
	"net/netip"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// States of an instance.
const (
	statePending      = "pending"
	stateRunning      = "running"
	stateShuttingDown = "shutting-down"
	stateTerminated   = "terminated"
	stateStopping     = "stopping"
	stateStopped      = "stopped"
)

const terminatedVisible = time.Hour // how long a terminated instance can be described

// instance is one EC2 instance. What all instances of a launch have in common is in its launch.
type instance struct {
	ID         string
	Launch     string
	Index      int // ami-launch-index
	State      string
	VPC        string
	Subnet     string
	Zone       string
	PrivateIP  netip.Addr
	Interfaces []string // the primary first; none once terminated
	Disks      []disk
	LaunchTime time.Time
	NextAt     time.Time // when State changes by itself
	Doomed     bool      // a fault: never boots
	Impaired   time.Time // since when the machine does not answer
	Cut        bool      // a fault: off the network
	Reason     string    // why the state changed, in EC2's words
	Code       string    // of the state reason
	Spot       string    // spot request
	SpotNotice time.Time
	SpotEnd    time.Time
	Profile    profileAssociation
}

type disk struct {
	Device              string
	Volume              string
	AttachedAt          time.Time
	DeleteOnTermination bool
}

type profileAssociation struct {
	ID      string
	Profile string // name
}

// launch is what the instances of one launch share. Changing an instance's attribute gives it a launch of its own.
type launch struct {
	ID             string
	Reservation    string
	Token          string
	Image          string
	Type           string
	Arch           string
	Root           string // device
	Key            string
	UserData       string // base64
	Monitoring     bool
	EbsOptimized   bool
	Tenancy        string
	Protected      bool // against termination
	StopProtected  bool
	Shutdown       string // instance-initiated: stop or terminate
	NoSourceCheck  bool
	Credits        string
	Lifecycle      string // spot or ""
	Meta           metadataOptions
	HostnameType   string
	DNSA           bool
	AutoRecovery   string
	PlacementGroup string
}

type metadataOptions struct {
	Disabled bool
	Required bool // IMDSv2 only
	Hops     int64
	Tags     bool
}

func (m metadataOptions) ec2() *ec2.InstanceMetadataOptionsResponse {
	choose := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	return &ec2.InstanceMetadataOptionsResponse{
		State: "applied", HttpTokens: choose(m.Required, "required", "optional"), HttpPutResponseHopLimit: new(m.Hops),
		HttpEndpoint: choose(m.Disabled, "disabled", "enabled"), HttpProtocolIpv6: "disabled", InstanceMetadataTags: choose(m.Tags, "enabled", "disabled"),
	}
}

func stateCode(state string) int64 {
	return map[string]int64{
		statePending: 0, stateRunning: 16, stateShuttingDown: 32, stateTerminated: 48, stateStopping: 64, stateStopped: 80,
	}[state]
}

func renderState(state string) *ec2.InstanceState {
	return &ec2.InstanceState{Name: state, Code: new(stateCode(state))}
}

// live reports whether the instance still has its interfaces and disks.
func (i *instance) live() bool { return i.State != stateTerminated }

func (s *Server) launchOf(i *instance) *launch {
	if l := s.launches.get(i.Launch); l != nil {
		return l
	}
	return new(launch) // cannot happen; a launch lives as long as its instances
}

// relaunch gives an instance a launch of its own, changed by f.
func (s *Server) relaunch(i *instance, f func(*launch)) {
	l := new(*s.launchOf(i))
	f(l)
	if s.launchUses[i.Launch] == 1 {
		s.launches.put(l.ID, l)
		s.instances.put(i.ID, new(*i)) // so that a late view of the instance is the old one
		return
	}
	l.ID = "launch-" + randomHex(s.ids)
	s.launches.put(l.ID, l)
	s.dropLaunch(i.Launch)
	s.launchUses[l.ID] = 1
	s.instances.update(i.ID, func(i *instance) { i.Launch = l.ID })
}

func (s *Server) dropLaunch(id string) {
	if s.launchUses[id]--; s.launchUses[id] <= 0 {
		delete(s.launchUses, id)
		s.launches.delete(id)
	}
}

// primary gives the first interface, or nil.
func (s *Server) primary(i *instance) *netInterface {
	if len(i.Interfaces) == 0 {
		return nil
	}
	return s.interfaces.get(i.Interfaces[0])
}
