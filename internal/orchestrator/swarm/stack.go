package swarm

import (
	"encoding/json"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
)

// Version is the version of the file format. Docker Engine 19.03 and newer take it.
const Version = "3.8"

// ZoneLabel is the label of Swarm nodes that holds their availability zone.
const ZoneLabel = "clusterform.zone"

// AddressLabel is the label of services that holds the address of the workload block.
const AddressLabel = "clusterform.address"

// Options say for which Swarm stacks are made.
type Options struct {
	// NoIPVS is for nodes whose kernel has no IPVS, without which neither virtual addresses nor the routing mesh work: names
	// resolve to all tasks, and ports are published on the nodes where tasks run.
	NoIPVS bool
	// Encrypted asks for an encrypted overlay network.
	Encrypted bool
	// RevisionKey makes the names of secrets tell their content apart; see kubernetes.Options.
	RevisionKey []byte
}

// Stack is a stack file with what belongs to it.
type Stack struct {
	Name     string             `json:"-"` // the namespace
	Contents map[string]Content `json:"-"` // files the stack refers to, by path relative to it

	Version  string              `json:"version"`
	Services map[string]*Service `json:"services"`
	Networks map[string]Network  `json:"networks,omitempty"`
	Volumes  map[string]Volume   `json:"volumes,omitempty"`
	Configs  map[string]FileRef  `json:"configs,omitempty"`
	Secrets  map[string]FileRef  `json:"secrets,omitempty"`
}

// Content is a file that becomes a config or secret of the Swarm.
type Content = hclconfig.FileContent

// Service is one service of a stack.
type Service struct {
	Image       string          `json:"image"`
	Entrypoint  []text          `json:"entrypoint,omitempty"`
	Command     []text          `json:"command,omitempty"`
	WorkingDir  text            `json:"working_dir,omitempty"`
	User        string          `json:"user,omitempty"`
	ReadOnly    bool            `json:"read_only,omitempty"`
	Environment map[string]text `json:"environment,omitempty"`
	Labels      map[string]text `json:"labels,omitempty"`
	Ports       []Port          `json:"ports,omitempty"`
	Healthcheck *Healthcheck    `json:"healthcheck,omitempty"`
	StopGrace   string          `json:"stop_grace_period,omitempty"`
	Volumes     []Mount         `json:"volumes,omitempty"`
	Configs     []FileMount     `json:"configs,omitempty"`
	Secrets     []FileMount     `json:"secrets,omitempty"`
	Deploy      Deploy          `json:"deploy"`
}

// text is a string that Docker would replace variables in: "$$" stands for "$".
type text string

// MarshalJSON writes the text so that Docker reads it as it is.
func (t text) MarshalJSON() ([]byte, error) {
	return json.Marshal(strings.ReplaceAll(string(t), "$", "$$"))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*t = text(strings.ReplaceAll(s, "$$", "$"))
	return nil
}

func texts(list []string) []text {
	var out []text
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

func textMap(m map[string]string) map[string]text {
	out := make(map[string]text, len(m))
	for k, v := range m {
		out[k] = text(v)
	}
	return out
}

// Port is a published port.
type Port struct {
	Target    int    `json:"target"`
	Published int    `json:"published,omitempty"` // 0: Docker chooses
	Protocol  string `json:"protocol"`
	Mode      string `json:"mode"` // "ingress": on every node; "host": where tasks run
}

// Healthcheck is a command run in the container.
type Healthcheck struct {
	Test        []text `json:"test"`
	Interval    string `json:"interval"`
	Timeout     string `json:"timeout"`
	Retries     int    `json:"retries"`
	StartPeriod string `json:"start_period,omitempty"`
}

// Mount is a volume, a directory of the node or memory in a container.
type Mount struct {
	Type     string `json:"type"` // "volume", "bind" or "tmpfs"
	Source   text   `json:"source,omitempty"`
	Target   text   `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
	Tmpfs    *Tmpfs `json:"tmpfs,omitempty"`
}

// Tmpfs bounds memory used as a volume, in bytes.
type Tmpfs struct {
	Size int64 `json:"size"`
}

// FileMount puts a config or secret into a container.
type FileMount struct {
	Source string `json:"source"`
	Target text   `json:"target"`
	Mode   int    `json:"mode"`
}

// FileRef is a config or secret made of a file beside the stack file.
type FileRef struct {
	File string `json:"file"`
}

// Volume is a named volume.
type Volume struct {
	Driver string `json:"driver,omitempty"`
}

// Network is an overlay network.
type Network struct {
	Driver     string            `json:"driver"`
	DriverOpts map[string]string `json:"driver_opts,omitempty"`
}

// Deploy is how a service runs on the Swarm.
type Deploy struct {
	Mode           string          `json:"mode"` // "replicated", "global" or "replicated-job"
	Replicas       *int            `json:"replicas,omitempty"`
	EndpointMode   string          `json:"endpoint_mode,omitempty"`
	Labels         map[string]text `json:"labels"`
	Resources      *Resources      `json:"resources,omitempty"`
	RestartPolicy  *RestartPolicy  `json:"restart_policy"`
	Placement      *Placement      `json:"placement,omitempty"`
	UpdateConfig   *UpdateConfig   `json:"update_config,omitempty"`
	RollbackConfig *UpdateConfig   `json:"rollback_config,omitempty"`

	unavailable int // of the workload's replicas, during an update
}

// Resources are requests (reservations) and limits.
type Resources struct {
	Limits       *Amounts `json:"limits,omitempty"`
	Reservations *Amounts `json:"reservations,omitempty"`
}

// Amounts are processors and memory: "0.25", "64M".
type Amounts struct {
	CPUs   string `json:"cpus,omitempty"`
	Memory string `json:"memory,omitempty"`
}

// RestartPolicy says when a task that ended is replaced.
type RestartPolicy struct {
	Condition   string `json:"condition"` // "any", "on-failure" or "none"
	MaxAttempts *int   `json:"max_attempts,omitempty"`
}

// Placement says on which nodes tasks may run.
type Placement struct {
	Constraints []text       `json:"constraints,omitempty"`
	Preferences []Preference `json:"preferences,omitempty"`
	MaxPerNode  int          `json:"max_replicas_per_node,omitempty"`
}

// Preference spreads tasks over the values of a label.
type Preference struct {
	Spread string `json:"spread"`
}

// UpdateConfig is how tasks are replaced.
type UpdateConfig struct {
	Parallelism   int    `json:"parallelism"`
	Order         string `json:"order"` // "start-first" or "stop-first"
	FailureAction string `json:"failure_action"`
	Monitor       string `json:"monitor,omitempty"`
}
