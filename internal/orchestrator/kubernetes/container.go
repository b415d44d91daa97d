package kubernetes

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/clusterform/clusterform/hclconfig"
)

func (b *builder) container(c hclconfig.Container) corev1.Container {
	out := corev1.Container{
		Name: c.Name, Image: c.Image, Command: literals(c.Command), Args: literals(c.Args), WorkingDir: c.WorkingDir,
		Env: b.env(c), Resources: resources(c.Resources), SecurityContext: security(c),
		LivenessProbe: probe(c.Liveness, c), ReadinessProbe: probe(c.Readiness, c),
	}
	if out.LivenessProbe != nil {
		out.LivenessProbe.SuccessThreshold = 1 // Kubernetes knows no other for liveness
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, corev1.ContainerPort{
			Name: p.Name, ContainerPort: int32(p.Container), HostPort: int32(p.Host), Protocol: protocol(p.Protocol),
		})
	}
	for _, m := range c.Mounts {
		out.VolumeMounts = append(out.VolumeMounts, corev1.VolumeMount{
			Name: b.volumeName(m.Name), MountPath: m.Path, SubPath: m.SubPath, ReadOnly: m.ReadOnly,
		})
	}
	return out
}

func protocol(s string) corev1.Protocol {
	if s == "udp" {
		return corev1.ProtocolUDP
	}
	return corev1.ProtocolTCP
}

// literals keeps Kubernetes from replacing $(NAME) in a text, which no other orchestrator does: "$$" stands for "$".
func literals(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, literal(s))
	}
	return out
}

func literal(s string) string {
	if strings.Contains(s, "$(") || strings.Contains(s, "$$") {
		return strings.ReplaceAll(s, "$", "$$")
	}
	return s
}

func resources(r hclconfig.Resources) corev1.ResourceRequirements {
	list := func(cpu, memory int64) corev1.ResourceList {
		out := corev1.ResourceList{}
		if cpu > 0 {
			out[corev1.ResourceCPU] = *resource.NewMilliQuantity(cpu, resource.DecimalSI)
		}
		if memory > 0 {
			out[corev1.ResourceMemory] = *resource.NewQuantity(memory, resource.BinarySI)
		}
		return out
	}
	return corev1.ResourceRequirements{Requests: list(r.CPUMilli, r.MemoryBytes), Limits: list(r.CPULimitMilli, r.MemoryLimit)}
}

func security(c hclconfig.Container) *corev1.SecurityContext {
	var out corev1.SecurityContext
	user, group, hasGroup := strings.Cut(c.User, ":")
	if id, err := strconv.ParseInt(user, 10, 64); err == nil {
		out.RunAsUser = &id
	}
	if id, err := strconv.ParseInt(group, 10, 64); err == nil && hasGroup {
		out.RunAsGroup = &id
	}
	if c.Privileged {
		out.Privileged = new(true)
	}
	if c.ReadOnly {
		out.ReadOnlyRootFilesystem = new(true)
	}
	if out == (corev1.SecurityContext{}) {
		return nil
	}
	return &out
}

func probe(h *hclconfig.HealthCheck, c hclconfig.Container) *corev1.Probe {
	if h == nil {
		return nil
	}
	p := &corev1.Probe{
		InitialDelaySeconds: seconds32(h.InitialDelay), PeriodSeconds: max(seconds32(h.Interval), 1), TimeoutSeconds: max(seconds32(h.Timeout), 1),
		FailureThreshold: int32(h.FailureThreshold), SuccessThreshold: int32(h.SuccessThreshold),
	}
	switch {
	case h.HTTP != "":
		p.HTTPGet = &corev1.HTTPGetAction{Path: h.HTTP, Port: checkedPort(h, c)}
	case h.TCP:
		p.TCPSocket = &corev1.TCPSocketAction{Port: checkedPort(h, c)}
	default:
		p.Exec = &corev1.ExecAction{Command: h.Command}
	}
	return p
}

// checkedPort is the port of a check: as written, or the container's first.
func checkedPort(h *hclconfig.HealthCheck, c hclconfig.Container) intstr.IntOrString {
	if h.Port == "" && len(c.Ports) > 0 {
		return intstr.FromString(c.Ports[0].Name)
	}
	return intstr.Parse(h.Port)
}
