package source

import (
	_ "embed"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

// The programs and objects of our own. Their directory begins with _ so that they are no packages of this module: one of them needs
// modules that clusterform does not.
var (
	//go:embed _programs/pause/main.go
	pauseMain string
	//go:embed _programs/cp/main.go
	cpMain string
	//go:embed _programs/coredns/main.go
	coreDNSMain string
	//go:embed _objects/metrics-server.yml
	metricsObjects string
)

// Names of programs, where they are asked for.
const (
	Kubeadm           = "kubeadm"
	Kubelet           = "kubelet"
	Kubectl           = "kubectl"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	KubeProxy         = "kube-proxy"
	Etcd              = "etcd"
	CoreDNS           = "coredns"
	Flanneld          = "flanneld"
	FlannelInstall    = "install-conf"
	FlannelCNI        = "flannel"
	Pause             = "pause"
	Copy              = "cp"
	MetricsServer     = "metrics-server"
)

// flannelCNIVersion is the last version of containernetworking/plugins that had the overlay's plugin. Its own, later
// module is not served by every proxy; this one does the same, with CNI versions up to 0.4.0.
const flannelCNIVersion = "v0.9.1"

// OverlayManifest is the file of the overlay's Kubernetes objects in its module.
const OverlayManifest = "Documentation/kube-flannel.yml"

// OverlayCNI changes the overlay's manifest to the newest CNI version that the plugin built here speaks.
func OverlayCNI(manifest []byte) ([]byte, bool) {
	const from, to = `"cniVersion": "1.0.0"`, `"cniVersion": "0.4.0"`
	text := string(manifest)
	if strings.Count(text, from) != 1 {
		return nil, false
	}
	return []byte(strings.Replace(text, from, to, 1)), true
}

// Components are what a release is built of, the long ones first.
func Components(r release.Release) []Component {
	return []Component{kubernetes(r), coreDNS(r), Overlay(r), etcd(r), Metrics(r), cniPlugins(r), overlayPlugin(), own()}
}

func kubernetes(r release.Release) Component {
	c := Component{
		Name: "kubernetes", Module: "k8s.io/kubernetes", Version: "v" + r.Kubernetes, License: "Apache-2.0",
		// v1.34.4 goes with v0.34.4 of the staging modules.
		Staging: "v0" + strings.TrimPrefix(r.Kubernetes, "1"),
	}
	// kubeadm derives its images from its version, and refuses to guess when there is none.
	major, minor, _ := strings.Cut(r.Minor(), ".")
	var stamp []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		stamp = append(stamp, pkg+".gitVersion=v"+r.Kubernetes, pkg+".gitMajor="+major, pkg+".gitMinor="+minor, pkg+".gitTreeState=clean")
	}
	for _, name := range []string{Kubeadm, Kubelet, Kubectl, APIServer, ControllerManager, Scheduler, KubeProxy} {
		c.Programs = append(c.Programs, Program{Name: name, Package: "k8s.io/kubernetes/cmd/" + name, Stamp: stamp})
	}
	return c
}

func etcd(r release.Release) Component {
	return Component{
		Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Version: "v" + r.Etcd, License: "Apache-2.0",
		Programs: []Program{{Name: Etcd, Package: "go.etcd.io/etcd/server/v3"}},
	}
}

func coreDNS(r release.Release) Component {
	return Component{
		Name: "coredns", Module: "github.com/coredns/coredns", Version: "v" + r.CoreDNS, License: "Apache-2.0",
		Programs: []Program{{Name: CoreDNS, Main: coreDNSMain}},
	}
}

// Overlay is flannel. Its module also holds the overlay's manifest, see OverlayManifest.
func Overlay(r release.Release) Component {
	version := "v" + r.Flannel
	stamp := []string{"github.com/flannel-io/flannel/pkg/version.Version=" + version}
	const backend = "github.com/flannel-io/flannel/pkg/backend/"
	return Component{
		Name: "flannel", Module: "github.com/flannel-io/flannel", Version: version, License: "Apache-2.0",
		Programs: []Program{
			// udp needs a C compiler, tencentvpc a module that not every proxy serves.
			{Name: Flanneld, From: &Edited{Dir: ".", Drop: []string{backend + "udp", backend + "tencentvpc"}}, Stamp: stamp},
			{Name: FlannelInstall, Package: "github.com/flannel-io/flannel/cmd/install_conf"},
		},
	}
}

// Metrics is metrics-server.
func Metrics(r release.Release) Component {
	version := "v" + r.MetricsServer
	return Component{
		Name: "metrics-server", Module: "sigs.k8s.io/metrics-server", Version: version, License: "Apache-2.0",
		Programs: []Program{{
			Name: MetricsServer, Package: "sigs.k8s.io/metrics-server/cmd/metrics-server",
			Stamp: []string{"k8s.io/client-go/pkg/version.gitVersion=" + version},
		}},
	}
}

// MetricsObjects are the Kubernetes objects that run metrics-server.
func MetricsObjects(r release.Release) []byte {
	return []byte(strings.ReplaceAll(metricsObjects, "@VERSION@", "v"+r.MetricsServer))
}

func overlayPlugin() Component {
	return Component{
		Name: "flannel-cni-plugin", Module: "github.com/containernetworking/plugins", Version: flannelCNIVersion, License: "Apache-2.0",
		Programs: []Program{{
			Name: FlannelCNI, Package: "github.com/containernetworking/plugins/plugins/meta/flannel",
			Stamp: []string{"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=" + flannelCNIVersion},
		}},
	}
}

// cniPackages are the programs of the archive of CNI plugins, as in upstream's.
var cniPackages = [...]string{
	"ipam/dhcp", "ipam/host-local", "ipam/static",
	"main/bridge", "main/dummy", "main/host-device", "main/ipvlan", "main/loopback", "main/macvlan", "main/ptp", "main/tap", "main/vlan",
	"meta/bandwidth", "meta/firewall", "meta/portmap", "meta/sbr", "meta/tuning", "meta/vrf",
}

func cniPlugins(r release.Release) Component {
	c := Component{Name: "cni-plugins", Module: "github.com/containernetworking/plugins", Version: "v" + r.CNIPlugins, License: "Apache-2.0"}
	for _, p := range cniPackages {
		c.Programs = append(c.Programs, Program{
			Name: p[strings.Index(p, "/")+1:], Package: "github.com/containernetworking/plugins/plugins/" + p,
			Stamp: []string{"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=" + c.Version},
		})
	}
	return c
}

// CNIPlugins names the programs that go into the archive of CNI plugins.
func CNIPlugins() []string {
	var out []string
	for _, p := range cniPackages {
		out = append(out, p[strings.Index(p, "/")+1:])
	}
	return out
}

func own() Component {
	return Component{Name: "clusterform", License: "Apache-2.0", Programs: []Program{{Name: Pause, Main: pauseMain}, {Name: Copy, Main: cpMain}}}
}
