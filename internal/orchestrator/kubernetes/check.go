package kubernetes

import (
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// contentLimit is the most a ConfigMap or Secret may hold, in bytes.
const contentLimit = 1 << 20

// portNameLimit is the longest name of a container's port.
const portNameLimit = 15

// Check says what Kubernetes cannot do of what a cluster and its blocks ask, or would do otherwise than other orchestrators.
// What is known only after apply is left out; orchestrator.CheckKnown is about that. The finder makes the places exact and
// may be nil.
func Check(c *hclconfig.Cluster, workloads []*hclconfig.Workload, manifests []*hclconfig.Manifest, finder *orchestrator.Finder) hclconfig.Diagnostics {
	diags := checkVersion(c, finder)
	for _, w := range workloads {
		diags = append(diags, CheckWorkload(w, Options{Version: c.Version}, finder)...)
	}
	for _, m := range manifests {
		diags = append(diags, CheckManifest(m, finder)...)
	}
	return append(diags, checkOwners(workloads, manifests, finder)...)
}

// CheckWorkload is the part of Check that is about one workload.
func CheckWorkload(w *hclconfig.Workload, o Options, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Kubernetes, &w.Block, finder)
	checkContainers(f, w)
	checkSidecars(f, w, o)
	checkContent(f, w)
	checkExpose(f, w)
	checkAutoscale(f, w)
	checkDaemon(f, w)
	checkClaims(f, w)
	for _, t := range w.Placement.Tolerations {
		at := orchestrator.At("placement", "toleration")
		switch {
		case t.Duration > 0 && t.Effect != "" && t.Effect != "NoExecute":
			f.Unsupported(at.In("duration"), "Only pods that are already running can be given a time, which is the effect NoExecute.", "Leave duration out, or write effect = \"NoExecute\".")
		case t.Key == "" && !t.Exists:
			f.Unsupported(at.In("value"), "A value belongs to the key of a taint.", "Write the key, or leave the value out to tolerate every taint.")
		}
	}
	return f.Diagnostics()
}

// groups are the containers with the type of their blocks.
func groups(w *hclconfig.Workload) []struct {
	typ  string
	list []hclconfig.Container
} {
	return []struct {
		typ  string
		list []hclconfig.Container
	}{{"container", w.Containers}, {"sidecar", w.Sidecars}, {"init_container", w.InitContainers}}
}

