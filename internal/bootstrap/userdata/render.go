package userdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Limit is what EC2 allows of user-data, in bytes before it is encoded.
const Limit = 16 * 1024

// Roles as planner.NodeSetup has them.
const (
	controlPlane = "control_plane"
	worker       = "worker"
)

// Render is the user-data of a pool's nodes, less than Limit. The same input gives the same text.
//
// The user's own user_data runs after ours has been put in place, and while the node joins; a script runs as it is,
// anything else that cloud-init knows ("#cloud-config") becomes a part beside ours.
func Render(in planner.NodeSetup) (string, error) {
	var (
		s   settings
		err error
	)
	switch in.Cluster.Orchestrator {
	case hclconfig.Kubernetes:
		s, err = kubernetes(in)
	case hclconfig.Swarm:
		s, err = swarm(in)
	default:
		err = fmt.Errorf("nodes of %s cannot be set up yet; the orchestrators that can are kubernetes and swarm", in.Cluster.Orchestrator)
	}
	if err != nil {
		return "", err
	}
	script, err := assemble(in, s, "")
	if err != nil {
		return "", err
	}
	text := withExtra(script, in.Extra)
	if len(text) > Limit && isScript(in.Extra) { // it may fit when it is packed as our own programs are
		if text, err = assemble(in, s, in.Extra); err != nil {
			return "", err
		}
		text += runExtra
	}
	if len(text) > Limit {
		return "", fmt.Errorf("user-data of the pool %s is %d bytes, and EC2 allows %d: the user_data of the files, %d bytes, has no room beside clusterform's own; let it download what it needs",
			in.Pool, len(text), Limit, len(in.Extra))
	}
	return text, nil
}

// settings are what an orchestrator adds to user-data.
type settings struct {
	// environment is in /etc/clusterform/node.env, in this order; the programs' variables.
	environment []variable
	// program follows shared.sh in the node's program.
	program []string
	// daily are programs with a timer of their own: NAME.sh, clusterform-NAME.service and clusterform-NAME.timer.
	daily []string
	files []resource.SoftwareFile
}

type variable struct{ name, value string }

// assemble writes the script that cloud-init runs. extra is packed with the programs.
func assemble(in planner.NodeSetup, s settings, extra string) (string, error) {
	part := map[string]string{controlPlane: "control-plane", worker: "worker"}[in.Role]
	if part == "" {
		return "", fmt.Errorf("a node is of the role %q, which is neither %s nor %s", in.Role, controlPlane, worker)
	}
	environment := append([]variable{
		{"CLUSTER", in.Cluster.Name}, {"ROLE", in.Role}, {"POOL", in.Pool},
		{"PARAMETERS", "/clusterform/" + in.UID + "/" + part}, {"ENDPOINT", in.Endpoint},
	}, s.environment...)
	var env strings.Builder
	for _, v := range environment {
		if strings.ContainsAny(v.value, "'\\\n") {
			return "", fmt.Errorf("the setting %s of the pool %s has a character that user-data cannot hold: %q", v.name, in.Pool, v.value)
		}
		if v.value != "" {
			fmt.Fprintf(&env, "%s='%s'\n", v.name, v.value)
		}
	}
	software, err := pins(s.files)
	if err != nil {
		return "", err
	}
	packed, err := pack(s, extra)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(outline, in.Role, in.Cluster.Name, in.Cluster.Orchestrator, in.Cluster.Version, env.String(), software, packed), nil
}

const outline = `#!/bin/bash
# clusterform: %s of the cluster %s (%s %s). There is no secret in here.
set -eu
mkdir -p /etc/clusterform
cat >/etc/clusterform/node.env <<'EOF'
%sEOF
cat >/etc/clusterform/software.json <<'EOF'
%sEOF
# The node's programs, packed to fit: /usr/local/sbin/clusterform-node, /usr/local/lib/clusterform/cf and their units.
python3 -c 'import base64, sys; sys.stdout.buffer.write(base64.a85decode(sys.stdin.read()))' <<'~~~' | tar -xz -C / --no-same-owner
%s~~~
systemctl daemon-reload
systemctl enable --now --no-block clusterform-node.service
`

// pins is the list of downloads as JSON, one in each line.
func pins(files []resource.SoftwareFile) (string, error) {
	type pin struct {
		Name   string `json:"name"`
		URL    string `json:"url"`
		SHA256 string `json:"sha256"`
		Kind   string `json:"kind"`
		Path   string `json:"path,omitempty"`
		Mode   string `json:"mode,omitempty"`
	}
	if len(files) == 0 {
		return "[]\n", nil
	}
	lines := make([]string, 0, len(files))
	for _, f := range files {
		if f.URL == "" || len(f.SHA256) != 64 {
			return "", fmt.Errorf("the software %q is not pinned by a URL and a SHA-256", f.Name)
		}
		var line strings.Builder
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(pin{f.Name, f.URL, f.SHA256, f.Kind, f.Path, f.Mode}); err != nil {
			return "", errors.New("a pin cannot be written as JSON")
		}
		lines = append(lines, strings.TrimSuffix(line.String(), "\n"))
	}
	return "[" + strings.Join(lines, ",\n") + "]\n", nil
}
