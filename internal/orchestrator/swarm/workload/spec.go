package workload

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"

	stack "github.com/clusterform/clusterform/internal/orchestrator/swarm"
)

// The labels of `docker stack deploy`.
const (
	labelStack = "com.docker.stack.namespace"
	labelImage = "com.docker.stack.image" // as it was asked for, before its digest was looked up
)

// inStack is the name of an object within the whole Swarm.
func inStack(stackName, name string) string { return stackName + "_" + name }

// ids are those of the objects that a service refers to, by name within the whole Swarm.
type ids struct{ configs, secrets map[string]string }

// serviceSpec makes the service of a release.
func serviceSpec(r *stack.Release, made ids) (swarm.ServiceSpec, error) {
	x := r.Service
	c, err := containerSpec(r, made)
	if err != nil {
		return swarm.ServiceSpec{}, err
	}
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: inStack(r.Stack, r.Name), Labels: labels(x.Deploy.Labels, labelStack, r.Stack, labelImage, x.Image)},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: c, RestartPolicy: restartPolicy(x.Deploy.RestartPolicy), Placement: placement(x.Deploy.Placement),
			Networks: []swarm.NetworkAttachmentConfig{{Target: inStack(r.Stack, stack.NetworkName), Aliases: []string{r.Name}}},
		},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionMode(x.Deploy.EndpointMode), Ports: ports(x.Ports)},
	}
	if spec.TaskTemplate.Resources, err = resources(x.Deploy.Resources); err != nil {
		return swarm.ServiceSpec{}, err
	}
	if spec.Mode, err = mode(r); err != nil {
		return swarm.ServiceSpec{}, err
	}
	if spec.UpdateConfig, err = updateConfig(x.Deploy.UpdateConfig); err != nil {
		return swarm.ServiceSpec{}, err
	}
	if spec.RollbackConfig, err = updateConfig(x.Deploy.RollbackConfig); err != nil {
		return swarm.ServiceSpec{}, err
	}
	return spec, nil
}

func containerSpec(r *stack.Release, made ids) (*swarm.ContainerSpec, error) {
	x := r.Service
	c := &swarm.ContainerSpec{
		Image: x.Image, Labels: labels(x.Labels, labelStack, r.Stack), Command: plain(x.Entrypoint), Args: plain(x.Command),
		Dir: string(x.WorkingDir), User: x.User, ReadOnly: x.ReadOnly,
	}
	for _, name := range slices.Sorted(maps.Keys(x.Environment)) {
		c.Env = append(c.Env, name+"="+string(x.Environment[name]))
	}
	if x.StopGrace != "" {
		d, err := time.ParseDuration(x.StopGrace)
		if err != nil {
			return nil, err
		}
		c.StopGracePeriod = &d
	}
	for _, m := range x.Volumes {
		c.Mounts = append(c.Mounts, mountOf(r, m))
	}
	for _, m := range x.Configs {
		name := inStack(r.Stack, m.Source)
		c.Configs = append(c.Configs, &swarm.ConfigReference{
			File:     &swarm.ConfigReferenceFileTarget{Name: string(m.Target), UID: "0", GID: "0", Mode: mode32(m.Mode)},
			ConfigID: made.configs[name], ConfigName: name,
		})
	}
	for _, m := range x.Secrets {
		name := inStack(r.Stack, m.Source)
		c.Secrets = append(c.Secrets, &swarm.SecretReference{
			File:     &swarm.SecretReferenceFileTarget{Name: string(m.Target), UID: "0", GID: "0", Mode: mode32(m.Mode)},
			SecretID: made.secrets[name], SecretName: name,
		})
	}
	var err error
	c.Healthcheck, err = healthcheck(x.Healthcheck)
	return c, err
}

func healthcheck(h *stack.Healthcheck) (*container.HealthConfig, error) {
	if h == nil {
		return nil, nil
	}
	out := &container.HealthConfig{Test: plain(h.Test), Retries: h.Retries}
	for _, d := range []struct {
		text string
		to   *time.Duration
	}{{h.Interval, &out.Interval}, {h.Timeout, &out.Timeout}, {h.StartPeriod, &out.StartPeriod}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil {
			return nil, err
		}
		*d.to = v
	}
	return out, nil
}

func mountOf(r *stack.Release, m stack.Mount) mount.Mount {
	out := mount.Mount{Type: mount.Type(m.Type), Source: string(m.Source), Target: string(m.Target), ReadOnly: m.ReadOnly}
	switch {
	case m.Type == "volume" && m.Source != "":
		v := r.Volumes[string(m.Source)]
		out.Source = inStack(r.Stack, out.Source)
		out.VolumeOptions = &mount.VolumeOptions{Labels: map[string]string{labelStack: r.Stack}}
		if v.Driver != "" {
			out.VolumeOptions.DriverConfig = &mount.Driver{Name: v.Driver}
		}
	case m.Type == "tmpfs" && m.Tmpfs != nil:
		out.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.Tmpfs.Size}
	}
	return out
}

