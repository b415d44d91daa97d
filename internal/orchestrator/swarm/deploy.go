package swarm

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
)

func compare(a, b string) int { return strings.Compare(a, b) }

func deploy(w *hclconfig.Workload) Deploy {
	d := Deploy{
		Mode: "replicated", Labels: textMap(w.Labels), Resources: resources(w.Containers[0].Resources),
		RestartPolicy: restartPolicy(w), Placement: placement(w), unavailable: unavailable(w),
	}
	d.Labels[AddressLabel] = text(w.Address)
	switch w.Kind {
	case hclconfig.Daemon:
		d.Mode = "global"
		d.UpdateConfig, d.RollbackConfig = updates(w)
	case hclconfig.Job:
		d.Mode, d.Replicas = "replicated-job", new(w.Completions)
	case hclconfig.Pod:
		d.Replicas = new(1)
		d.UpdateConfig, d.RollbackConfig = updates(w)
	default:
		d.Replicas = new(w.Replicas)
		d.UpdateConfig, d.RollbackConfig = updates(w)
	}
	return d
}

func restartPolicy(w *hclconfig.Workload) *RestartPolicy {
	p := &RestartPolicy{Condition: "any"}
	switch w.RestartPolicy {
	case "on_failure":
		p.Condition = "on-failure"
	case "never":
		p.Condition = "none"
	}
	if w.Kind == hclconfig.Job && p.Condition == "on-failure" {
		p.MaxAttempts = new(w.BackoffLimit)
	}
	return p
}

func resources(r hclconfig.Resources) *Resources {
	limits, reservations := amounts(r.CPULimitMilli, r.MemoryLimit), amounts(r.CPUMilli, r.MemoryBytes)
	if limits == nil && reservations == nil {
		return nil
	}
	return &Resources{Limits: limits, Reservations: reservations}
}

func amounts(cpu, memory int64) *Amounts {
	if cpu == 0 && memory == 0 {
		return nil
	}
	a := &Amounts{}
	if cpu > 0 {
		a.CPUs = strconv.FormatFloat(float64(cpu)/1000, 'f', -1, 64)
	}
	const mebibyte = 1 << 20
	switch {
	case memory == 0:
	case memory%mebibyte == 0:
		a.Memory = strconv.FormatInt(memory/mebibyte, 10) + "M" // Docker counts in powers of two
	default:
		a.Memory = strconv.FormatInt(memory, 10) + "b"
	}
	return a
}

func placement(w *hclconfig.Workload) *Placement {
	p := &Placement{}
	for _, k := range slices.Sorted(maps.Keys(w.Placement.NodeLabels)) {
		p.Constraints = append(p.Constraints, text("node.labels."+k+"=="+w.Placement.NodeLabels[k]))
	}
	for _, s := range w.Placement.Spread {
		switch {
		case w.Kind == hclconfig.Daemon, s == "node": // the latter is what a Swarm does by itself
		case s == "zone":
			p.Preferences = append(p.Preferences, Preference{Spread: "node.labels." + ZoneLabel})
		default:
			p.Preferences = append(p.Preferences, Preference{Spread: "node.labels." + s})
		}
	}
	if w.Kind == hclconfig.Deployment && slices.Contains(w.Placement.AntiAffinity, w.Name) {
		p.MaxPerNode = 1
	}
	if len(p.Constraints) == 0 && len(p.Preferences) == 0 && p.MaxPerNode == 0 {
		return nil
	}
	return p
}

// updates starts new tasks first where a surge is allowed, as many at once as that says; else it stops as many old ones as
// may be unavailable.
func updates(w *hclconfig.Workload) (update, rollback *UpdateConfig) {
	u := w.Update
	replicas := max(w.Replicas, 1)
	update = &UpdateConfig{Order: "start-first", Parallelism: max(u.MaxSurge.Of(replicas, true), 1), FailureAction: "pause", Monitor: monitor(w)}
	if u.MaxSurge.Value == 0 || w.Kind != hclconfig.Deployment {
		update.Order, update.Parallelism = stopFirst, max(unavailable(w), 1)
	}
	back := *update
	if u.AutoRevert {
		update.FailureAction = "rollback"
	}
	return update, &back
}

// monitor is how long a new task is watched: until its check could have failed, and no longer than the update may take.
func monitor(w *hclconfig.Workload) string {
	h := check(w.Containers[0])
	if h == nil {
		return ""
	}
	d := h.InitialDelay + time.Duration(h.FailureThreshold)*(h.Interval+h.Timeout)
	if w.Update.ProgressDeadline > 0 {
		d = min(d, w.Update.ProgressDeadline)
	}
	return d.String()
}