func checkContainers(f *orchestrator.Findings, w *hclconfig.Workload) {
	for _, g := range groups(w) {
		for _, c := range g.list {
			at := orchestrator.At(orchestrator.Labelled(g.typ, c.Name))
			for _, p := range c.Ports {
				if len(p.Name) > portNameLimit || !strings.ContainsFunc(p.Name, letter) {
					f.Unsupported(at.In(orchestrator.Labelled("port", p.Name)),
						fmt.Sprintf("The name of a port has at most %d characters, and a letter among them.", portNameLimit), "Give the port a shorter name, such as \"http\".")
				}
			}
			if g.typ == "init_container" && (c.Liveness != nil || c.Readiness != nil) {
				step := "health_check"
				switch {
				case c.Readiness == nil:
					step = "liveness"
				case c.Liveness == nil:
					step = "readiness"
				}
				f.Unsupported(at.In(step), "An init container runs to its end, so nothing is checked meanwhile.", "Leave the check out, or make this a sidecar.")
			}
		}
	}
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' }

func checkSidecars(f *orchestrator.Findings, w *hclconfig.Workload, o Options) {
	if o.nativeSidecars() || w.Kind != hclconfig.Job && w.Kind != hclconfig.CronJob {
		return
	}
	for _, c := range w.Sidecars {
		f.Unsupported(orchestrator.At(orchestrator.Labelled("sidecar", c.Name)),
			fmt.Sprintf("Before version 1.%d a sidecar keeps a job from ever ending, and the cluster has %s.", nativeSidecars, o.Version),
			fmt.Sprintf("Set the cluster's version to 1.%d or newer, or do without the sidecar.", nativeSidecars))
	}
}

func checkContent(f *orchestrator.Findings, w *hclconfig.Workload) {
	check := func(typ, label string, files map[string]hclconfig.FileContent) {
		at := orchestrator.At(orchestrator.Labelled(typ, label), "files")
		size := 0
		for path, c := range files {
			size += len(path) + len(c.Content)
			if path == "" || strings.HasPrefix(path, "/") || strings.Contains("/"+path+"/", "/../") {
				f.Unsupported(at, fmt.Sprintf("%q is no path below the directory where it is mounted.", path), "Write a relative path such as \"conf.d/a.conf\".")
			}
		}
		if size > contentLimit {
			f.Unsupported(at, fmt.Sprintf("Its files are %d bytes together, and a %s holds at most %d.", size, object(typ), contentLimit), "Put large files into the image, or onto a volume.")
		}
	}
	for _, c := range w.Configs {
		check("config", c.Name, c.Files)
	}
	for _, s := range w.Secrets {
		check("secret", s.Name, s.Files)
	}
}

func object(typ string) string {
	if typ == "config" {
		return "ConfigMap"
	}
	return "Secret"
}

func checkExpose(f *orchestrator.Findings, w *hclconfig.Workload) {
	type port struct {
		number   int
		protocol string
	}
	seen := map[port]string{}
	for _, e := range w.Expose {
		k := port{e.Port, e.Protocol}
		if other, ok := seen[k]; ok {
			f.Unsupported(orchestrator.At(orchestrator.Labelled("expose", e.Name), "port"),
				fmt.Sprintf("Port %d is that of expose %q already, and both are reached under the one name of the workload.", e.Port, other), "Give one of them another port.")
			continue
		}
		seen[k] = e.Name
	}
}

func checkAutoscale(f *orchestrator.Findings, w *hclconfig.Workload) {
	if w.Autoscale == nil {
		return
	}
	for _, g := range groups(w) {
		for _, c := range g.list {
			if g.typ != "init_container" && c.Resources.CPUMilli == 0 && c.Resources.CPULimitMilli == 0 {
				f.Unsupported(orchestrator.At(orchestrator.Labelled(g.typ, c.Name), "resources", "cpu"),
					"The load is measured in percent of what the containers ask for, and this one asks for nothing.", "Write resources { cpu = \"100m\" } with what it needs.")
			}
		}
	}
}

func checkDaemon(f *orchestrator.Findings, w *hclconfig.Workload) {
	if w.Kind != hclconfig.Daemon {
		return
	}
	if len(w.Placement.Spread) > 0 {
		f.Differs(orchestrator.At("placement", "spread"), "A daemon runs on every node, so there is nothing to spread.", "Leave it out.")
	}
	usual := hclconfig.Amount{Value: 25, Percent: true}
	if u := w.Update; u.MaxSurge.Value > 0 && u.MaxUnavailable.Value > 0 && u.MaxSurge != usual {
		f.Unsupported(orchestrator.At("update", "max_surge"), "A daemon is updated either by surge or by being unavailable, not by both.", "Write max_unavailable = 0 to surge, or leave max_surge out.")
	}
}

func checkClaims(f *orchestrator.Findings, w *hclconfig.Workload) {
	many := w.Kind == hclconfig.Daemon || w.Replicas > 1 && w.Kind == hclconfig.Deployment || w.Parallelism > 1 || w.Autoscale != nil && w.Autoscale.Max > 1
	for _, v := range w.Volumes {
		if v.Claim != nil && many && v.Claim.AccessMode == "read_write_once" {
			f.Differs(orchestrator.At(orchestrator.Labelled("volume", v.Name), "claim"),
				"All replicas share this claim, and \"read_write_once\" lets only one node use it at a time: replicas on other nodes wait for it.",
				"Write access_mode = \"read_write_many\" where the storage can do that, or one replica.")
		}
	}
}
