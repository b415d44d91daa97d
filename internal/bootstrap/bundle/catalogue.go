package bundle

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

// architectures are those of nodes, as GOARCH.
var architectures = [...]string{"amd64", "arm64"}

const controlPlane = "control-plane"

// ObjectsDir is where Kubernetes objects go on control-plane nodes.
const ObjectsDir = "/opt/clusterform/objects"

// CheckArch refuses what no bundle exists for.
func CheckArch(arch string) error {
	if slices.Contains(architectures[:], arch) {
		return nil
	}
	return fmt.Errorf("there are no bundles for %q; nodes have %s", arch, strings.Join(architectures[:], " or "))
}

// Upstream is the manifest of a release as the projects publish it. It is not locked: sizes and sums are recorded when it
// is built.
func Upstream(r release.Release, arch string) *Manifest {
	m := &Manifest{Format: Format, Kubernetes: r.Kubernetes, OS: "linux", Arch: arch, Origin: OriginUpstream}
	kube := "v" + r.Kubernetes
	for _, name := range []string{"kubeadm", "kubelet", "kubectl"} {
		m.add(binary(name, kube), "https://dl.k8s.io/release/"+kube+"/bin/linux/"+arch+"/"+name, ".sha256")
	}
	gh := "https://github.com/"
	m.add(archive("cni-plugins", "v"+r.CNIPlugins, "cni-plugins-linux-"+arch+"-v"+r.CNIPlugins+".tgz", "/opt/cni/bin"),
		gh+"containernetworking/plugins/releases/download/v"+r.CNIPlugins+"/cni-plugins-linux-"+arch+"-v"+r.CNIPlugins+".tgz", ".sha256")
	m.add(archive("crictl", "v"+r.CRITools, "crictl-v"+r.CRITools+"-linux-"+arch+".tar.gz", "/usr/local/bin"),
		gh+"kubernetes-sigs/cri-tools/releases/download/v"+r.CRITools+"/crictl-v"+r.CRITools+"-linux-"+arch+".tar.gz", ".sha256")
	m.add(archive("containerd", "v"+r.Containerd, "containerd-"+r.Containerd+"-linux-"+arch+".tar.gz", "/usr/local"),
		gh+"containerd/containerd/releases/download/v"+r.Containerd+"/containerd-"+r.Containerd+"-linux-"+arch+".tar.gz", ".sha256sum")
	runc := binary("runc", "v"+r.Runc)
	runc.Install.Path = "/usr/local/sbin/runc"
	m.add(runc, gh+"opencontainers/runc/releases/download/v"+r.Runc+"/runc."+arch, "")
	m.Artifacts[len(m.Artifacts)-1].ChecksumURL = gh + "opencontainers/runc/releases/download/v" + r.Runc + "/runc.sha256sum"
	m.add(objects("flannel-objects", "v"+r.Flannel, "kube-flannel.yml"), gh+"flannel-io/flannel/releases/download/v"+r.Flannel+"/kube-flannel.yml", "")
	m.add(objects("metrics-server-objects", "v"+r.MetricsServer, "metrics-server.yml"),
		gh+"kubernetes-sigs/metrics-server/releases/download/v"+r.MetricsServer+"/components.yaml", "")
	m.Artifacts = append(m.Artifacts, images(r)...)
	return m
}

func (m *Manifest) add(a Artifact, address, checksum string) {
	a.URL = address
	if checksum != "" {
		a.ChecksumURL = address + checksum
	}
	m.Artifacts = append(m.Artifacts, a)
}

func binary(name, version string) Artifact {
	return Artifact{
		Name: name, Kind: KindBinary, Version: version, License: "Apache-2.0", ProvidedBy: ByBundle, Path: "files/" + name,
		Install: &Install{Path: "/usr/local/bin/" + name, Mode: "0755"},
	}
}

func archive(name, version, file, dir string) Artifact {
	return Artifact{
		Name: name, Kind: KindArchive, Version: version, License: "Apache-2.0", ProvidedBy: ByBundle, Path: "files/" + file,
		Install: &Install{Path: dir},
	}
}

func objects(name, version, file string) Artifact {
	return Artifact{
		Name: name, Kind: KindManifest, Version: version, License: "Apache-2.0", ProvidedBy: ByBundle,
		Nodes: []string{controlPlane}, Path: "files/" + file, Install: &Install{Path: ObjectsDir + "/" + file, Mode: "0644"},
	}
}

// images are those that kubeadm and the overlay ask for, by the names that they ask for.
func images(r release.Release) []Artifact {
	kube := "v" + r.Kubernetes
	image := func(name, repository, tag string, nodes ...string) Artifact {
		return Artifact{
			Name: name, Kind: KindImage, Version: tag, License: "Apache-2.0", ProvidedBy: ByBundle, Nodes: nodes,
			Reference: repository + ":" + tag,
		}
	}
	const registry = "registry.k8s.io/"
	return []Artifact{
		image("image/kube-apiserver", registry+"kube-apiserver", kube, controlPlane),
		image("image/kube-controller-manager", registry+"kube-controller-manager", kube, controlPlane),
		image("image/kube-scheduler", registry+"kube-scheduler", kube, controlPlane),
		image("image/kube-proxy", registry+"kube-proxy", kube),
		image("image/etcd", registry+"etcd", r.EtcdImage, controlPlane),
		image("image/coredns", registry+"coredns/coredns", "v"+r.CoreDNS),
		image("image/pause", registry+"pause", r.Pause),
		image("image/flannel", "ghcr.io/flannel-io/flannel", "v"+r.Flannel),
		image("image/flannel-cni-plugin", "ghcr.io/flannel-io/flannel-cni-plugin", "v"+r.FlannelCNI),
		image("image/metrics-server", registry+"metrics-server/metrics-server", "v"+r.MetricsServer),
	}
}

// ParseMirror reads the address of a mirror, such as https://mirror.test/cache.
func ParseMirror(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a mirror, such as https://mirror.example.com/cache", s)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the address of a mirror, %q, may have no ? or #", s)
	}
	return u, nil
}

// Mirrored returns the manifest with addresses at a mirror: it has what is at https://HOST/PATH as MIRROR/HOST/PATH.
func (m *Manifest) Mirrored(mirror *url.URL) *Manifest {
	out := *m
	out.Artifacts = slices.Clone(m.Artifacts)
	for i := range out.Artifacts {
		a := &out.Artifacts[i]
		a.URL, a.ChecksumURL = atMirror(mirror, a.URL), atMirror(mirror, a.ChecksumURL)
	}
	return &out
}

func atMirror(mirror *url.URL, address string) string {
	if mirror == nil || address == "" {
		return address
	}
	return strings.TrimRight(mirror.String(), "/") + "/" + strings.TrimPrefix(address, "https://")
}
