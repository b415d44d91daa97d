package userdata

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/ascii85"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

func swarmSetup(role string) planner.NodeSetup {
	c := &hclconfig.Cluster{Orchestrator: hclconfig.Swarm, Version: "20.10", Region: "us-east-1"}
	c.Name = "prod"
	c.Network.Overlay.PodCIDR = "10.244.0.0/16"
	return planner.NodeSetup{Cluster: c, UID: "u1", Role: role, Pool: strings.ReplaceAll(role, "_", "-"), Endpoint: "http://198.18.0.1:4566"}
}

// swarmProgram is the program in user-data, as a node gets it.
func swarmProgram(t *testing.T, text string) string {
	t.Helper()
	_, rest, _ := strings.Cut(text, "<<'~~~'")
	_, rest, _ = strings.Cut(rest, "\n")
	packed, _, _ := strings.Cut(rest, "~~~\n")
	z, err := gzip.NewReader(ascii85.NewDecoder(strings.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatal("user-data has no program")
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "usr/local/sbin/clusterform-node" {
			program, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(program)
		}
	}
}

func TestSwarmUserData(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		change  func(*planner.NodeSetup)
		role    string
		has     []string
		hasNot  []string
		refused string
	}{
		{name: "manager", role: controlPlane, has: []string{"PARAMETERS='/clusterform/u1/control-plane'", "PODS='10.244.0.0/16'"}, hasNot: []string{"SCHEDULABLE", "REGISTRY"}},
		{name: "worker", role: worker, has: []string{"PARAMETERS='/clusterform/u1/worker'"}, hasNot: []string{"PODS"}},
		{name: "manager that runs services", role: controlPlane, change: func(in *planner.NodeSetup) { in.Cluster.ControlPlane.Schedulable = true }, has: []string{"SCHEDULABLE='yes'"}},
		{name: "encrypted overlay", role: worker, change: func(in *planner.NodeSetup) { in.Cluster.Network.Overlay.Encrypted = true }, has: []string{"ENCRYPTED='yes'"}},
		{name: "registry without TLS", role: worker, change: func(in *planner.NodeSetup) { in.Software = &resource.Software{Registry: "http://registry.lab:5000/"} }, has: []string{"INSECURE_REGISTRY='registry.lab:5000'"}},
		{name: "registry with TLS", role: worker, change: func(in *planner.NodeSetup) { in.Software = &resource.Software{Registry: "https://registry"} }, hasNot: []string{"REGISTRY"}},
		{name: "range too small", role: controlPlane, change: func(in *planner.NodeSetup) { in.Cluster.Network.Overlay.PodCIDR = "10.244.0.0/25" }, refused: "of /24 or larger"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := swarmSetup(tc.role)
			if tc.change != nil {
				tc.change(&in)
			}
			text, err := Render(in)
			if tc.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refused) {
					t.Errorf("%v, want %q", err, tc.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Render(in); err != nil || again != text {
				t.Errorf("the same input makes another text: %v", err)
			}
			const room = 3072
			if len(text) > Limit-room {
				t.Errorf("%d bytes leave less than %d for the user's own", len(text), room)
			}
			env, _, _ := strings.Cut(text, "\nEOF\n")
			for _, want := range tc.has {
				if !strings.Contains(env, want) {
					t.Errorf("%q is not in\n%s", want, env)
				}
			}
			for _, not := range tc.hasNot {
				if strings.Contains(env, not) {
					t.Errorf("%q is in\n%s", not, env)
				}
			}
			checkSwarmProgram(t, swarmProgram(t, text), map[string]int{controlPlane: 2, worker: 3}[tc.role])
		})
	}
}

// checkSwarmProgram has bash and Python read the program, with so many parts in Python, without running it.
func checkSwarmProgram(t *testing.T, program string, inPython int) {
	t.Helper()
	bash := exec.Command("bash", "-n")
	bash.Stdin = strings.NewReader(program)
	if out, err := bash.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	parts := strings.Split(program, "<<'PY'\n")
	if len(parts) != inPython+1 {
		t.Fatalf("%d programs in Python", len(parts)-1)
	}
	for _, part := range parts[1:] {
		code, _, _ := strings.Cut(part, "\nPY\n")
		python := exec.Command("python3", "-c", "import ast, sys; ast.parse(sys.stdin.read(), 'swarm.sh', feature_version=(3, 9))")
		python.Stdin = strings.NewReader(code)
		var out bytes.Buffer
		python.Stderr = &out
		if err := python.Run(); err != nil {
			t.Errorf("%v: %s", err, &out)
		}
	}
	if strings.Contains(program, "--token") {
		t.Error("a token is an argument of a command, which everybody sees")
	}
}
