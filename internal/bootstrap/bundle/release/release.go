// Package release says which versions belong together: for each Kubernetes version that clusterform installs, those of
// etcd, CoreDNS, the overlay and the rest. What is fetched or built for them is in internal/bootstrap/bundle.
package release

import (
	"fmt"
	"strings"
)

// Release is one Kubernetes version with what a cluster of it needs. The versions of etcd, CoreDNS and pause are those
// that kubeadm of this version asks for; another one would not be found when the control plane starts.
type Release struct {
	Kubernetes string // without v, as in a cluster's version argument: "1.34.4"
	Etcd       string
	EtcdImage  string // the image's tag: "3.6.5-0"
	CoreDNS    string
	Pause      string
	CNIPlugins string
	Flannel    string
	// FlannelCNI is the tag of the image with the overlay's CNI plugin, as the overlay's manifest names it.
	FlannelCNI string
	CRITools   string
	// MetricsServer serves the metrics API; it works with older and newer versions of Kubernetes, too.
	MetricsServer string
	Containerd    string
	Runc          string
}

// all is in ascending order of version.
var all = [...]Release{
	{
		Kubernetes: "1.33.13", Etcd: "3.5.24", EtcdImage: "3.5.24-0", CoreDNS: "1.12.0", Pause: "3.10",
		CNIPlugins: "1.9.1", Flannel: "0.28.10", FlannelCNI: "1.9.1-flannel3",
		CRITools: "1.33.0", Containerd: "2.1.5", Runc: "1.3.4", MetricsServer: "0.9.0",
	},
	{
		Kubernetes: "1.34.4", Etcd: "3.6.5", EtcdImage: "3.6.5-0", CoreDNS: "1.12.1", Pause: "3.10.1",
		CNIPlugins: "1.9.1", Flannel: "0.28.10", FlannelCNI: "1.9.1-flannel3",
		CRITools: "1.34.0", Containerd: "2.1.5", Runc: "1.3.4", MetricsServer: "0.9.0",
	},
}

// All returns the releases, the oldest first.
func All() []Release { return append([]Release(nil), all[:]...) }

// Newest is the release that is used when none is asked for.
func Newest() Release { return all[len(all)-1] }

// Find returns the release of a Kubernetes version, written with or without a v. A version without the last number, such
// as "1.34", means its newest release. The error lists what there is.
func Find(version string) (Release, error) {
	version = strings.TrimPrefix(version, "v")
	var names []string
	var found *Release
	for _, r := range all {
		if r.Kubernetes == version || strings.HasPrefix(r.Kubernetes, version+".") && strings.Count(version, ".") == 1 {
			found = new(r)
		}
		names = append(names, r.Kubernetes)
	}
	if found == nil {
		return Release{}, fmt.Errorf("no bundle is known for Kubernetes %q; there are %s", version, strings.Join(names, " and "))
	}
	return *found, nil
}

// Minor is the part of the version before the last dot, "1.34".
func (r Release) Minor() string { return r.Kubernetes[:strings.LastIndex(r.Kubernetes, ".")] }
