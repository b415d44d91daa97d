package orchestrator

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
)

// The attributes that drivers read back from a recorded workload.
const (
	AttributeReplicas         = "replicas"
	AttributeProgressDeadline = "update.progress_deadline"
	AttributeAutoRevert       = "update.auto_revert"
	// AttributeAutoscale is set where an autoscaler owns the number of replicas.
	AttributeAutoscale = "autoscale.max"
	AttributeSpread    = "placement.spread"
)

// Attributes lists the settings of a workload by path in the language's own words: "container.app.image". What has its
// default is left out, but for replicas. Sensitive values are digests under the key; without one they are all alike.
func Attributes(w *hclconfig.Workload, key []byte) map[string]string {
	a := attributes{list: map[string]string{}, key: key}
	if w.Kind == hclconfig.Deployment && w.Autoscale == nil {
		a.list[AttributeReplicas] = strconv.Itoa(w.Replicas)
	}
	a.texts("labels", w.Labels)
	a.texts("annotations", w.Annotations)
	restart := "always"
	if w.Kind == hclconfig.Job || w.Kind == hclconfig.CronJob {
		restart = "on_failure"
	}
	a.text("restart_policy", w.RestartPolicy, restart)
	a.duration("grace", w.Grace, 30*time.Second)
	a.text("schedule", w.Schedule, "")
	a.number("completions", w.Completions, 1)
	a.number("parallelism", w.Parallelism, 1)
	a.number("backoff_limit", w.BackoffLimit, 6)
	a.duration("deadline", w.Deadline, 0)
	for typ, list := range map[string][]hclconfig.Container{"container": w.Containers, "sidecar": w.Sidecars, "init_container": w.InitContainers} {
		for _, c := range list {
			a.container(typ+"."+c.Name+".", c)
		}
	}
	for _, c := range w.Configs {
		a.files("config."+c.Name+".files.", c.Files, false)
	}
	for _, s := range w.Secrets {
		a.files("secret."+s.Name+".files.", s.Files, true)
	}
	for _, v := range w.Volumes {
		a.volume("volume."+v.Name+".", v)
	}
	for _, e := range w.Expose {
		a.expose("expose."+e.Name+".", e)
	}
	if s := w.Autoscale; s != nil {
		a.number("autoscale.min", s.Min, 0)
		a.number(AttributeAutoscale, s.Max, 0)
		a.number("autoscale.cpu", s.CPU, 0)
	}
	a.placement(w.Placement)
	usual := hclconfig.Amount{Value: 25, Percent: true}
	a.amount("update.max_surge", w.Update.MaxSurge, usual)
	a.amount("update.max_unavailable", w.Update.MaxUnavailable, usual)
	a.duration(AttributeProgressDeadline, w.Update.ProgressDeadline, 10*time.Minute)
	a.flag(AttributeAutoRevert, w.Update.AutoRevert)
	return a.list
}

// attributes collects what differs from the defaults.
type attributes struct {
	list map[string]string
	key  []byte
}

func (a attributes) text(path, value, usual string) {
	if value != "" && value != usual {
		a.list[path] = value
	}
}

func (a attributes) number(path string, value, usual int) {
	if value != usual {
		a.list[path] = strconv.Itoa(value)
	}
}

func (a attributes) flag(path string, value bool) {
	if value {
		a.list[path] = "true"
	}
}

