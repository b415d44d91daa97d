package hclconfig

import (
	"time"

	"github.com/zclconf/go-cty/cty"
)

// WorkloadKind is what a workload is run as.
type WorkloadKind string

// The kinds of workloads.
const (
	Deployment WorkloadKind = "deployment" // default: replicas, kept running
	Daemon     WorkloadKind = "daemon"     // one on every node
	Job        WorkloadKind = "job"        // runs to completion
	CronJob    WorkloadKind = "cron_job"   // a job at each time of its schedule
	Pod        WorkloadKind = "pod"        // a single one, not replaced
)

// Workload is a workload block.
type Workload struct {
	Block
	Cluster        Address
	Namespace      string // default "default"
	Kind           WorkloadKind
	Replicas       int // default 1
	Labels         map[string]string
	Annotations    map[string]string
	Containers     []Container // container blocks, in order
	Sidecars       []Container // run beside the containers
	InitContainers []Container // run to completion before them, in order
	Configs        []ConfigFile
	Secrets        []Secret
	Volumes        []Volume
	Expose         []Expose
	RestartPolicy  string        // "always", "on_failure" or "never"; default by kind
	Grace          time.Duration // between the stop signal and the kill; default 30s
	Schedule       string        // cron_job: five fields, or @hourly…
	Completions    int           // job: default 1
	Parallelism    int           // job: default 1
	BackoffLimit   int           // job: retries; default 6
	Deadline       time.Duration // job: 0 means none
	Autoscale      *Autoscale    // nil: replicas stay
	Placement      Placement
	Update         WorkloadUpdate
}

// Container is a container, sidecar or init_container block.
type Container struct {
	Name       string
	Image      string
	Command    []string // replaces the image's entry point
	Args       []string
	WorkingDir string
	Env        []EnvVar // sorted by name
	Ports      []Port
	Resources  Resources
	Liveness   *HealthCheck // failing restarts the container
	Readiness  *HealthCheck // failing takes it out of load balancing
	Mounts     []Mount
	User       string // "1000" or "1000:1000"
	Privileged bool
	ReadOnly   bool // root file system
}

// EnvVar is an environment variable; sensitive ones are handed over as the
// orchestrator's secrets.
type EnvVar struct {
	Name       string
	Value      string
	Sensitive  bool   // Value must not be shown, logged or recorded
	FromSecret string // name of a secret block, instead of a value
	SecretKey  string // which file of that secret block
}

// Port is a port block of a container.
type Port struct {
	Name      string
	Container int
	Host      int    // 0: not published on the node
	Protocol  string // "tcp" (default) or "udp"
}

// Resources are requests and limits. CPU is in thousandths of a processor,
// memory in bytes; 0 is none.
type Resources struct {
	CPUMilli      int64
	MemoryBytes   int64
	CPULimitMilli int64
	MemoryLimit   int64
}

// HealthCheck probes a container: exactly one of HTTP, TCP and Command.
type HealthCheck struct {
	HTTP             string // path
	TCP              bool
	Command          []string
	Port             string        // name or number; default the first port
	Interval         time.Duration // default 10s
	Timeout          time.Duration // default 1s
	InitialDelay     time.Duration // default 0
	FailureThreshold int           // default 3
	SuccessThreshold int           // default 1
}

// Mount puts a volume, config or secret into a container.
type Mount struct {
	Name     string // of a volume, config or secret block
	Path     string
	SubPath  string
	ReadOnly bool
}

// ConfigFile is a config block: files for containers, readable by anybody who
// may read the cluster's objects.
type ConfigFile struct {
	Name  string
	Files map[string]FileContent
}

// Secret is a secret block: files or values that are never shown or recorded.
type Secret struct {
	Name  string
	Files map[string]FileContent
}

// FileContent is the content of one file. Its fields are not to be logged
// when Sensitive is true.
type FileContent struct {
	Content   string
	Sensitive bool
}

// Volume is a volume block: exactly one of Host, Empty and Claim.
type Volume struct {
	Name  string
	Host  string // path on the node
	Empty *EmptyVolume
	Claim *VolumeClaim
}

// EmptyVolume lives as long as its pod.
type EmptyVolume struct {
	Memory    bool  // in memory instead of on disk
	SizeBytes int64 // 0: no limit
}

// VolumeClaim outlives its pod.
type VolumeClaim struct {
	SizeBytes    int64
	StorageClass string // empty: the cluster's default
	AccessMode   string // "read_write_once" (default), "read_only_many", "read_write_many"
}

// Expose makes a workload reachable.
type Expose struct {
	Name     string // of the port of a container, unless TargetPort says otherwise
	Type     string // "cluster", "node_port" or "load_balancer"; default by NodePort
	Port     int
	Target   string // name or number of the container's port; default Name
	NodePort int    // 0: chosen by the orchestrator where the type needs one
	Protocol string // "tcp" (default) or "udp"
}

// Autoscale changes the number of replicas with the load.
type Autoscale struct {
	Min int
	Max int
	CPU int // target in percent of the request; default 80
}

// Placement says on which nodes a workload may run.
type Placement struct {
	NodeLabels   map[string]string
	Spread       []string // topology: "node", "zone", or a label key; default none
	Affinity     []string // names of workloads to be near to
	AntiAffinity []string // names of workloads to be away from
	Tolerations  []Toleration
}

// Toleration lets a workload run on tainted nodes.
type Toleration struct {
	Key      string // empty with Exists: every taint
	Value    string
	Exists   bool   // any value will do
	Effect   string // empty: every effect
	Duration time.Duration
}

// WorkloadUpdate says how a new version of a workload replaces the old one.
type WorkloadUpdate struct {
	MaxSurge         Amount        // default 25%
	MaxUnavailable   Amount        // default 25%
	ProgressDeadline time.Duration // default 10m
	AutoRevert       bool
}

// Manifest is a manifest block: one raw Kubernetes object.
type Manifest struct {
	Block
	Cluster Address
	// Object is the object as cty value; unknown and sensitive-marked parts
	// are possible.
	Object cty.Value
	// Wait says whether apply waits until the object is ready; default true.
	Wait bool
}
