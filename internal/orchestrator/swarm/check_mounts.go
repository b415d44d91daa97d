package swarm

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// The most that a config and a secret may hold, in bytes.
const (
	configLimit = 1000 << 10
	secretLimit = 500 << 10
)

func checkMounts(f *orchestrator.Findings, w *hclconfig.Workload, c hclconfig.Container, at orchestrator.Place) {
	for _, m := range c.Mounts {
		i := slices.IndexFunc(w.Volumes, func(v hclconfig.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			continue
		}
		v := w.Volumes[i]
		mount := at.In(orchestrator.Labelled("mount", m.Name))
		volume := orchestrator.At(orchestrator.Labelled("volume", v.Name))
		if m.SubPath != "" && (v.Claim != nil || v.Empty != nil) {
			f.Unsupported(mount.In("sub_path"), "A Swarm mounts volumes whole.", "Leave it out, and let the program use the directory in it.")
		}
		switch {
		case v.Empty != nil:
			if slices.ContainsFunc(c.Mounts, func(o hclconfig.Mount) bool { return o.Name == m.Name && o.Path != m.Path }) {
				f.Unsupported(mount, "A Swarm would give each of its paths an empty volume of its own.", "Mount it once.")
			}
			if v.Empty.SizeBytes > 0 && !v.Empty.Memory {
				f.Unsupported(volume.In("empty", "size"), "A Swarm limits the size of volumes in memory only.", "Leave it out, or write memory = true.")
			}
		case v.Claim != nil && v.Claim.StorageClass == "":
			f.Differs(volume.In("claim"), "Without a storage class this is a directory of whichever node the task runs on, of no fixed size: a task that moves to another node finds it empty.", "Write storage_class with the name of a volume driver, or hold the workload on a node with placement { node_labels = … }.")
		}
	}
	for _, x := range w.Configs {
		checkFiles(f, "config", x.Name, x.Files)
	}
	for _, x := range w.Secrets {
		checkFiles(f, "secret", x.Name, x.Files)
	}
}

func checkFiles(f *orchestrator.Findings, typ, label string, files map[string]Content) {
	at := orchestrator.At(orchestrator.Labelled(typ, label), "files")
	for path, c := range sorted(files) {
		limit := configLimit
		if c.Sensitive {
			limit = secretLimit
		}
		if len(c.Content) > limit {
			f.Unsupported(at, fmt.Sprintf("%q has %d bytes, and a Swarm takes at most %d.", path, len(c.Content), limit), "Put large files into the image, or onto a volume.")
		}
		if len(c.Content) == 0 {
			f.Unsupported(at, fmt.Sprintf("%q is empty, and a Swarm takes no empty files.", path), "Put a line end into it, or leave it out.")
		}
		if path == "" || strings.HasPrefix(path, "/") || strings.Contains("/"+path+"/", "/../") {
			f.Unsupported(at, fmt.Sprintf("%q is no path below the directory where it is mounted.", path), "Write a relative path such as \"conf.d/a.conf\".")
		}
	}
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
