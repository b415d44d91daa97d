// Package lab runs a lab: the AWS-compatible endpoint of internal/lab/api with the machines of internal/lab/machine, an
// image registry (internal/lab/registry) and a server for artifacts, in one process per lab, with its own directory.
//
// The commands in internal/cli/lab talk to it through the functions here: Up, Down, Find and the Client of its control
// endpoint. Nothing here knows the engine: the two meet on the wire.
package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/clusterform/clusterform/internal/lab/network"
)

// DefaultName is the lab that commands mean when no -name is given.
const DefaultName = "default"

// The ways instances are made real.
const (
	MachinesNone   = "none"   // the API alone: no privileges, any platform
	MachinesNspawn = "nspawn" // systemd-nspawn machines: Linux and root
)

// Info is what is known of a lab from its directory: everything a client needs. It holds the lab's keys; the file is 0600.
type Info struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"` // of the program that runs it
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Machines string    `json:"machines"`
	Region   string    `json:"region"`
	// Endpoint is the URL for AWS SDKs. With machines it is the same on the host and inside them. Its paths below /_lab/
	// want ControlToken.
	Endpoint string `json:"endpoint"`
	// Listen is a further URL of the endpoint, where Config.Listen asked for one besides the lab's own address.
	Listen          string `json:"listen,omitempty"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	ControlToken    string `json:"control_token"`
	// Registry is the image registry's address from the host.
	Registry string `json:"registry,omitempty"`
	// Artifacts is the URL of the artifact server from the host; files in Dir/artifacts.
	Artifacts string `json:"artifacts,omitempty"`
	// Kubernetes are the versions whose software the lab offers to its machines.
	Kubernetes []string `json:"kubernetes,omitempty"`
	Dir        string   `json:"dir"`
	CacheDir   string   `json:"cache_dir"`
}

// CheckName refuses what cannot name a lab: it becomes part of the names of links, namespaces and cgroups.
func CheckName(name string) error { return network.CheckName(name) }

// Dirs are where labs keep their things.
type Dirs struct {
	Labs  string // one directory per lab
	Cache string // root filesystems, shared by all labs; may be removed while none runs
}

// The environment variables that say where labs keep their things.
const (
	labDirEnv   = "CLUSTERFORM_LAB_DIR"
	cacheDirEnv = "CLUSTERFORM_CACHE_DIR"
)

// StandardDirs are /var/lib/clusterform/lab and /var/cache/clusterform for root, and below the user's state and cache
// directories for everybody else. CLUSTERFORM_LAB_DIR and CLUSTERFORM_CACHE_DIR come first.
func StandardDirs(getenv func(string) string) (Dirs, error) {
	d, err := chooseDirs(getenv)
	if err != nil {
		return d, err
	}
	if d.Labs, err = filepath.Abs(d.Labs); err != nil {
		return d, err
	}
	d.Cache, err = filepath.Abs(d.Cache)
	return d, err
}

func chooseDirs(getenv func(string) string) (Dirs, error) {
	d := Dirs{Labs: getenv(labDirEnv), Cache: getenv(cacheDirEnv)}
	if os.Geteuid() == 0 {
		d.Labs = firstOf(d.Labs, "/var/lib/clusterform/lab")
		d.Cache = firstOf(d.Cache, "/var/cache/clusterform")
		return d, nil
	}
	home, err := os.UserHomeDir()
	if err != nil && (d.Labs == "" || d.Cache == "") {
		return d, fmt.Errorf("no home directory (%w): set CLUSTERFORM_LAB_DIR and CLUSTERFORM_CACHE_DIR", err)
	}
	state := firstOf(getenv("XDG_STATE_HOME"), filepath.Join(home, ".local", "state"))
	cache := firstOf(getenv("XDG_CACHE_HOME"), filepath.Join(home, ".cache"))
	d.Labs = firstOf(d.Labs, filepath.Join(state, "clusterform", "lab"))
	d.Cache = firstOf(d.Cache, filepath.Join(cache, "clusterform"))
	return d, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Dir is the directory of a lab.
func (d Dirs) Dir(name string) string { return filepath.Join(d.Labs, name) }

// The files in a lab's directory.
const (
	infoFile = "lab.json"
	lockFile = "lab.lock" // held by the process that runs the lab, as long as it lives
	pidFile  = "lab.pid"  // of that process
	logFile  = "lab.log"
)

// NotRunningError says that no lab of that name runs.
type NotRunningError struct {
	Name string
	// Crashed: its process ended without taking the lab down; Down cleans up.
	Crashed bool
}

func (e *NotRunningError) Error() string {
	if e.Crashed {
		return fmt.Sprintf("lab %q: its process ended without being asked to. `clusterform lab up%[2]s` starts it again with what it had, `clusterform lab down%[2]s` removes what is left of it", e.Name, nameFlag(e.Name))
	}
	return fmt.Sprintf("lab %q is not running. Start it with `clusterform lab up%s`", e.Name, nameFlag(e.Name))
}

func nameFlag(name string) string {
	if name == DefaultName {
		return ""
	}
	return " -name=" + name
}

// Find returns a running lab; *NotRunningError when there is none.
func Find(dirs Dirs, name string) (*Info, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	info, err := readInfo(dirs.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotRunningError{Name: name}
	}
	if err != nil {
		return nil, err
	}
	running, err := isRunning(dirs.Dir(name))
	if err != nil {
		return nil, err
	}
	if !running {
		return nil, &NotRunningError{Name: name, Crashed: info.PID != 0}
	}
	return info, nil
}

func readInfo(dir string) (*Info, error) {
	data, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		return nil, err
	}
	info := new(Info)
	if err := json.Unmarshal(data, info); err != nil {
		return nil, fmt.Errorf("lab: %s is damaged (%w); `clusterform lab down -purge` removes the lab", filepath.Join(dir, infoFile), err)
	}
	return info, nil
}

func writeInfo(dir string, info *Info) error {
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, infoFile)
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// LogFile is where a detached lab logs.
func LogFile(dirs Dirs, name string) string { return filepath.Join(dirs.Dir(name), logFile) }
