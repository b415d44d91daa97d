package userdata_test

import (
	"bytes"
	"encoding/ascii85"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/userdata"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

// software is a version's pins, as long as those of a mirror are.
func software() *resource.Software {
	s := &resource.Software{Origin: "mirror", Registry: "http://registry.example.com:5000"}
	for i, f := range []resource.SoftwareFile{
		{Name: "kubeadm", Kind: "binary", Path: "/usr/local/bin/kubeadm", Mode: "0755"},
		{Name: "kubelet", Kind: "binary", Path: "/usr/local/bin/kubelet", Mode: "0755"},
		{Name: "kubectl", Kind: "binary", Path: "/usr/local/bin/kubectl", Mode: "0755", ControlPlane: true},
		{Name: "cni-plugins", Kind: "archive", Path: "/opt/cni/bin"},
		{Name: "kube-flannel.yml", Kind: "manifest", ControlPlane: true},
		{Name: "metrics-server.yml", Kind: "manifest", ControlPlane: true},
	} {
		f.URL = "https://mirror.example.com/bundles/kubernetes-1.34.4-amd64/files/" + f.Name
		f.SHA256 = strings.Repeat(fmt.Sprintf("%x", i+1), 64)
		s.Files = append(s.Files, f)
	}
	return s
}

// setup is a worker's of a Kubernetes cluster; change makes it another's.
func setup(change func(*planner.NodeSetup)) planner.NodeSetup {
	c := &hclconfig.Cluster{Orchestrator: hclconfig.Kubernetes, Version: "1.34.4", Region: "eu-central-1"}
	c.Name = "prod"
	c.Network.Overlay = hclconfig.Overlay{Backend: "vxlan", PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/12"}
	in := planner.NodeSetup{Cluster: c, UID: "4jz8h2kq", Role: "worker", Pool: "worker", Software: software()}
	if change != nil {
		change(&in)
	}
	return in
}

func asControlPlane(in *planner.NodeSetup) { in.Role, in.Pool = "control_plane", "control-plane" }

// marker stands in golden files for the packed programs, which the golden files of their own show.
const marker = "(packed)\n"

// split takes the packed programs out of user-data.
func split(t *testing.T, text string) (outline, packed string) {
	t.Helper()
	head, rest, ok := strings.Cut(text, "--no-same-owner\n")
	if !ok {
		t.Fatalf("there are no packed programs in\n%s", text)
	}
	packed, tail, _ := strings.Cut(rest, "~~~\n")
	return head + "--no-same-owner\n" + marker + "~~~\n" + tail, packed
}

// unpack writes the packed programs below a directory, with the tool that nodes do it with.
func unpack(t *testing.T, packed string) string {
	t.Helper()
	data, err := io.ReadAll(ascii85.NewDecoder(strings.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tar := exec.Command("tar", "-xz", "-C", dir, "--no-same-owner")
	tar.Stdin = bytes.NewReader(data)
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is rendered; see the difference with -update and git.\n%s", path, got)
	}
}

var cases = []struct {
	name   string
	change func(*planner.NodeSetup)
}{
	{"worker", nil},
	{"control-plane", asControlPlane},
	{"worker-in-a-lab", func(in *planner.NodeSetup) { in.Endpoint = "http://198.19.1.1:4566"; in.Pool = "worker-blue" }},
	{"control-plane-encrypted-schedulable", func(in *planner.NodeSetup) {
		asControlPlane(in)
		in.Cluster.Network.Overlay.Encrypted, in.Cluster.Network.Overlay.MTU, in.Cluster.ControlPlane.Schedulable = true, 1400, true
		in.Cluster.Version = "1.33.13"
	}},
	{"worker-with-a-script", func(in *planner.NodeSetup) { in.Extra = "#!/bin/sh\necho hello\n" }},
	{"worker-with-cloud-config", func(in *planner.NodeSetup) { in.Extra = "#cloud-config\npackages: [htop]\n" }},
}

func TestUserData(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := userdata.Render(setup(c.change))
			if err != nil {
				t.Fatal(err)
			}
			again, err := userdata.Render(setup(c.change))
			if err != nil {
				t.Fatal(err)
			}
			if text != again {
				t.Error("the same input gives another text")
			}
			outline, _ := split(t, text)
			golden(t, c.name+".txt", outline)
		})
	}
}