func mode(r *stack.Release) (swarm.ServiceMode, error) {
	d := r.Service.Deploy
	replicas := uint64(1)
	if d.Replicas != nil {
		replicas = uint64(max(*d.Replicas, 0))
	}
	switch d.Mode {
	case "replicated":
		return swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}}, nil
	case "global":
		return swarm.ServiceMode{Global: &swarm.GlobalService{}}, nil
	case "replicated-job":
		atOnce := replicas
		if r.Parallelism > 0 {
			atOnce = min(uint64(r.Parallelism), replicas)
		}
		return swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: &atOnce, TotalCompletions: &replicas}}, nil
	default:
		return swarm.ServiceMode{}, fmt.Errorf("services of mode %q are not known", d.Mode)
	}
}

func restartPolicy(p *stack.RestartPolicy) *swarm.RestartPolicy {
	if p == nil {
		return nil
	}
	out := &swarm.RestartPolicy{Condition: swarm.RestartPolicyCondition(p.Condition)}
	if p.MaxAttempts != nil {
		n := uint64(max(*p.MaxAttempts, 0))
		out.MaxAttempts = &n
	}
	return out
}

func placement(p *stack.Placement) *swarm.Placement {
	if p == nil {
		return nil
	}
	out := &swarm.Placement{Constraints: plain(p.Constraints), MaxReplicas: uint64(max(p.MaxPerNode, 0))}
	for _, x := range p.Preferences {
		out.Preferences = append(out.Preferences, swarm.PlacementPreference{Spread: &swarm.SpreadOver{SpreadDescriptor: x.Spread}})
	}
	return out
}

func resources(r *stack.Resources) (*swarm.ResourceRequirements, error) {
	if r == nil {
		return nil, nil
	}
	out := &swarm.ResourceRequirements{}
	if r.Limits != nil {
		cpu, memory, err := amounts(*r.Limits)
		if err != nil {
			return nil, err
		}
		out.Limits = &swarm.Limit{NanoCPUs: cpu, MemoryBytes: memory}
	}
	if r.Reservations != nil {
		cpu, memory, err := amounts(*r.Reservations)
		if err != nil {
			return nil, err
		}
		out.Reservations = &swarm.Resources{NanoCPUs: cpu, MemoryBytes: memory}
	}
	return out, nil
}

// amounts reads processors in billionths, and memory in bytes from what package swarm writes: "64M" or "1000b".
func amounts(a stack.Amounts) (cpu, memory int64, err error) {
	if a.CPUs != "" {
		f, err := strconv.ParseFloat(a.CPUs, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu = int64(f*1000+0.5) * 1e6
	}
	unit := int64(1)
	number, isBytes := strings.CutSuffix(a.Memory, "b")
	if !isBytes {
		number, unit = strings.TrimSuffix(a.Memory, "M"), 1<<20
	}
	if number != "" {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		memory = n * unit
	}
	return cpu, memory, nil
}

func updateConfig(u *stack.UpdateConfig) (*swarm.UpdateConfig, error) {
	if u == nil {
		return nil, nil
	}
	out := &swarm.UpdateConfig{Parallelism: uint64(max(u.Parallelism, 0)), FailureAction: swarm.FailureAction(u.FailureAction), Order: swarm.UpdateOrder(u.Order)}
	if u.Monitor != "" {
		d, err := time.ParseDuration(u.Monitor)
		if err != nil {
			return nil, err
		}
		out.Monitor = d
	}
	return out, nil
}

func ports(list []stack.Port) []swarm.PortConfig {
	var out []swarm.PortConfig
	for _, p := range list {
		out = append(out, swarm.PortConfig{
			Protocol: network.IPProtocol(p.Protocol), TargetPort: uint32(p.Target), PublishedPort: uint32(p.Published),
			PublishMode: swarm.PortConfigPublishMode(p.Mode),
		})
	}
	return out
}

// plain is a list of what package swarm quotes for stack files only when it prints them.
func plain[T ~string](list []T) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

// labels copies labels and adds others, given as key, value, key, value.
func labels[T ~string](from map[string]T, more ...string) map[string]string {
	out := make(map[string]string, len(from)+len(more)/2)
	for k, v := range from {
		out[k] = string(v)
	}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func mode32(mode int) os.FileMode { return os.FileMode(mode) & os.ModePerm }