func (a attributes) duration(path string, value, usual time.Duration) {
	if value != 0 && value != usual {
		text := value.String()
		if strings.HasSuffix(text, "m0s") { // as people write it: 1h30m
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		a.list[path] = text
	}
}

func (a attributes) amount(path string, value, usual hclconfig.Amount) {
	if value == usual {
		return
	}
	s := strconv.Itoa(value.Value)
	if value.Percent {
		s += "%"
	}
	a.list[path] = s
}

func (a attributes) texts(path string, values map[string]string) {
	for k, v := range values {
		a.list[path+"."+k] = v
	}
}

func (a attributes) words(path string, list []string) {
	if len(list) > 0 {
		quoted := make([]string, 0, len(list))
		for _, s := range list {
			quoted = append(quoted, strconv.Quote(s))
		}
		a.list[path] = Shortened("[" + strings.Join(quoted, ", ") + "]")
	}
}

func (a attributes) container(at string, c hclconfig.Container) {
	a.list[at+"image"] = c.Image
	a.words(at+"command", c.Command)
	a.words(at+"args", c.Args)
	a.text(at+"working_dir", c.WorkingDir, "")
	a.text(at+"user", c.User, "")
	a.flag(at+"privileged", c.Privileged)
	a.flag(at+"read_only", c.ReadOnly)
	for _, e := range c.Env {
		switch {
		case e.FromSecret != "":
			a.list[at+"secret_env."+e.Name] = e.FromSecret + "." + e.SecretKey
		case e.Sensitive:
			a.list[at+"env."+e.Name] = Concealed(a.key, e.Value)
		default:
			a.list[at+"env."+e.Name] = Shortened(e.Value)
		}
	}
	for _, p := range c.Ports {
		port := at + "port." + p.Name + "."
		a.number(port+"container", p.Container, 0)
		a.number(port+"host", p.Host, 0)
		a.text(port+"protocol", p.Protocol, "tcp")
	}
	r := c.Resources
	a.quantity(at+"resources.cpu", r.CPUMilli, cpu)
	a.quantity(at+"resources.memory", r.MemoryBytes, size)
	a.quantity(at+"resources.cpu_limit", r.CPULimitMilli, cpu)
	a.quantity(at+"resources.memory_limit", r.MemoryLimit, size)
	if c.Liveness != nil && reflect.DeepEqual(c.Liveness, c.Readiness) {
		a.check(at+"health_check.", c.Liveness)
	} else {
		a.check(at+"liveness.", c.Liveness)
		a.check(at+"readiness.", c.Readiness)
	}
	for _, m := range c.Mounts {
		mount := at + "mount." + m.Name + "."
		a.text(mount+"path", m.Path, "")
		a.text(mount+"sub_path", m.SubPath, "")
		a.flag(mount+"read_only", m.ReadOnly)
	}
}

func (a attributes) check(at string, h *hclconfig.HealthCheck) {
	if h == nil {
		return
	}
	a.text(at+"http", h.HTTP, "")
	a.flag(at+"tcp", h.TCP)
	a.words(at+"command", h.Command)
	a.text(at+"port", h.Port, "")
	a.duration(at+"interval", h.Interval, 10*time.Second)
	a.duration(at+"timeout", h.Timeout, time.Second)
	a.duration(at+"initial_delay", h.InitialDelay, 0)
	a.number(at+"failure_threshold", h.FailureThreshold, 3)
	a.number(at+"success_threshold", h.SuccessThreshold, 1)
}

func (a attributes) files(at string, files map[string]hclconfig.FileContent, secret bool) {
	for path, f := range files {
		if secret || f.Sensitive {
			a.list[at+path] = Concealed(a.key, f.Content)
			continue
		}
		a.list[at+path] = Shortened(f.Content)
	}
}

func (a attributes) volume(at string, v hclconfig.Volume) {
	a.text(at+"host", v.Host, "")
	if e := v.Empty; e != nil {
		a.list[at+"empty.memory"] = strconv.FormatBool(e.Memory)
		a.quantity(at+"empty.size", e.SizeBytes, size)
	}
	if c := v.Claim; c != nil {
		a.quantity(at+"claim.size", c.SizeBytes, size)
		a.text(at+"claim.storage_class", c.StorageClass, "")
		a.text(at+"claim.access_mode", c.AccessMode, "read_write_once")
	}
}

func (a attributes) expose(at string, e hclconfig.Expose) {
	a.text(at+"type", e.Type, "")
	a.number(at+"port", e.Port, 0)
	a.text(at+"target", e.Target, e.Name)
	a.number(at+"node_port", e.NodePort, 0)
	a.text(at+"protocol", e.Protocol, "tcp")
}

func (a attributes) placement(p hclconfig.Placement) {
	a.texts("placement.node_labels", p.NodeLabels)
	a.words(AttributeSpread, p.Spread)
	a.words("placement.affinity", p.Affinity)
	a.words("placement.anti_affinity", p.AntiAffinity)
	for i, t := range p.Tolerations {
		at := fmt.Sprintf("placement.toleration[%d].", i)
		a.list[at+"key"] = t.Key
		if !t.Exists {
			a.list[at+"value"] = t.Value
		}
		a.text(at+"effect", t.Effect, "")
		a.duration(at+"duration", t.Duration, 0)
	}
}

func (a attributes) quantity(path string, n int64, write func(int64) string) {
	if n != 0 {
		a.list[path] = write(n)
	}
}

// cpu writes thousandths of a processor as the files do: "2", "250m".
func cpu(milli int64) string {
	if milli%1000 == 0 {
		return strconv.FormatInt(milli/1000, 10)
	}
	return strconv.FormatInt(milli, 10) + "m"
}

// size writes a size with the largest binary unit that leaves no rest.
func size(n int64) string {
	for _, u := range []struct {
		of   int64
		name string
	}{{1 << 40, "Ti"}, {1 << 30, "Gi"}, {1 << 20, "Mi"}, {1 << 10, "Ki"}} {
		if n%u.of == 0 {
			return strconv.FormatInt(n/u.of, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// longest is how long a text may be to stand in a plan as it is.
const longest = 200

// Shortened is a text as a plan shows it: a long one, or one of several lines, by its size and a digest that tells a change.
func Shortened(s string) string {
	body := strings.TrimSuffix(s, "\n")
	if len(s) <= longest && !strings.Contains(body, "\n") {
		return s
	}
	return fmt.Sprintf("(%d lines, %d bytes, %s)", strings.Count(body, "\n")+1, len(s), Revision(map[string]string{"": s}))
}

// Concealed stands for a sensitive value in plans and state: it tells a change, and under a key it does not help to guess.
func Concealed(key []byte, value string) string {
	if r := SecretRevision(key, map[string]string{"": value}); r != "" {
		return Hidden + " " + r
	}
	return Hidden
}