// ownScript is a script as people write them, of about a size.
func ownScript(size int) string {
	var b strings.Builder
	b.WriteString("#!/bin/bash\nset -eu\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "install -D -m 0644 /opt/site/%d/agent.conf /etc/agent%d/conf.d/%x.conf # %s\n", i, i%7, i*2654435761, []string{"metrics", "audit", "proxy"}[i%3])
	}
	return b.String()
}

func TestThereIsRoomForTheUsersOwn(t *testing.T) {
	t.Parallel()
	for _, c := range cases[:4] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			own := ownScript(4 << 10)
			text, err := userdata.Render(setup(func(in *planner.NodeSetup) {
				if c.change != nil {
					c.change(in)
				}
				in.Extra = own
			}))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, own) {
				return
			}
			_, packed := split(t, text)
			path := filepath.Join(unpack(t, packed), "etc/clusterform/user-data")
			if got, err := os.ReadFile(path); err != nil || string(got) != own {
				t.Errorf("the script is neither in user-data nor with the programs: %v", err)
			}
		})
	}
}

// The programs are what makes the text of user-data depend on the compressor: nodes would be replaced when it changes.
func TestProgramsAreWhatNodesRan(t *testing.T) {
	t.Parallel()
	for _, c := range cases[:2] {
		text, err := userdata.Render(setup(c.change))
		if err != nil {
			t.Fatal(err)
		}
		_, packed := split(t, text)
		golden(t, c.name+".packed", packed)
	}
}

func TestScriptsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := userdata.Render(setup(c.change))
			if err != nil {
				t.Fatal(err)
			}
			_, packed := split(t, text)
			dir := unpack(t, packed)
			check(t, "bash", "-n", filepath.Join(dir, "usr/local/sbin/clusterform-node"))
			// Amazon Linux 2023 has the oldest Python, 3.9.
			check(t, "python3", "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 9))", filepath.Join(dir, "usr/local/lib/clusterform/cf"))
			for name, mode := range map[string]os.FileMode{
				"usr/local/sbin/clusterform-node": 0o755, "usr/local/lib/clusterform/cf": 0o755, "etc/systemd/system/clusterform-node.service": 0o644,
				"etc/systemd/system/clusterform-api.service": 0o644, "etc/systemd/system/clusterform-api.timer": 0o644,
			} {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				} else if info.Mode() != mode {
					t.Errorf("%s has the mode %s, want %s", name, info.Mode(), mode)
				}
			}
			if strings.HasPrefix(text, "#!/bin/bash\n") {
				script := filepath.Join(dir, "user-data")
				if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				check(t, "bash", "-n", script)
			}
		})
	}
}

func check(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %q: %v\n%s", name, args, err, out)
	}
}

func TestWhatCannotBeRendered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*planner.NodeSetup)
		want   string
	}{
		{"no software", func(in *planner.NodeSetup) { in.Software = nil }, "CLUSTERFORM_BUNDLE"},
		{"software without a pin", func(in *planner.NodeSetup) { in.Software.Files[0].SHA256 = "" }, `"kubeadm" is not pinned`},
		{"too much of the user's own", func(in *planner.NodeSetup) { in.Extra = ownScript(40 << 10) }, "let it download what it needs"},
		{"host-gw with encryption", func(in *planner.NodeSetup) {
			in.Cluster.Network.Overlay.Backend, in.Cluster.Network.Overlay.Encrypted = "host-gw", true
		}, "becomes WireGuard"},
		{"encryption of no overlay", func(in *planner.NodeSetup) {
			in.Cluster.Network.Overlay.Backend, in.Cluster.Network.Overlay.Encrypted = "none", true
		}, "take it out"},
		{"an orchestrator that is not there yet", func(in *planner.NodeSetup) { in.Cluster.Orchestrator = hclconfig.Mesos }, "kubernetes and swarm"},
		{"a role nobody knows", func(in *planner.NodeSetup) { in.Role = "master" }, `"master"`},
		{"a quote in a setting", func(in *planner.NodeSetup) { in.Pool = "a'b" }, "POOL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := userdata.Render(setup(c.change))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q; text of %d bytes", err, c.want, len(text))
			}
		})
	}
}
