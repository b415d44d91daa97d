package bundle

import (
	"fmt"
	"maps"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// iptablesLicense is that of iptables and of the C library that it is linked with.
const iptablesLicense = "GPL-2.0-or-later AND LGPL-2.1-or-later"

// recipe says what of the programs an image of a bundle built from source consists of.
type recipe struct {
	artifact string
	// programs maps paths in the image to programs.
	programs   map[string]string
	entrypoint []string
	iptables   bool
	note       string
}

// recipes have the paths that kubeadm's static pods and the overlay's manifest expect.
var recipes = [...]recipe{
	{artifact: "image/kube-apiserver", programs: map[string]string{"usr/local/bin/kube-apiserver": source.APIServer}, entrypoint: []string{"/usr/local/bin/kube-apiserver"}},
	{artifact: "image/kube-controller-manager", programs: map[string]string{"usr/local/bin/kube-controller-manager": source.ControllerManager}, entrypoint: []string{"/usr/local/bin/kube-controller-manager"}},
	{artifact: "image/kube-scheduler", programs: map[string]string{"usr/local/bin/kube-scheduler": source.Scheduler}, entrypoint: []string{"/usr/local/bin/kube-scheduler"}},
	{artifact: "image/kube-proxy", programs: map[string]string{"usr/local/bin/kube-proxy": source.KubeProxy}, entrypoint: []string{"/usr/local/bin/kube-proxy"}, iptables: true},
	{artifact: "image/etcd", programs: map[string]string{"usr/local/bin/etcd": source.Etcd}, entrypoint: []string{"/usr/local/bin/etcd"}},
	{artifact: "image/coredns", programs: map[string]string{"coredns": source.CoreDNS}, entrypoint: []string{"/coredns"}, note: "with the plugins of kubeadm's Corefile only"},
	{artifact: "image/pause", programs: map[string]string{"pause": source.Pause}, entrypoint: []string{"/pause"}, note: "a program of clusterform that does the same"},
	{
		artifact: "image/flannel", programs: map[string]string{"opt/bin/flanneld": source.Flanneld, "opt/bin/install-conf": source.FlannelInstall},
		entrypoint: []string{"/opt/bin/flanneld"}, iptables: true, note: "without the backends udp and tencent-vpc",
	},
	{
		artifact: "image/flannel-cni-plugin", programs: map[string]string{"flannel": source.FlannelCNI, "bin/cp": source.Copy},
		entrypoint: []string{"/bin/cp"}, note: "the plugin as it was in containernetworking/plugins, for CNI versions up to 0.4.0",
	},
	{artifact: "image/metrics-server", programs: map[string]string{"metrics-server": source.MetricsServer}, entrypoint: []string{"/metrics-server"}},
}

// FromSource is the manifest of a release as it is built here. It is not locked.
func FromSource(r release.Release, arch, toolchain string) *Manifest {
	m := Upstream(r, arch)
	m.Origin, m.Toolchain = OriginSource, toolchain
	made := map[string]string{}
	for _, c := range source.Components(r) {
		for _, p := range c.Programs {
			made[p.Name] = c.Module + "@" + c.Version
			if c.Module == "" {
				made[p.Name] = ""
			}
		}
	}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		a.URL, a.ChecksumURL = "", ""
		switch a.Name {
		case "containerd", "runc", "crictl":
			a.ProvidedBy, a.Path, a.Install = ByImage, "", nil
			a.Version, a.Note = "any", "not built here: the machine image has its distribution's; crictl is for people and may be missing"
		case "cni-plugins":
			a.Module = made["bridge"]
		case "flannel-objects":
			overlay := source.Overlay(r)
			a.Module, a.Note = overlay.Module+"@"+overlay.Version, "CNI version 0.4.0, which the plugin of this bundle speaks"
		case "metrics-server-objects":
			a.Note = "clusterform's own"
		default:
			a.Module = made[a.Name]
		}
	}
	for _, rec := range recipes {
		a, ok := m.Find(rec.artifact)
		if !ok {
			continue
		}
		a.Note = rec.note
		modules := map[string]bool{}
		for _, p := range rec.programs {
			if module := made[p]; module != "" && !modules[module] {
				modules[module] = true
				a.Module = module
			}
		}
		if rec.iptables {
			a.License = "Apache-2.0 AND " + iptablesLicense
		}
	}
	return m
}

// spec makes the description of an image from the programs that were compiled.
func (rec recipe) spec(arch string, programs map[string]store.File, userland *source.Userland) (oci.Spec, error) {
	s := oci.Spec{
		Files: map[string]string{}, Links: map[string]string{}, Entrypoint: rec.entrypoint, Arch: arch,
		Texts: map[string]string{"etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"},
	}
	for at, name := range rec.programs {
		f, ok := programs[name]
		if !ok {
			return s, fmt.Errorf("%s needs the program %s, which no component has", rec.artifact, name)
		}
		s.Files[at] = f.Path
	}
	if rec.iptables {
		maps.Copy(s.Files, userland.Files)
		maps.Copy(s.Links, userland.Links)
	}
	return s, nil
}
