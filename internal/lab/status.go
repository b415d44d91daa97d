package lab

import (
	"context"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// Status is a running lab at a glance.
type Status struct {
	Info      *Info          `json:"-"`
	Counts    map[string]int `json:"instances"` // by state
	Calls     int            `json:"calls"`     // AWS calls since it started
	Instances []Instance     `json:"list"`
	// Collisions are VPC ranges that this host cannot use as they are, with what stands in, by VPC.
	Collisions map[string]string `json:"collisions,omitempty"`
}

// Instance is one that is not terminated.
type Instance struct {
	api.InstanceStatus
	MachineStatus
}

// Matches tells whether a user's word means this instance: its id, name, an address, or its host name.
func (i *Instance) Matches(word string) bool {
	return word != "" && (word == i.ID || word == i.Name || word == i.PrivateIP || word == i.PublicIP || word == hostName(i.PrivateIP))
}

// hostName is EC2's name of an instance: ip-10-0-0-4.
func hostName(ip string) string {
	b := []byte("ip-" + ip)
	for i, c := range b {
		if c == '.' {
			b[i] = '-'
		}
	}
	return string(b)
}

// ReadStatus asks a running lab.
func ReadStatus(ctx context.Context, info *Info) (*Status, error) {
	client := NewClient(info)
	var from api.Status
	if err := client.Get(ctx, "/_lab/status", &from); err != nil {
		return nil, err
	}
	var machines machinesAnswer
	if info.Machines != MachinesNone {
		if err := client.Get(ctx, "/_lab/machines", &machines); err != nil {
			return nil, err
		}
	}
	status := &Status{
		Info: info, Counts: from.Instances, Calls: from.Stats.Total(), Collisions: machines.Collisions,
		Instances: make([]Instance, len(from.List)),
	}
	for n, i := range from.List {
		status.Instances[n] = Instance{InstanceStatus: i, MachineStatus: machines.Machines[i.ID]}
	}
	return status, nil
}

// ReadConsole asks a running lab for the last 64 KiB of a machine's console, as they are: whoever shows them strips
// control characters.
func ReadConsole(ctx context.Context, info *Info, instanceID string) ([]byte, error) {
	var out consoleAnswer
	err := NewClient(info).Get(ctx, "/_lab/console/"+instanceID, &out)
	return out.Console, err
}
